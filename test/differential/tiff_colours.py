"""TIFF files by their colour space: CIELAB, YCbCr with coarse chroma, masks, inks, palettes."""

import zlib

import numpy as np
from PIL import Image

from common import SIZE, grey_of, opacity, picture
from tiff_parts import COMPRESSIONS, INKS, add, naive_cmyk, scaled, subject
from tiff_writer import lzw, write


def generate(corpus):
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
        add(corpus, lambda: write(inks, photometric=5, extra=(kind,)), {"photometric": "cmyk", "extra": kind}, naive_cmyk(inks[..., :4]), tolerance=INKS, must=False)
    cmyk = scaled(inks[..., :4], 16)
    for endian in "<>":
        add(corpus, lambda: write(cmyk, bits=16, photometric=5, endian=endian), {"photometric": "cmyk", "samples": "4x16", "endian": endian}, must=False, tolerance=INKS)
    add(corpus, lambda: write(inks[..., :3], photometric=5), {"photometric": "cmyk", "samples": "3x8"}, must=False)
    for inkset in (1, 2):
        add(corpus, lambda: write(inks[..., :4], photometric=5, tags={332: (3, [inkset])}), {"photometric": "cmyk", "inkset": inkset}, naive_cmyk(inks[..., :4]), tolerance=INKS, must=inkset == 1)
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
        raw = np.ascontiguousarray(data.astype(np.uint8)).tobytes()
        return lzw(raw) if compression == 5 else zlib.compress(raw) if compression == 8 else raw

    return write(ycc, photometric=6, tile=tile, rows=rows, compression=compression, tags={530: (3, [across, down]), **limits}, encoder=units)
