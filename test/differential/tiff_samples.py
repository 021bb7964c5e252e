"""TIFF files by their samples: extra samples, sample formats, depths that stand alone."""

import numpy as np

from common import EQUAL, as_rgb, grey_of, opacity, picture
from tiff_parts import COMPRESSIONS, add, scaled
from tiff_writer import write


def premultiplied(rgb, alpha, top=255):
    """Colours multiplied by alpha, and what dividing again gives (Pillow: rounding down, cut at the top)."""
    alpha = alpha.astype(int)[..., None]
    stored = (rgb.astype(int) * alpha + top // 2) // top
    back = np.where(alpha == 0, stored, np.minimum(stored * top // np.maximum(alpha, 1), top))
    return np.concatenate([stored, alpha], axis=-1), back


def generate(corpus):
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
    add(corpus, lambda: write(stack(rgb, alpha), photometric=2, planar=2), {"samples": "rgb8", "extra": "missing", "planar": 2}, rgb)
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
