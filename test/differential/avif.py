"""AVIF files over every structural axis that libavif's encoder writes: chroma, depth, alpha, range, matrices, turns, grids."""

import os
import tempfile

import numpy as np
from PIL import Image, ImageCms

from common import SIZES, as_rgb, opacity, picture, pillow_rgb, run, through

# Rounding of YCbCr to RGB and of 10 and 12 bits to 8 differs between libraries and their versions. Where chroma is
# upsampled, sharp edges differ more, but the mean stays: taking the nearest chroma instead gives a mean above 2.
FULL, SUBSAMPLED = (1.2, 5), (1.2, 64)


def avifenc(image, *options, more=()):
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for number, one in enumerate([image, *more]):
            names.append(os.path.join(folder, f"{number}.png"))
            one.save(names[-1])
        target = os.path.join(folder, "out.avif")
        run("avifenc", "-s", "10", "-j", "1", *options, *names, target)
        with open(target, "rb") as file:
            return file.read()


def read(data):
    """What libavif's decoder says: 8 bits, turns not applied, alpha dropped."""
    return pillow_rgb(through(data, ".avif", ".png", "avifdec", "-d", "8", "-j", "1", "-u", "bilinear", "{in}", "{out}"))


def read_grey(data, depth, span):
    """Luma alone, by hand: this decoder forgets the limited range of grey pictures without alpha."""
    text = through(data, ".avif", ".y4m", "avifdec", "-j", "1", "{in}", "{out}")
    head, body = text.split(b"\n", 1)
    width, height = (int(field[1:]) for field in head.split(b" ")[1:3])
    body = body[body.index(b"\n") + 1 :]
    luma = np.frombuffer(body, np.uint8 if depth == 8 else "<u2", width * height).reshape(height, width) / (1 << (depth - 8))
    if span == "limited":
        luma = (luma - 16) * 255 / 219
    return as_rgb(np.clip(np.rint(luma), 0, 255).astype(np.uint8))


def generate(corpus, seed):
    rgb = Image.fromarray(picture())
    rgba = rgb.copy()
    rgba.putalpha(Image.fromarray(opacity()))

    def add(axes, *options, image=rgb, more=(), must=True):
        chroma = axes.get("chroma", "444")

        def make():
            data = avifenc(image, *options, more=more)
            return data, read_grey(data, int(axes["depth"]), axes["range"]) if chroma == "400" else read(data)

        made = corpus.attempt(f"avif {axes}", make)
        if made is not None:
            corpus.add("avif", "avif", made[0], axes, source=made[1], trust="source", tolerance=FULL if chroma in ("444", "400") and "premultiplied" not in axes else SUBSAMPLED, must=must)

    for chroma in ("444", "422", "420", "400"):
        for depth in ("8", "10", "12"):
            for span in ("full", "limited"):
                for image, name in ((rgb, "no"), (rgba, "yes")):
                    add({"chroma": chroma, "depth": depth, "range": span, "alpha": name}, "--yuv", chroma, "-d", depth, "-r", span, image=image)
    for chroma in ("444", "420"):
        for matrix in (0, 1, 2, 4, 5, 6, 7, 9, 12, 8):
            if matrix == 0 and chroma != "444":
                continue
            add({"chroma": chroma, "matrix": matrix}, "--yuv", chroma, "--cicp", f"1/13/{matrix}")
    for primaries, transfer in ((1, 13), (9, 16), (9, 18), (12, 13), (1, 8), (2, 2), (1, 4)):
        add({"primaries": primaries, "transfer": transfer}, "--cicp", f"{primaries}/{transfer}/6")
    for size in SIZES:
        for image in (Image.fromarray(picture(*size)),):
            for chroma in ("444", "420"):
                add({"chroma": chroma, "size": "%dx%d" % size}, "--yuv", chroma, image=image)
    for turn in range(4):
        add({"irot": turn}, "--irot", str(turn))
        for mirror in (0, 1):
            add({"irot": turn, "imir": mirror}, "--irot", str(turn), "--imir", str(mirror))
    for mirror in (0, 1):
        add({"imir": mirror}, "--imir", str(mirror))
    add({"clap": "yes"}, "--clap", "41,1,41,1,0,1,0,1", must=False)
    add({"pasp": "yes"}, "--pasp", "2,1")
    add({"premultiplied": "yes"}, "--premultiply", image=rgba, must=False)
    add({"premultiplied": "yes", "chroma": "444"}, "--premultiply", "--yuv", "444", image=rgba, must=False)
    for quantizer in (0, 20, 63):
        add({"quantizer": quantizer}, "--min", str(quantizer), "--max", str(quantizer))
    add({"lossless": "yes"}, "--lossless")
    add({"lossless": "yes", "alpha": "yes"}, "--lossless", image=rgba)
    for codec_option in ("--tilerowslog2 1 --tilecolslog2 1", "--autotiling"):
        add({"tiles": codec_option}, *codec_option.split(), image=Image.fromarray(picture(257, 129)))
    grid = Image.fromarray(picture(256, 192))
    for cells in ("2x2", "1x2", "2x3"):
        for chroma in ("444", "420"):
            add({"grid": cells, "chroma": chroma}, "--grid", cells, "--yuv", chroma, image=grid, must=False)
    for alpha in (rgb, rgba):
        add({"sequence": "3 frames", "alpha": "yes" if alpha is rgba else "no"}, image=alpha, more=(Image.fromarray(255 - picture()),) * 2, must=False)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with tempfile.TemporaryDirectory() as folder:
        for name, content, option in (("icc", profile, "--icc"), ("xmp", b"<x/>", "--xmp"), ("exif", Image.Exif().tobytes()[6:] or b"MM\0*\0\0\0\x08\0\0\0\0\0\0", "--exif")):
            path = os.path.join(folder, name)
            with open(path, "wb") as file:
                file.write(content)
            add({"metadata": name}, option, path)
        for turn in range(1, 9):
            with open(path, "wb") as file:
                file.write(b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([turn]) + b"\0\0\0\0\0\0")
            add({"metadata": "exif", "exif-orientation": turn}, "--exif", path)
    whole = corpus.attempt("avif truncated", lambda: avifenc(rgb))
    if whole is not None:
        corpus.add("avif", "avif", whole[: len(whole) // 2], {"truncated": "half"}, refuse=True)
        corpus.add("avif", "avif", whole + b"trailing" * 30, {"around": "trailing"}, source=read(whole), trust="source", tolerance=FULL)
        corpus.add("avif", "avif", whole + b"\0\0\0\x10free" + bytes(8), {"around": "free-box-after"}, source=read(whole), trust="source", tolerance=FULL)
