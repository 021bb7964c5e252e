"""WebP files over every structural axis: coding, alpha, containers, animation, chunks around."""

import struct

import numpy as np
from PIL import Image

from common import SIZE, SIZES, opacity, picture, saved, through


def chunk(kind, data):
    return kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def riff(*chunks):
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def chunks_of(data):
    at, out = 12, []
    while at + 8 <= len(data):
        size = struct.unpack("<I", data[at + 4 : at + 8])[0]
        out.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    return out


def extended(flags, size, *chunks):
    width, height = size
    return riff(chunk(b"VP8X", bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")), *chunks)


def cwebp(rgb, *options, alpha=None):
    image = Image.fromarray(rgb)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    return through(saved(image, format="PNG"), ".png", ".webp", "cwebp", "-quiet", *options, "{in}", "-o", "{out}")


def frame(data, size, at=(0, 0), flags=0):
    """An ANMF chunk of a still file's picture chunks."""
    body = b"".join(chunk(kind, content) for kind, content in chunks_of(data) if kind in (b"VP8 ", b"VP8L", b"ALPH"))
    numbers = (at[0] // 2, at[1] // 2, size[0] - 1, size[1] - 1, 100)
    return chunk(b"ANMF", b"".join(n.to_bytes(3, "little") for n in numbers) + bytes([flags]) + body)


def add(corpus, make, axes, **options):
    data = corpus.attempt(f"webp {axes}", make)
    if data is not None:
        corpus.add("webp", "webp", data, axes, **options)


def generate(corpus, seed):
    rgb, alpha = picture(), opacity()
    for size in [SIZE, *SIZES]:
        for coding in (["-q", "75"], ["-lossless"]):
            for clear in (None, opacity(*size)):
                add(corpus, lambda: cwebp(picture(*size), *coding, alpha=clear), {"coding": coding[0], "alpha": clear is not None, "size": "%dx%d" % size})
    for quality in (0, 10, 50, 90, 100):
        add(corpus, lambda: cwebp(rgb, "-q", str(quality)), {"coding": "lossy", "quality": quality})
    for option in (["-segments", "1"], ["-segments", "4"], ["-partition_limit", "50"], ["-f", "0"], ["-f", "100"], ["-sharpness", "7"], ["-strong"], ["-nostrong"],
                   ["-sharp_yuv"], ["-m", "0"], ["-m", "6"], ["-sns", "100"], ["-pass", "10"], ["-low_memory"], ["-preset", "text"], ["-jpeg_like"]):  # fmt: skip
        add(corpus, lambda: cwebp(rgb, *option), {"coding": "lossy", "option": " ".join(option)})
    for option in (["-z", "0"], ["-z", "9"], ["-near_lossless", "40"], ["-exact"], ["-m", "0"], ["-hint", "graph"]):
        for clear in (None, alpha):
            add(corpus, lambda: cwebp(rgb, "-lossless", *option, alpha=clear), {"coding": "lossless", "alpha": clear is not None, "option": " ".join(option)})
    few = (rgb // 64) * 64
    for colours in (few, (few > 64) * np.uint8(255), np.zeros_like(rgb) + 77):
        add(corpus, lambda: cwebp(colours.astype(np.uint8), "-lossless"), {"coding": "lossless", "colours": len(np.unique(colours.reshape(-1, 3), axis=0))})
    for method in ("0", "1"):
        for kind in ("none", "fast", "best"):
            for quality in ("100", "30"):
                axes = {"coding": "lossy", "alpha": True, "alpha-method": method, "alpha-filter": kind, "alpha-quality": quality}
                add(corpus, lambda: cwebp(rgb, "-alpha_method", method, "-alpha_filter", kind, "-alpha_q", quality, alpha=alpha), axes)
    containers(corpus, rgb, alpha)
    animations(corpus, rgb, alpha)


def containers(corpus, rgb, alpha):
    lossy, lossless = cwebp(rgb), cwebp(rgb, "-lossless")
    exif = lambda n: chunk(b"EXIF", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([n]) + b"\0\0\0\0\0\0")
    for name, data in (("lossy", lossy), ("lossless", lossless)):
        still = b"".join(chunk(*pair) for pair in chunks_of(data))
        cases = {
            "vp8x-plain": extended(0, SIZE, still), "vp8x-icc": extended(0x20, SIZE, chunk(b"ICCP", bytes(601)), still), "vp8x-xmp": extended(4, SIZE, still, chunk(b"XMP ", b"<x/>")),
            "vp8x-all": extended(0x2C, SIZE, chunk(b"ICCP", bytes(600)), still, exif(1), chunk(b"XMP ", b"<xx/>")), "unknown-chunk": extended(0, SIZE, chunk(b"prvt", b"odd"), still),
            "unknown-after": extended(0, SIZE, still, chunk(b"prvt", b"odd")), "trailing": data + b"trailing bytes", "trailing-odd": data + b"x", "alpha-flag-without": extended(0x10, SIZE, still),
            "exif-flag-missing": extended(0, SIZE, still, exif(6)), "riff-too-long": data[:4] + struct.pack("<I", len(data) + 100) + data[8:],
            "icc-flag-without": extended(0x20, SIZE, still), "simple-unknown-after": riff(still, chunk(b"prvt", b"12")),
        }  # fmt: skip
        cases.update({f"vp8x-exif-{n}": extended(8, SIZE, still, exif(n)) for n in range(1, 9)})
        for kind, content in cases.items():
            sure = kind.startswith("vp8x") or kind in ("trailing", "unknown-after")
            corpus.add("webp", "webp", content, {"coding": name, "container": kind}, must=sure)
        for kind, content in (("half", data[: len(data) // 2]), ("canvas-larger", extended(0, (SIZE[0] + 8, SIZE[1]), still))):
            corpus.add("webp", "webp", content, {"coding": name, "damaged": kind}, refuse=True)


def animations(corpus, rgb, alpha):
    width, height = SIZE
    part = rgb[: height - 20, : width - 30]
    clear = cwebp(part, alpha=alpha[: height - 20, : width - 30])
    anim = lambda colour: chunk(b"ANIM", colour + b"\0\0")
    for coding in ([], ["-lossless"]):
        whole, second = cwebp(rgb, *coding), cwebp(255 - rgb, *coding)
        small = cwebp(part, *coding)
        for background in (b"\0\0\0\0", b"\xff\0\0\xff"):
            name = {"coding": coding[0] if coding else "lossy", "background": background.hex()}
            corpus.add("webp", "webp", extended(2, SIZE, anim(background), frame(whole, SIZE), frame(second, SIZE)), {**name, "animated": "whole first frame"})
            corpus.add("webp", "webp", extended(2, SIZE, anim(background), frame(whole, SIZE)), {**name, "animated": "one frame"})
            sub = frame(small, (width - 30, height - 20), (20, 10))
            corpus.add("webp", "webp", extended(2, SIZE, anim(background), sub, frame(second, SIZE)), {**name, "animated": "first frame smaller"}, must=False)
            corpus.add("webp", "webp", extended(0x12, SIZE, anim(background), sub, frame(second, SIZE)), {**name, "animated": "first frame smaller, alpha flag"}, must=False)
            see = cwebp(rgb, *coding, alpha=alpha)
            corpus.add("webp", "webp", extended(0x12, SIZE, anim(background), frame(see, SIZE), frame(second, SIZE)), {**name, "animated": "alpha"}, must=False)
            corpus.add("webp", "webp", extended(0x12, SIZE, anim(background), frame(see, SIZE, flags=2), frame(second, SIZE)), {**name, "animated": "alpha, no blending"}, must=False)
    images = [Image.fromarray(rgb), Image.fromarray(255 - rgb)]
    for lossless in (False, True):
        data = saved(images[0], format="WEBP", save_all=True, append_images=images[1:], lossless=lossless)
        corpus.add("webp", "webp", data, {"writer": "Pillow", "animated": "yes", "lossless": lossless})
