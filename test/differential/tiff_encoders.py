"""TIFF files by libtiff's tools, ImageMagick and Pillow: the compressions that our writer lacks, and what those write by default."""

import numpy as np
from PIL import Image, ImageCms

from common import EQUAL, as_rgb, grey_of, opacity, picture, run, saved, through
from tiff_writer import write


# Division by alpha, conversion of inks and JPEG's inverse transform round differently.
ROUNDED = (0.6, 2)
# What may be refused by its name.
RARE = {"zstd", "lzma", "webp", "sgilog", "separate", "tiles-planar", "planar", "lab", "LAB", "ycbcr", "YCbCr", "float-16", "float-32", "F", "depth-12"}


def add(corpus, make, axes, source=None, **options):
    data = corpus.attempt(f"tiff {axes}", make)
    if data is not None:
        words = [str(value) for value in axes.values()]
        rounded = any(word in ("associated", "cmyk", "CMYK") or word.startswith("jpeg") for word in words)
        tolerance = ROUNDED if rounded else EQUAL
        must = not any(word in RARE or word.split(":")[0] in RARE for word in words)
        corpus.add("tiff", "tif", data, axes, source=source, **{"tolerance": tolerance, "must": must, **options})


def tiffcp(data, *options):
    return through(data, ".tif", ".tif", "tiffcp", *options, "{in}", "{out}")


def generate(corpus):
    rgb = picture()
    grey = grey_of(rgb)
    bilevel = (grey > 110).astype(int)[..., None]
    layouts = {"strips-8": ["-s", "-r", "8"], "one-strip": ["-s", "-r", "1000"], "tiles-32x32": ["-t", "-w", "32", "-l", "32"]}
    for compression in ("lzw", "zip", "zip:2", "lzw:2", "zstd", "zstd:2", "lzma", "lzma:2", "packbits", "jpeg", "jpeg:r", "jpeg:50", "none", "webp", "sgilog"):
        for layout, options in layouts.items():
            for planar in ("contig", "separate"):
                axes = {"writer": "tiffcp", "compression": compression, "layout": layout, "planar": planar}
                lossless = compression.split(":")[0] not in ("jpeg", "webp", "sgilog")
                add(corpus, lambda: tiffcp(write(rgb), "-c", compression, *options, "-p", planar), axes, rgb if lossless else None)
    for compression in ("lzw", "zip", "jpeg", "zstd", "lzma"):
        axes = {"writer": "tiffcp", "samples": "grey8", "compression": compression}
        add(corpus, lambda: tiffcp(write(grey[..., None]), "-c", compression), axes, as_rgb(grey) if compression != "jpeg" else None)
    for compression in ("g3:1d", "g3:2d", "g3:fill", "g4", "lzw", "zip", "packbits", "none"):
        for layout, options in layouts.items():
            for fill in ("lsb2msb", "msb2lsb"):
                for white in (0, 1):
                    axes = {"writer": "tiffcp", "samples": "bilevel", "compression": compression, "layout": layout, "fill": fill, "photometric": white}
                    data = write(bilevel if white else 1 - bilevel, bits=1, photometric=white)
                    add(corpus, lambda: tiffcp(data, "-c", compression, *options, "-f", fill), axes, as_rgb((bilevel[..., 0] * 255).astype(np.uint8)))
    for endian in ("-L", "-B"):
        for big in ([], ["-8"]):
            add(corpus, lambda: tiffcp(write(rgb), endian, *big, "-c", "lzw:2"), {"writer": "tiffcp", "endian": endian, "big": bool(big)}, rgb)
    convert(corpus, rgb)
    for compression in ("tiff_ccitt", "group3", "group4", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "jpeg", "lzma", "zstd", "webp", "tiff_raw_16", "tiff_sgilog"):
        for mode in ("1", "L", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "P", "I;16", "F"):
            if (mode == "1") != (compression in ("tiff_ccitt", "group3", "group4")) and compression not in ("tiff_lzw", "packbits"):
                continue
            make = lambda: saved(pillow_image(rgb, mode), format="TIFF", compression=compression)
            source = as_rgb(grey) if mode == "I;16" else None
            trust = "source" if mode == "I;16" else None
            add(corpus, make, {"writer": "Pillow", "samples": mode, "compression": compression}, source, trust=trust)
    for end in (True, False):
        for tile in (None, (16, 48)):
            axes = {"compression": "lzw", "end-code": end, "layout": "tiles-16x48" if tile else "one-strip"}
            add(corpus, lambda: write(rgb, compression=5, tile=tile, end_code=end), axes, rgb)
    add(corpus, lambda: write(rgb, compression=5, old_lzw=True, rows=8), {"compression": "lzw-old-bit-order"}, rgb, must=False)
    old = saved(Image.fromarray(rgb), format="JPEG")
    tags = {513: (4, [8]), 514: (4, [len(old)]), 530: (3, [2, 2]), 512: (3, [1])}
    add(corpus, lambda: write(rgb, compression=6, photometric=6, tags=tags, encoder=lambda block: old), {"compression": "jpeg-old"}, must=False)
    for number in (2, 3, 4, 9, 10, 34712, 32809, 65000):
        add(corpus, lambda: write(rgb, compression=number), {"compression": number}, must=False)


def pillow_image(rgb, mode):
    image = Image.fromarray(rgb)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(opacity()))
        return image
    if mode == "I;16":
        return Image.fromarray(grey_of(rgb).astype(np.uint16) * 256 + 77)
    if mode == "LAB":
        transform = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
        return ImageCms.applyTransform(image, transform)
    return image.convert(mode)


def convert(corpus, rgb):
    """ImageMagick's defines."""
    rgba = saved(pillow_image(rgb, "RGBA"), format="PNG")
    png = saved(Image.fromarray(rgb), format="PNG")
    cases = {
        "associated": (rgba, ["-define", "tiff:alpha=associated"]),
        "unassociated": (rgba, ["-define", "tiff:alpha=unassociated"]),
        "unspecified": (rgba, ["-define", "tiff:alpha=unspecified"]),
        "tiles": (png, ["-define", "tiff:tile-geometry=32x32"]),
        "tiles-planar": (png, ["-define", "tiff:tile-geometry=32x32", "-interlace", "plane"]),
        "planar": (png, ["-interlace", "plane"]),
        "depth-16": (png, ["-depth", "16"]),
        "depth-12": (png, ["-depth", "12"]),
        "depth-4": (png, ["-depth", "4"]),
        "float-32": (png, ["-depth", "32", "-define", "quantum:format=floating-point"]),
        "float-16": (png, ["-depth", "16", "-define", "quantum:format=floating-point"]),
        "grey": (png, ["-colorspace", "gray"]),
        "bilevel": (png, ["-colorspace", "gray", "-monochrome"]),
        "palette": (png, ["-type", "palette"]),
        "cmyk": (png, ["-colorspace", "CMYK"]),
        "lab": (png, ["-colorspace", "Lab"]),
        "ycbcr": (png, ["-colorspace", "YCbCr"]),
        "lsb": (png, ["-define", "tiff:fill-order=lsb"]),
        "big-endian": (png, ["-define", "tiff:endian=msb"]),
        "min-is-white": (png, ["-colorspace", "gray", "-define", "quantum:polarity=min-is-white"]),
    }
    for kind, (data, options) in cases.items():
        for compression in ("none", "lzw", "zip", "rle", "jpeg", "lzma", "zstd", "group4"):
            if compression == "group4" and kind != "bilevel":
                continue
            make = lambda: run("convert", "png:-", *options, "-compress", compression, "tiff:-", data=data)
            axes = {"writer": "ImageMagick", "kind": kind, "compression": compression}
            add(corpus, make, axes)
