"""What the generators of TIFF files share: names of layouts, compressions and samples, and the pictures in them."""

import numpy as np
from PIL import Image

from common import as_rgb, grey_of, opacity, picture

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
    """Inks as Pillow turns them into RGB, without profiles."""
    return np.asarray(Image.fromarray(np.ascontiguousarray(inks), "CMYK").convert("RGB"))


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
