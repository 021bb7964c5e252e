"""TIFF files over every structural axis: layout, compression, samples, colour, tags."""

import io

import numpy as np
from PIL import Image

from common import EQUAL, SIZE, SIZES, as_rgb, covering, grey_of, opacity, picture, saved, through
from tiff_writer import lzw, write

COMPRESSIONS = {"none": 1, "lzw": 5, "deflate": 8, "deflate-old": 32946, "packbits": 32773}
LAYOUTS = {"one-strip": (None, None), "rows-7": (None, 7), "rows-1": (None, 1), "rows-64": (None, 64), "tiles-16x16": ((16, 16), None),
           "tiles-32x32": ((32, 32), None), "tiles-16x48": ((16, 48), None), "tiles-128x128": ((128, 128), None)}  # fmt: skip
# Inks are turned into RGB by rounding.
INKS = (1, 2)
# name: bits, sample format, samples, extra samples
SAMPLES = {
    "grey1": (1, 1, 1, ()), "grey2": (2, 1, 1, ()), "grey4": (4, 1, 1, ()), "grey8": (8, 1, 1, ()), "grey12": (12, 1, 1, ()), "grey16": (16, 1, 1, ()),
    "rgb8": (8, 1, 3, ()), "rgb16": (16, 1, 3, ()), "rgba8": (8, 1, 4, (2,)), "rgba16": (16, 1, 4, (2,)), "grey8-alpha": (8, 1, 2, (2,)),
    "palette8": (8, 1, 1, ()), "palette4": (4, 1, 1, ()), "cmyk8": (8, 1, 4, ()),
}  # fmt: skip
AXES = {
    "samples": ["rgb8", *(name for name in SAMPLES if name != "rgb8")],
    "layout": list(LAYOUTS),
    "planar": [1, 2],
    "compression": list(COMPRESSIONS),
    "predictor": [1, 2],
    "endian": ["<", ">"],
    "big": [False, True],
    "fill": [1, 2],
    "white": ["one", "zero"],
    "order": ["forward", "backward"],
    "size": ["%dx%d" % size for size in [SIZE, *SIZES]],
}


def fits(case):
    bits, _, count, _ = SAMPLES[case["samples"]]
    if case["predictor"] == 2 and (bits not in (8, 16) or case["compression"] in ("none", "packbits") or case["samples"].startswith("palette")):
        return False
    if case["white"] == "zero" and not case["samples"].startswith("grey"):
        return False
    return case["planar"] == 1 or count > 1


def readable(case):
    """Whether any decoder that is there reads it: none has 12 bits or planes of inks, libvips no tiles of separate planes."""
    if case["samples"] == "grey12" or (case["samples"] == "cmyk8" and (case["planar"] == 2 or case["fill"] == 2 or case["big"])):
        return False
    return case["planar"] == 1 or not case["layout"].startswith("tiles")


def scaled(values, bits):
    """8-bit values in `bits` bits, with the low bits of 16 filled in another way than the high ones."""
    if bits == 16:
        return values.astype(int) * 256 + (values.astype(int) * 37 + 11) % 256
    if bits == 12:
        return values.astype(int) * 16 + (values.astype(int) * 7) % 16
    return values.astype(int) >> (8 - bits)


def shown(values, bits):
    """What Pillow makes of grey samples: few bits are spread over 0..255, of many the high byte stays."""
    if bits > 8:
        return (values >> (bits - 8)).astype(np.uint8)
    return (values * 255 // ((1 << bits) - 1)).astype(np.uint8)


def naive_cmyk(inks):
    c, m, y, k = (255 - inks[..., n].astype(int) for n in range(4))
    return np.stack([np.asarray(Image.fromarray(inks, "CMYK").convert("RGB"))[..., n] for n in range(3)], axis=-1)


def subject(samples, size, white="one"):
    """(values, the right picture, further options of the writer)."""
    rgb = picture(*size)
    bits, fmt, count, extra = SAMPLES[samples]
    options = {"bits": bits, "fmt": fmt, "extra": extra}
    if samples.startswith("palette"):
        indexed = Image.fromarray(rgb).quantize(1 << bits)
        entries = np.zeros((1 << bits, 3), int)
        table = np.array(indexed.getpalette()[: 3 << bits]).reshape(-1, 3)
        entries[: len(table)] = table
        values = np.asarray(indexed)[..., None]
        return values, entries[values[..., 0]].astype(np.uint8), {**options, "photometric": 3, "palette": (entries.T * 257).reshape(-1).tolist()}
    if samples == "cmyk8":
        inks = np.concatenate([255 - rgb, (opacity(*size) // 3)[..., None]], axis=-1)
        return inks, naive_cmyk(inks), {**options, "photometric": 5}
    if samples.startswith("grey"):
        grey = scaled(grey_of(rgb), bits)
        right = as_rgb(shown(grey, bits))
        values = (1 << bits) - 1 - grey if white == "zero" else grey
        bands = [values, scaled(opacity(*size), bits)][:count]
        return np.stack(bands, axis=-1), right, {**options, "photometric": 0 if white == "zero" else 1}
    values = scaled(rgb, bits)
    if count == 4:
        values = np.concatenate([values, scaled(opacity(*size), bits)[..., None]], axis=-1)
    return values, shown(values[..., :3], bits) if bits > 8 else rgb, {**options, "photometric": 2}


def add(corpus, make, axes, source=None, **options):
    data = corpus.attempt(f"tiff {axes}", make)
    if data is not None:
        corpus.add("tiff", "tif", data, axes, source=source, **options)


def structured(case):
    size = tuple(int(n) for n in case["size"].split("x"))
    values, right, options = subject(case["samples"], size, case["white"])
    tile, rows = LAYOUTS[case["layout"]]
    options.update(tile=tile, rows=rows, planar=case["planar"], compression=COMPRESSIONS[case["compression"]], predictor=case["predictor"])
    options.update(endian=case["endian"], big=case["big"], fill=case["fill"], order=case["order"])
    return values, right, options


def premultiplied(rgb, alpha, top=255):
    """Colours multiplied by alpha, and what dividing again gives (Pillow: rounding down, cut at the top)."""
    alpha = alpha.astype(int)[..., None]
    stored = (rgb.astype(int) * alpha + top // 2) // top
    back = np.where(alpha == 0, stored, np.minimum(stored * top // np.maximum(alpha, 1), top))
    return np.concatenate([stored, alpha], axis=-1), back


def sample_variants(corpus):
    """Extra samples, sample formats, and depths that stand alone."""
    rgb, alpha = picture(), opacity()
    grey = grey_of(rgb)
    divided = lambda kind: (0.1, 1) if kind == 1 else EQUAL
    stack = lambda *bands: np.concatenate([band if band.ndim == 3 else band[..., None] for band in bands], axis=-1)
    for kind in (0, 1, 2, 999):
        for planar in (1, 2):
            for compression in ("none", "lzw", "deflate"):
                values, right = stack(rgb, alpha), rgb
                if kind == 1:
                    values, right = premultiplied(rgb, alpha)
                axes = {"samples": "rgb8", "extra": kind, "planar": planar, "compression": compression}
                make = lambda: write(values, extra=(kind,), planar=planar, compression=COMPRESSIONS[compression], rows=16)
                add(corpus, make, axes, right.astype(np.uint8), tolerance=divided(kind), must=planar == 1 or kind != 1)
    for kind in (0, 1, 2):
        deep = scaled(stack(rgb, alpha), 16)
        right = rgb
        if kind == 1:
            deep, back = premultiplied(scaled(rgb, 16), scaled(alpha, 16), 65535)
            right = (back >> 8).astype(np.uint8)
        for endian in "<>":
            add(corpus, lambda: write(deep, bits=16, extra=(kind,), endian=endian), {"samples": "rgb16", "extra": kind, "endian": endian}, right, trust="pillow", must=kind != 1)
    add(corpus, lambda: write(stack(rgb, alpha), photometric=2), {"samples": "rgb8", "extra": "missing"}, rgb)
    add(corpus, lambda: write(stack(rgb, alpha), extra=(1, 0)[:0], photometric=2, bits=8, planar=2), {"samples": "rgb8", "extra": "missing", "planar": 2}, rgb)
    for extra in ((0, 0), (2, 0), (1, 0), (0, 2)):
        values = stack(rgb, alpha, grey)
        right = rgb
        if extra[0] == 1:
            values, right = premultiplied(rgb, alpha)
            values = stack(values, grey)
        add(corpus, lambda: write(values, extra=extra, photometric=2), {"samples": "rgb8", "extra": extra}, right.astype(np.uint8), must=False, tolerance=divided(extra[0]))
    for kind in (0, 1, 2):
        add(corpus, lambda: write(stack(grey, alpha), extra=(kind,), photometric=1), {"samples": "grey8", "extra": kind}, as_rgb(grey) if kind != 1 else None, must=kind == 2)
    for bits, fmt in ((8, 2), (16, 2), (32, 1), (32, 2), (16, 3), (32, 3), (64, 3), (24, 1), (64, 1)):
        for count in (1, 3):
            for compression, predictor in (("none", 1), ("lzw", 1), ("deflate", 2), ("deflate", 3)):
                if (predictor == 3 and (fmt != 3 or bits == 64)) or (predictor == 2 and (bits in (24, 64) or (fmt == 3 and bits == 16))):
                    continue
                values = (grey[..., None] if count == 1 else rgb).astype(int)
                if fmt == 3:
                    values = values / 255
                elif fmt == 2:
                    values = values // 2
                axes = {"samples": f"{count}x{bits}", "sample-format": fmt, "compression": compression, "predictor": predictor}
                make = lambda: write(values, bits=bits, fmt=fmt, compression=COMPRESSIONS[compression], predictor=predictor, rows=20)
                add(corpus, make, axes, must=False)
    for bits in (3, 5, 6, 7, 9, 10, 14):
        add(corpus, lambda: write(grey[..., None].astype(int) << 8 >> (16 - bits), bits=bits), {"samples": f"grey{bits}"}, must=False)
    for bits in (2, 4, 12):
        add(corpus, lambda: write(scaled(rgb, bits), bits=bits), {"samples": f"rgb{bits}"}, must=False)


def colours(corpus):
    """Colour spaces beside grey, RGB, palette and plain CMYK."""
    rgb = picture()
    lab = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    add(corpus, lambda: write(lab, photometric=8), {"photometric": "cielab"}, must=False)
    add(corpus, lambda: write(lab, photometric=9), {"photometric": "icclab"}, must=False)
    ycc = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    limits = {532: (5, [(0, 1), (255, 1), (128, 1), (255, 1), (128, 1), (255, 1)])}
    for sub in ((1, 1), (2, 1), (2, 2), (1, 2), (4, 1), (4, 4)):
        for compression in ("none", "lzw", "deflate"):
            for layout in ("one-strip", "rows-16", "tiles-32x32"):
                if sub == (4, 4) and layout == "tiles-32x32":
                    continue  # the readers of libtiff disagree among themselves at the edges

                def make():
                    across, down = sub
                    options = {"tile": (32, 32)} if layout == "tiles-32x32" else {"rows": 16} if layout == "rows-16" else {}
                    return subsampled(ycc, across, down, COMPRESSIONS[compression], limits, options)

                axes = {"photometric": "ycbcr", "subsampling": "%dx%d" % sub, "compression": compression, "layout": layout}
                # Pillow takes uncompressed tiles of it for RGB.
                known = {"source": rgb, "trust": "source", "tolerance": (1, 4)} if sub == (1, 1) and compression == "none" else {}
                add(corpus, make, axes, must=False, **known)
    add(corpus, lambda: write(grey_of(rgb)[..., None], photometric=4, bits=8), {"photometric": "mask"}, must=False)
    add(corpus, lambda: write((grey_of(rgb) >> 7)[..., None], photometric=4, bits=1), {"photometric": "mask", "samples": "1x1"}, must=False)
    add(corpus, lambda: write(rgb, photometric=1), {"photometric": "grey-of-3-samples"}, must=False)
    add(corpus, lambda: write(rgb, photometric=32803), {"photometric": "cfa"}, must=False)
    add(corpus, lambda: write(rgb, photometric=34892), {"photometric": "linear-raw"}, must=False)
    add(corpus, lambda: write(rgb, without=(262,)), {"photometric": "missing"}, must=False)
    inks = np.concatenate([255 - rgb, (opacity() // 3)[..., None], opacity()[..., None]], axis=-1)
    for kind in (0, 1, 2):
        add(corpus, lambda: write(inks, photometric=5, extra=(kind,)), {"photometric": "cmyk", "extra": kind}, naive_cmyk(np.ascontiguousarray(inks[..., :4])), tolerance=INKS, must=False)
    cmyk = scaled(inks[..., :4], 16)
    for endian in "<>":
        add(corpus, lambda: write(cmyk, bits=16, photometric=5, endian=endian), {"photometric": "cmyk", "samples": "4x16", "endian": endian}, must=False, tolerance=INKS)
    add(corpus, lambda: write(inks[..., :3], photometric=5), {"photometric": "cmyk", "samples": "3x8"}, must=False)
    for inkset in (1, 2):
        add(corpus, lambda: write(inks[..., :4], photometric=5, tags={332: (3, [inkset])}), {"photometric": "cmyk", "inkset": inkset}, naive_cmyk(np.ascontiguousarray(inks[..., :4])), tolerance=INKS, must=inkset == 1)
    values, right, options = subject("palette8", SIZE)
    small = [n // 257 for n in options["palette"]]
    add(corpus, lambda: write(values, **{**options, "palette": small}), {"photometric": "palette", "palette": "8-bit entries"}, must=False)
    for bits in (1, 2):
        indexed = np.asarray(Image.fromarray(rgb).quantize(1 << bits))[..., None]
        table = (np.arange(3 << bits) * 5003 % 256)
        add(corpus, lambda: write(indexed, bits=bits, photometric=3, palette=(table * 257).tolist()), {"photometric": "palette", "samples": f"palette{bits}"},
            table.reshape(3, -1).T[indexed[..., 0]].astype(np.uint8))


def subsampled(ycc, across, down, compression, limits, options):
    """YCbCr with chroma of one value for `across` x `down` pixels, in the data units that TIFF wants."""
    tile, rows = options.get("tile"), options.get("rows")
    height, width = ycc.shape[:2]

    def units(block):
        block = np.pad(block, ((0, -block.shape[0] % down), (0, -block.shape[1] % across), (0, 0)), mode="edge")
        h, w = block.shape[0] // down, block.shape[1] // across
        cells = block.reshape(h, down, w, across, 3).transpose(0, 2, 1, 3, 4).reshape(h, w, down * across, 3)
        chroma = np.rint(cells[..., 1:].mean(axis=2)).astype(np.uint8)
        data = np.concatenate([cells[..., 0], chroma], axis=-1)
        import zlib
        raw = np.ascontiguousarray(data.astype(np.uint8)).tobytes()
        return lzw(raw) if compression == 5 else zlib.compress(raw) if compression == 8 else raw

    return write(ycc, photometric=6, tile=tile, rows=rows, compression=compression, tags={530: (3, [across, down]), **limits}, encoder=units)


def tag_variants(corpus):
    """Tags missing, of other types, in odd places."""
    rgb = picture()
    cases = {
        "no-rows-per-strip": dict(without=(278,)),
        "rows-per-strip-max": dict(tags={278: (4, [0xFFFFFFFF])}),
        "rows-per-strip-0": dict(tags={278: (4, [0])}),
        "rows-per-strip-long": dict(rows=10, tags={278: (4, [10])}),
        "no-strip-byte-counts": dict(without=(279,)),
        "strip-byte-counts-0": dict(tags={279: (4, [0])}),
        "strip-byte-counts-short": dict(tags={279: (4, [100])}),
        "strip-byte-counts-large": dict(tags={279: (4, [100000])}),
        "offsets-short": dict(offset_type=3, rows=7),
        "size-long": dict(tags={256: (4, [SIZE[0]]), 257: (4, [SIZE[1]])}),
        "size-byte": dict(tags={256: (1, [SIZE[0]]), 257: (1, [SIZE[1]])}),
        "no-planar": dict(without=(284,)),
        "no-compression": dict(without=(259,)),
        "bits-one-value": dict(tags={258: (3, [8])}),
        "no-bits": dict(without=(258,)),
        "no-samples-per-pixel": dict(without=(277,)),
        "sample-format-1": dict(tags={339: (3, [1, 1, 1])}),
        "sample-format-one-value": dict(tags={339: (3, [1])}),
        "sample-format-4": dict(tags={339: (3, [4, 4, 4])}),
        "sample-min-max": dict(tags={280: (3, [0, 0, 0]), 281: (3, [255, 255, 255])}),
        "ifd-first": dict(ifd="first"),
        "gaps": dict(pad=37, rows=8),
        "two-pages": dict(pages=2),
        "three-pages-backward": dict(pages=3, order="backward", rows=9),
        "icc": dict(tags={34675: (7, bytes(600))}),
        "xmp": dict(tags={700: (1, [60] * 40)}),
        "strings": dict(tags={270: (2, b"a picture\0"), 305: (2, b"generate.py\0")}),
        "resolution": dict(tags={282: (5, [(72, 1)]), 283: (5, [(72, 1)]), 296: (3, [2])}),
        "private-tags": dict(tags={65000: (4, [1, 2, 3]), 65001: (7, b"private")}),
        "subfile-type-1": dict(tags={254: (4, [1])}),
        "subfile-type-2": dict(tags={254: (4, [2])}),
        "page-number": dict(tags={297: (3, [0, 2])}),
        "gps-exif-pointers": dict(tags={34665: (4, [8])}),
        "white-point": dict(tags={318: (5, [(3127, 10000), (3290, 10000)])}),
        "threshholding": dict(tags={263: (3, [1])}),
    }  # fmt: skip
    for kind, options in cases.items():
        for compression in ("none", "lzw", "deflate"):
            for endian in ("<", ">") if compression == "none" else ("<",):
                extra = {"tags": kind, "compression": compression, "endian": endian}
                damaged = "byte-counts-short" in kind or (kind == "no-compression" and compression != "none")
                add(corpus, lambda: write(rgb, **{**options, "endian": endian, "compression": COMPRESSIONS[compression]}), extra, rgb if not damaged else None, must=False)
    for orientation in range(1, 9):
        for compression in ("none", "lzw"):
            for layout in ("rows-7", "tiles-16x16"):
                tile, rows = LAYOUTS[layout]
                make = lambda: write(rgb, orientation=orientation, compression=COMPRESSIONS[compression], tile=tile, rows=rows)
                add(corpus, make, {"orientation": orientation, "compression": compression, "layout": layout})


def generate(corpus, seed):
    for case in covering(AXES, fits, seed):
        values, right, options = structured(case)
        deep = SAMPLES[case["samples"]][0] in (12, 16) and case["samples"].startswith("grey")
        add(corpus, lambda: write(values, **options), case, right, trust="source" if deep else None, tolerance=INKS if case["samples"] == "cmyk8" else EQUAL, must=readable(case))
    sample_variants(corpus)
    colours(corpus)
    tag_variants(corpus)
    import tiff_encoders

    tiff_encoders.generate(corpus)
