"""JPEG files over every structural axis: process, scans, sampling, restarts, colour markers, tables, other segments."""

import tempfile

import numpy as np
from PIL import Image

from common import SIZE, SIZES, covering, grey_of, opacity, picture, saved, through
from jpeg_encoder import encode, encode_lossless, join, parse, segment

JFIF = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
ADOBE = {n: segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([n])) for n in (0, 1, 2)}
MARKERS = {
    "jfif": [JFIF],
    "none": [],
    "adobe0": [ADOBE[0]],
    "adobe1": [ADOBE[1]],
    "adobe2": [ADOBE[2]],
    "jfif+adobe0": [JFIF, ADOBE[0]],
    "jfif+adobe1": [JFIF, ADOBE[1]],
    "adobe0+jfif": [ADOBE[0], JFIF],
    "adobe1+jfif": [ADOBE[1], JFIF],
    "jfif-1.2-thumbnail": [segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\2\1" + bytes(6))],
}
IDS = {"123": [1, 2, 3, 4], "RGB": [82, 71, 66, 75], "012": [0, 1, 2, 3], "odd": [17, 5, 200, 9]}
# Factors of each component, and whether the greatest is a multiple of each (libjpeg wants that).
SAMPLINGS = [
    "1x1,1x1,1x1", "2x1,1x1,1x1", "2x2,1x1,1x1", "1x2,1x1,1x1", "4x1,1x1,1x1", "4x2,1x1,1x1", "2x4,1x1,1x1", "1x4,1x1,1x1",
    "3x1,1x1,1x1", "1x3,1x1,1x1", "2x2,2x1,2x1", "2x2,1x2,1x2", "2x2,2x1,1x2", "2x2,1x1,2x2", "2x2,2x2,2x2", "2x1,2x1,2x1",
    "1x2,1x2,1x2", "1x1,2x1,2x1", "1x1,2x2,2x2", "1x1,1x2,1x2", "2x1,1x2,1x2", "2x1,1x2,1x1", "1x2,2x1,2x1", "2x1,2x2,1x1",
    "4x1,2x1,2x1", "4x2,2x1,2x1", "2x1,1x1,2x1", "3x1,2x1,2x1", "3x2,1x1,1x1", "4x1,1x1,2x1",
]  # fmt: skip
SCANS = {
    "interleaved": [[0, 1, 2]], "Y,Cb,Cr": [[0], [1], [2]], "Cr,Y,Cb": [[2], [0], [1]], "Cb,Cr,Y": [[1], [2], [0]], "Y,CbCr": [[0], [1, 2]],
    "YCb,Cr": [[0, 1], [2]], "CbCr,Y": [[1, 2], [0]],
}  # fmt: skip
PROGRESSIONS = {
    "progressive": "0,1,2:0-0,0,1;0:1-5,0,2;2:1-63,0,1;1:1-63,0,1;0:6-63,0,2;0:1-63,2,1;0,1,2:0-0,1,0;2:1-63,1,0;1:1-63,1,0;0:1-63,1,0;",
    "progressive-spectral": "0,1,2:0-0,0,0;0:1-63,0,0;1:1-63,0,0;2:1-63,0,0;",
    "progressive-dc-apart": "0:0-0,0,0;1:0-0,0,0;2:0-0,0,0;0:1-9,0,0;1:1-63,0,0;2:1-63,0,0;0:10-63,0,0;",
    "progressive-of-one": "0:0-0,0,1;0:1-5,0,2;0:6-63,0,2;0:1-63,2,1;0:0-0,1,0;0:1-63,1,0;",
    "progressive-chroma-first": "2:0-0,0,0;1:0-0,0,0;0:0-0,0,0;2:1-63,0,0;1:1-63,0,0;0:1-63,0,0;",
}
# The default decoder rounds its inverse transform and its upsampling otherwise than libjpeg-turbo; a wrong colour, a
# block out of place or a wrong upsampling all give more than this.
LOOSE = (1, 24)
# Inks are turned into RGB by rounding, too.
INKS = (0.5, 4)
# Of pictures that no Pillow reads, only the likeness to what was coded can be told.
LOSSY = (8, 255)
LIBJPEG_MCU_BLOCKS = 10
# libjpeg refuses factors of which the greatest is no multiple.
FRACTIONAL = "3x1,2x1,2x1"


def ycc(rgb):
    return [np.asarray(band) for band in Image.fromarray(rgb).convert("YCbCr").split()]


def bands(rgb):
    return [rgb[..., i] for i in range(3)]


def factors_of(sampling):
    return [tuple(int(n) for n in part.split("x")) for part in sampling.split(",")]


def fits(case):
    """Interleaved scans hold at most 10 blocks an MCU, by the standard, and progressive ones have scripts of their own."""
    factors = factors_of(case["sampling"])
    scripted = case["process"] in PROGRESSIONS or case["process"] == "arithmetic-progressive"
    if scripted and (case["scans"] != "interleaved" or sum(h * v for h, v in factors) > LIBJPEG_MCU_BLOCKS):
        return False
    return all(len(scan) == 1 or sum(factors[i][0] * factors[i][1] for i in scan) <= LIBJPEG_MCU_BLOCKS for scan in SCANS[case["scans"]])


def transcode(core, process, scans=((0, 1, 2),), restart=0):
    """The same coefficients in another process, by jpegtran; application segments dropped."""
    if process == "baseline":
        return core
    if process == "extended":
        return [(0xC1 if m == 0xC0 else m, p, e) for m, p, e in core]
    options = ["-restart", f"{restart}B"] if restart else []
    options += {"optimised": ["-optimize"], "arithmetic": ["-arithmetic"], "arithmetic-progressive": ["-arithmetic", "-progressive"]}.get(process, [])
    script = PROGRESSIONS.get(process, "")
    if not script and len(scans) > 1:
        script = "".join(",".join(map(str, scan)) + ";" for scan in scans)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(script)
        file.flush()
        options += ["-scans", file.name] if script else []
        out = through(join([JFIF, *core]), ".jpg", ".jpg", "jpegtran", *options, "-outfile", "{out}", "{in}")
    return [(m, p, e) for m, p, e in parse(out) if not 0xE0 <= m <= 0xEF]


def three(case):
    """Segments of a picture of three components, with its colour markers in front."""
    size = tuple(int(n) for n in case["size"].split("x"))
    rgb = picture(*size)
    # Coded in the colour space that libjpeg will take it for, so that the picture looks like the picture.
    says_rgb = case["markers"] == "adobe0" or (case["markers"] == "none" and case["ids"] == "RGB")
    planes = bands(rgb) if says_rgb else ycc(rgb)
    restart = {"none": 0, "1": 1, "3": 3, "row": -(-size[0] // (8 * max(h for h, _ in factors_of(case["sampling"]))))}[case["restart"]]
    core = encode(planes, factors_of(case["sampling"]), ids=IDS[case["ids"]][:3], scans=SCANS[case["scans"]], restart=restart, quality=int(case["quality"]))
    return MARKERS[case["markers"]] + transcode(core, case["process"], SCANS[case["scans"]], restart)


AXES = {
    "process": ["baseline", "extended", "optimised", *(p for p in PROGRESSIONS if p != "progressive-of-one"), "arithmetic", "arithmetic-progressive"],
    "sampling": SAMPLINGS,
    "scans": list(SCANS),
    "restart": ["none", "1", "3", "row"],
    "markers": list(MARKERS),
    "ids": list(IDS),
    "quality": ["90", "1", "25", "50", "75", "96", "100"],
    "size": ["%dx%d" % size for size in [SIZE, *SIZES]],
}


def tables_case(kind):
    """One file of the tables' axis."""
    core = encode(ycc(picture()), factors_of("2x2,1x1,1x1"), dqt16=kind == "dqt-16-bit")
    dqt, sof, dht, sos = ([s for s in core if s[0] == marker] for marker in (0xDB, 0xC0, 0xC4, 0xDA))
    together = [segment(0xC4, b"".join(payload for _, payload, _ in dht))]
    again = [segment(0xC4, payload) for _, payload, _ in reversed(dht)]
    orders = {
        "dht-apart": [*dqt, *sof, *dht, *sos],
        "dht-together": [*dqt, *sof, *together, *sos],
        "dht-before-sof": [*dqt, *dht, *sof, *sos],
        "dht-before-dqt": [*dht, *dqt, *sof, *sos],
        "dht-missing": [*dqt, *sof, *sos],
        "dht-twice": [*dqt, *dht, *sof, *again, *sos],
        "dht-redefined": [*dqt, segment(0xC4, dht[0][1][:1] + dht[2][1][1:]), *sof, *dht, *sos],
        "dqt-after-sof": [*sof, *dqt, *dht, *sos],
        "dqt-16-bit": [*dqt, *sof, *dht, *sos],
        "dqt-two-in-one": [segment(0xDB, dqt[0][1] + b"\1" + dqt[0][1][1:]), *sof, *dht, *sos],
        "dqt-four": [*dqt, *[segment(0xDB, bytes([n]) + dqt[0][1][1:]) for n in (1, 2, 3)], *sof, *dht, *sos],
    }
    return join([JFIF, *orders[kind]])


TABLES = ["dht-apart", "dht-together", "dht-before-sof", "dht-before-dqt", "dht-missing", "dht-twice", "dht-redefined", "dqt-after-sof",
          "dqt-16-bit", "dqt-two-in-one", "dqt-four"]  # fmt: skip


def exif(orientation, order="MM", thumbnail=b""):
    data = Image.Exif()
    data[0x0112] = orientation
    payload = data.tobytes()
    return segment(0xE1, payload + thumbnail)


def extras(core):
    """What stands around the picture, by name: whole files."""
    head = [JFIF, *core]
    plain = join(head)
    small = join([JFIF, *encode(ycc(picture(16, 16)), factors_of("1x1,1x1,1x1"))])
    icc = b"ICC_PROFILE\0\1\1" + bytes(600)
    cases = {
        "fill-1": join(head, fill=1),
        "fill-5": join(head, fill=5),
        "com": join([JFIF, segment(0xFE, b"a comment"), *core]),
        "com-empty": join([JFIF, segment(0xFE), *core]),
        "com-before-sos": join([*head[:-1], segment(0xFE, b"x" * 300), head[-1]]),
        "app-many": join([JFIF, *[segment(0xE0 + n, b"anything\0" * n) for n in range(2, 16) if n != 14] * 4, *core]),
        "app-64k": join([JFIF, segment(0xE5, bytes(65533)), *core]),
        "icc": join([JFIF, segment(0xE2, icc), *core]),
        "icc-two-parts": join([JFIF, segment(0xE2, icc[:12] + b"\1\2" + bytes(300)), segment(0xE2, icc[:12] + b"\2\2" + bytes(300)), *core]),
        "xmp": join([JFIF, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"), *core]),
        "photoshop": join([JFIF, segment(0xED, b"Photoshop 3.0\x008BIM\4\4\0\0\0\0\0\0"), *core]),
        "exif-thumbnail": join([exif(1, thumbnail=small), JFIF, *core]),
        "jfif-after-exif": join([exif(1), JFIF, *core]),
        "trailing-zeros": plain + bytes(1000),
        "trailing-text": plain + b"trailing text " * 20,
        "trailing-ffd9": plain + b"\xff\xd9",
        "second-image": plain + small,
        "jfxx": join([JFIF, segment(0xE0, b"JFXX\0\x10" + small), *core]),
        "adobe-short": join([JFIF, segment(0xEE, b"Adobe"), *core]),
        "app14-other": join([segment(0xEE, b"Adobf\0\x64\0\0\0\0\0"), *core]),
        "app0-avi1": join([segment(0xE0, b"AVI1\0\0" + bytes(8)), *core]),
        "jfif-late": join([*core[:-1], JFIF, core[-1]]),
        "dri-0": join([JFIF, segment(0xDD, b"\0\0"), *core]),
        "exp-marker": join([JFIF, segment(0xF0, b"1234"), *core]),
    }
    cases.update({f"exif-orientation-{n}": join([exif(n), *core]) for n in range(1, 9)})
    return cases


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
                MARKERS["jfif+adobe2"] = [JFIF, ADOBE[2]]
                for sampling in ("1x1,1x1,1x1,1x1", "2x2,1x1,1x1,2x2"):
                    parts = [255 - p for p in planes] if inverted else planes
                    axes = {"components": 4, "colour": kind, "inverted": inverted, "markers": markers, "sampling": sampling}
                    make = lambda: join([*MARKERS[markers], *encode(parts, factors_of(sampling))])
                    # Transform 1 is meant for three components.
                    add(corpus, make, axes, must=markers != "adobe1", tolerance=INKS, loose=INKS)
    for scans in ([[0], [1], [2], [3]], [[3], [0, 1, 2]]):
        make = lambda: join([ADOBE[2], *encode([y, cb, cr, inks[3]], [(1, 1)] * 4, scans=scans)])
        add(corpus, make, {"components": 4, "colour": "ycck", "markers": "adobe2", "scans": str(scans)}, tolerance=INKS, loose=INKS)
    for process in ("arithmetic", "arithmetic-progressive"):
        make = lambda: join([ADOBE[2], *transcode(encode([y, cb, cr, inks[3]], [(1, 1)] * 4), process)])
        add(corpus, make, {"components": 4, "colour": "ycck", "markers": "adobe2", "process": process}, must=False, tolerance=INKS, loose=INKS)


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


def add(corpus, make, axes, **options):
    data = corpus.attempt(f"jpeg {axes}", make)
    if data is not None:
        corpus.add("jpeg", "jpg", data, axes, **{"loose": LOOSE, **options})


def generate(corpus, seed):
    for case in covering(AXES, fits, seed):
        add(corpus, lambda: join(three(case)), {"components": 3, **case}, must=case["sampling"] != FRACTIONAL)
    for kind in TABLES:
        add(corpus, lambda: tables_case(kind), {"tables": kind})
    core = encode(ycc(picture()), factors_of("2x2,1x1,1x1"))
    for kind, data in extras(core).items():
        add(corpus, lambda: data, {"around": kind})
    other_components(corpus)
    unusual(corpus)
    image = Image.fromarray(picture(200, 150))
    for sampling in (0, 1, 2):
        for progressive in (False, True):
            for quality in (30, 85, 95):
                data = saved(image, format="JPEG", subsampling=sampling, progressive=progressive, quality=quality, optimize=progressive)
                add(corpus, lambda: data, {"writer": "Pillow", "subsampling": sampling, "progressive": progressive, "quality": quality})
    add(corpus, lambda: saved(image.convert("CMYK"), format="JPEG"), {"writer": "Pillow", "components": 4}, tolerance=INKS, loose=INKS)
