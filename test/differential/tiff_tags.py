"""TIFF files by their tags: missing, of other types, in odd places; orientation; pages."""

from common import SIZE, picture
from tiff_parts import COMPRESSIONS, LAYOUTS, add
from tiff_writer import write


def generate(corpus):
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
