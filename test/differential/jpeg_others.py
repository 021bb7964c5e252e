"""JPEG files beside the usual three components: grey, two components, inks, other processes, truncations."""

import numpy as np
from PIL import Image

from common import grey_of, opacity, picture
from jpeg_encoder import encode, encode_lossless, join, segment
from jpeg_parts import ADOBE, INKS, JFIF, LOSSY, MARKERS, add, bands, factors_of, transcode, ycc


def generate(corpus):
    other_components(corpus)
    unusual(corpus)


def other_components(corpus):
    """Grey, two components, CMYK, YCCK."""
    rgb = picture()
    grey = grey_of(rgb)
    for sampling in ("1x1", "2x2", "2x1", "1x2", "3x1", "4x4"):
        for process in ("baseline", "extended", "progressive-of-one", "arithmetic"):
            axes = {"components": 1, "sampling": sampling, "process": process}
            core = encode([grey], factors_of(sampling))
            add(corpus, lambda: join([JFIF, *transcode(core, process, [[0]])]), axes)
    for restart in (1, 3):
        add(corpus, lambda: join([JFIF, *encode([grey], [(2, 2)], restart=restart)]), {"components": 1, "sampling": "2x2", "restart": restart})
    for markers in ("none", "adobe0", "jfif"):
        add(corpus, lambda: join([*MARKERS[markers], *encode([grey], [(1, 1)], ids=[9])]), {"components": 1, "markers": markers, "ids": "odd"})
    for scans in ([[0, 1]], [[0], [1]]):
        add(corpus, lambda: join([JFIF, *encode([grey, grey], [(1, 1), (1, 1)], scans=scans)]), {"components": 2, "scans": len(scans)}, must=False)
    five = [grey, grey, grey, grey, grey]
    add(corpus, lambda: join(encode(five, [(1, 1)] * 5, scans=[[n] for n in range(5)])), {"components": 5}, must=False)
    cmyk = Image.fromarray(rgb).convert("CMYK")
    inks = [np.asarray(band) for band in cmyk.split()]
    inks[3] = opacity() // 3
    y, cb, cr = ycc(255 - np.stack(inks[:3], axis=-1))
    for kind, planes in (("cmyk", inks), ("ycck", [y, cb, cr, inks[3]])):
        for inverted in (False, True):
            for markers in ("none", "adobe0", "adobe2", "adobe1", "jfif", "jfif+adobe2"):
                for sampling in ("1x1,1x1,1x1,1x1", "2x2,1x1,1x1,2x2"):
                    parts = [255 - p for p in planes] if inverted else planes
                    axes = {"components": 4, "colour": kind, "inverted": inverted, "markers": markers, "sampling": sampling}
                    make = lambda: join([*MARKERS[markers], *encode(parts, factors_of(sampling))])
                    # Transform 1 is meant for three components.
                    add(corpus, make, axes, loose=INKS)
    for scans in ([[0], [1], [2], [3]], [[3], [0, 1, 2]]):
        make = lambda: join([ADOBE[2], *encode([y, cb, cr, inks[3]], [(1, 1)] * 4, scans=scans)])
        add(corpus, make, {"components": 4, "colour": "ycck", "markers": "adobe2", "scans": str(scans)}, loose=INKS)
    for process in ("arithmetic", "arithmetic-progressive"):
        make = lambda: join([ADOBE[2], *transcode(encode([y, cb, cr, inks[3]], [(1, 1)] * 4), process)])
        add(corpus, make, {"components": 4, "colour": "ycck", "markers": "adobe2", "process": process}, loose=INKS)


def unusual(corpus):
    """Processes and frames that few decoders know, and truncations."""
    rgb = picture()
    planes = ycc(rgb)
    core = encode(planes, [(1, 1)] * 3)
    dnl = encode(planes, [(1, 1)] * 3, dnl=True)
    add(corpus, lambda: join([JFIF, *dnl]), {"frame": "height-by-DNL"}, must=False, source=rgb, tolerance=LOSSY)
    for kind, parts, ids in (("grey", [grey_of(rgb)], [1]), ("rgb", bands(rgb), [82, 71, 66])):
        source = np.repeat(parts[0][..., None], 3, axis=-1) if kind == "grey" else rgb
        add(corpus, lambda: join(encode_lossless(parts, ids)), {"process": "lossless", "components": kind}, must=False, source=source)
        deep = [p.astype(int) * 257 for p in parts]
        add(corpus, lambda: join(encode_lossless(deep, ids, precision=16)), {"process": "lossless", "precision": 16, "components": kind}, must=False, source=source)
    twelve = [p.astype(int) * 16 + (p >> 4) for p in planes]
    add(corpus, lambda: join([JFIF, *encode(twelve, [(1, 1)] * 3, precision=12, sof=0xC1)]), {"process": "extended", "precision": 12}, must=False, source=rgb, tolerance=LOSSY)
    for kind, sof in (("differential-SOF5", 0xC5), ("differential-SOF6", 0xC6), ("lossless-arithmetic-SOF11", 0xCB), ("SOF13", 0xCD)):
        data = join([JFIF, *[(sof if m == 0xC0 else m, p, e) for m, p, e in core]])
        corpus.add("jpeg", "jpg", data, {"process": kind}, refuse=True)
    hierarchical = join([JFIF, segment(0xDE, core[1][1]), *core])
    add(corpus, lambda: hierarchical, {"process": "hierarchical-DHP"}, must=False)
    whole = join([JFIF, *core])
    for kind, data in (("no-eoi", whole[:-2]), ("half", whole[: len(whole) // 2]), ("in-headers", whole[:200])):
        corpus.add("jpeg", "jpg", data, {"truncated": kind}, refuse=True)
