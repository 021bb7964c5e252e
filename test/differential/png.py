"""PNG files over every structural axis: colour type, depth, interlace, filters, zlib's choices, chunks and their order."""

import struct
import zlib

import numpy as np
from PIL import Image

from common import SIZE, SIZES, as_rgb, covering, grey_of, opacity, picture, saved

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# name: (colour type, depth)
KINDS = {f"{name}{depth}": (kind, depth) for name, kind, depths in (
    ("rgb", 2, (8, 16)), ("grey", 0, (1, 2, 4, 8, 16)), ("palette", 3, (1, 2, 4, 8)), ("grey-alpha", 4, (8, 16)), ("rgba", 6, (8, 16))) for depth in depths}  # fmt: skip
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
AXES = {
    "kind": list(KINDS),
    "interlace": [0, 1],
    "filter": ["mixed", 0, 1, 2, 3, 4],
    "level": [6, 0, 1, 9],
    "window": [15, 9, 12],
    "idat": ["one", "many", "bytes", "with-empty"],
    "transparency": ["none", "tRNS"],
    "size": ["%dx%d" % size for size in [SIZE, *SIZES]],
}


def fits(case):
    return case["transparency"] == "none" or "alpha" not in case["kind"] and not case["kind"].startswith("rgba")


def chunk(kind, data=b""):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def subject(kind, width, height):
    """(samples, the right picture, chunks of the palette)."""
    colour, depth = KINDS[kind]
    rgb = picture(width, height)
    widened = lambda values: values.astype(int) * 256 + (values.astype(int) * 91 + 5) % 256 if depth == 16 else values.astype(int)
    alpha = widened(opacity(width, height))[..., None]
    if colour == 3:
        indexed = np.asarray(Image.fromarray(rgb).quantize(1 << depth))[..., None].astype(int)
        table = (np.arange((int(indexed.max()) + 1) * 3) * 5003 % 256).astype(np.uint8).reshape(-1, 3)
        return indexed, table[indexed[..., 0]], [chunk(b"PLTE", table.tobytes())]
    if colour in (0, 4):
        grey = grey_of(rgb)
        values = widened(grey) if depth >= 8 else grey.astype(int) >> (8 - depth)
        right = as_rgb(grey if depth >= 8 else (values * 255 // ((1 << depth) - 1)).astype(np.uint8))
        values = values[..., None]
    else:
        values, right = widened(rgb), rgb
    return np.concatenate([values, alpha], axis=-1) if colour & 4 else values, right, []


def scanlines(samples, depth):
    """Rows of samples as bytes."""
    flat = samples.reshape(samples.shape[0], -1)
    if depth == 16:
        return [row.astype(">u2").tobytes() for row in flat]
    if depth == 8:
        return [row.astype(np.uint8).tobytes() for row in flat]
    bits = (flat[..., None] >> np.arange(depth - 1, -1, -1)) & 1
    return [row.tobytes() for row in np.packbits(bits.reshape(len(flat), -1).astype(np.uint8), axis=1)]


def filtered(rows, step, choice):
    """Rows behind their filter bytes."""
    out, above = b"", None
    for number, text in enumerate(rows):
        row = np.frombuffer(text, np.uint8).astype(int)
        above = np.zeros_like(row) if above is None else above
        left = np.concatenate([np.zeros(step, int), row])[: len(row)]
        corner = np.concatenate([np.zeros(step, int), above])[: len(row)]
        guess = left + above - corner
        near = np.stack([abs(guess - left), abs(guess - above), abs(guess - corner)])
        paeth = np.choose(np.argmin(near, axis=0), [left, above, corner])
        kind = number % 5 if choice == "mixed" else choice
        out += bytes([kind]) + ((row - [0, left, above, (left + above) // 2, paeth][kind]) % 256).astype(np.uint8).tobytes()
        above = row
    return out


def image_data(samples, depth, interlace, choice="mixed", level=6, window=15):
    step = max(1, samples.shape[2] * depth // 8)
    passes = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7] if interlace else [samples]
    text = b"".join(filtered(scanlines(part, depth), step, choice) for part in passes if part.size)
    packer = zlib.compressobj(level, zlib.DEFLATED, window)
    return packer.compress(text) + packer.flush()


def idats(data, how):
    if how == "one":
        return [chunk(b"IDAT", data)]
    step = {"many": max(1, len(data) // 7), "bytes": max(1, len(data) // 200), "with-empty": max(1, len(data) // 3)}[how]
    parts = [chunk(b"IDAT", data[at : at + step]) for at in range(0, len(data), step)]
    return [parts[0], chunk(b"IDAT"), *parts[1:], chunk(b"IDAT")] if how == "with-empty" else parts


def header(kind, width, height, interlace=0):
    colour, depth = KINDS[kind]
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def transparency(kind, samples):
    colour, _ = KINDS[kind]
    if colour == 3:
        return chunk(b"tRNS", bytes([0, 128, 255])[: int(samples.max()) + 1])
    return chunk(b"tRNS", b"".join(struct.pack(">H", int(v)) for v in samples[0, 0]))


def build(case):
    width, height = (int(n) for n in case["size"].split("x"))
    kind, interlace = case["kind"], case["interlace"]
    samples, right, palette = subject(kind, width, height)
    data = image_data(samples, KINDS[kind][1], interlace, case["filter"], case["level"], case["window"])
    clear = [transparency(kind, samples)] if case["transparency"] == "tRNS" else []
    parts = [header(kind, width, height, interlace), *palette, *clear, *idats(data, case["idat"]), chunk(b"IEND")]
    return SIGNATURE + b"".join(parts), right


def chunk_variants():
    """What may stand around the picture, by name: (file, whether it must be refused)."""
    rgb = picture()
    data = image_data(rgb.astype(int), 8, 0)
    head, body, end = header("rgb8", *SIZE), idats(data, "one"), chunk(b"IEND")
    before = lambda *parts: SIGNATURE + head + b"".join(parts) + b"".join(body) + end
    after = lambda *parts: SIGNATURE + head + b"".join(body) + b"".join(parts) + end
    exif = lambda n: chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([n]) + b"\0\0\0\0\0\0")
    gamma = lambda value: chunk(b"gAMA", struct.pack(">I", value))
    chrm = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
    icc = chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(600)))
    frame = lambda n, w, h, x=0, y=0: chunk(b"fcTL", struct.pack(">IIIIIHHBB", n, w, h, x, y, 1, 10, 0, 0))
    other = image_data(255 - rgb.astype(int), 8, 0)
    fdat = lambda n: chunk(b"fdAT", struct.pack(">I", n) + other)
    actl = chunk(b"acTL", struct.pack(">II", 2, 0))
    cases = {
        "gamma-45455": before(gamma(45455)), "gamma-100000": before(gamma(100000)), "gamma-20000": before(gamma(20000)), "gamma-0": before(gamma(0)),
        "chrm": before(chrm), "srgb": before(chunk(b"sRGB", b"\0")), "srgb+gamma+chrm": before(chunk(b"sRGB", b"\1"), gamma(45455), chrm),
        "iccp": before(icc), "iccp+srgb": before(icc, chunk(b"sRGB", b"\0")), "sbit": before(chunk(b"sBIT", b"\5\6\5")), "sbit-1": before(chunk(b"sBIT", b"\1\1\1")),
        "bkgd": before(chunk(b"bKGD", b"\0\xff\0\0\0\0")), "phys": before(chunk(b"pHYs", struct.pack(">IIB", 2835, 5670, 1))), "time": before(chunk(b"tIME", b"\7\xea\1\1\0\0\0")),
        "text": before(chunk(b"tEXt", b"Title\0a picture")), "ztxt": before(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 900))),
        "itxt": before(chunk(b"iTXt", b"Title\0\0\0de\0Titel\0Bild")), "itxt-compressed": before(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"<x/>"))),
        "text-after": after(chunk(b"tEXt", b"Title\0a picture")), "hist-splt": before(chunk(b"sPLT", b"name\0\x08" + bytes(6))),
        "suggested-palette": before(chunk(b"PLTE", bytes(range(30)))), "unknown-ancillary": before(chunk(b"prVt", b"private" * 30)), "unknown-after": after(chunk(b"prVt", b"x")),
        "unknown-critical": before(chunk(b"CrIt", b"x")), "cicp-srgb": before(chunk(b"cICP", b"\1\x0d\0\1")), "cicp-pq": before(chunk(b"cICP", b"\x09\x10\0\1")),
        "many-chunks": before(*[chunk(b"tEXt", b"k%d\0v" % n) for n in range(500)]), "empty-text": before(chunk(b"tEXt")),
        "trailing-data": SIGNATURE + head + body[0] + end + b"trailing" * 50, "second-png": (SIGNATURE + head + body[0] + end) * 2,
        "apng-default-in": SIGNATURE + head + actl + frame(0, *SIZE) + body[0] + frame(1, *SIZE) + fdat(2) + end,
        "apng-default-out": SIGNATURE + head + chunk(b"acTL", struct.pack(">II", 1, 0)) + body[0] + frame(0, *SIZE) + fdat(1) + end,
        "apng-actl-after": SIGNATURE + head + body[0] + actl + end,
        "extra-zlib-data": SIGNATURE + head + idats(data + b"more", "one")[0] + end,
        "extra-rows": SIGNATURE + head + idats(image_data(np.concatenate([rgb, rgb[:3]]).astype(int), 8, 0), "one")[0] + end,
        "gap-in-idat": SIGNATURE + head + idats(data, "many")[0] + chunk(b"tEXt", b"k\0v") + b"".join(idats(data, "many")[1:]) + end,
    }  # fmt: skip
    cases.update({f"exif-{n}": before(exif(n)) for n in range(1, 9)})
    cases["exif-after"] = after(exif(6))
    refused = {
        "cgbi": SIGNATURE + chunk(b"CgBI", b"\x50\0\x20\2") + head + chunk(b"IDAT", data[2:-4]) + end,
        "bad-crc": SIGNATURE + head + body[0][:-1] + bytes([body[0][-1] ^ 1]) + end,
        "half": (SIGNATURE + head + body[0])[: len(data) // 2],
        "no-idat": SIGNATURE + head + end,
    }
    return rgb, cases, refused


def generate(corpus, seed):
    for case in covering(AXES, fits, seed):
        data, right = build(case)
        deep = case["kind"] == "grey16"
        corpus.add("png", "png", data, case, source=right, trust="source" if deep else None)
    rgb, cases, refused = chunk_variants()
    unsure = {"unknown-critical", "gap-in-idat", "gamma-0", "extra-rows", "extra-zlib-data", "empty-text"}
    for kind, data in cases.items():
        corpus.add("png", "png", data, {"around": kind}, source=rgb, must=kind not in unsure)
    for kind, data in refused.items():
        corpus.add("png", "png", data, {"around": kind}, refuse=True)
    for depth in (1, 2, 4, 8):
        samples, right, palette = subject(f"palette{depth}", *SIZE)  # a palette too short means nothing: Pillows differ
        full = palette[0][8:-4]
        for kind, table in (("full", full.ljust(3 << depth, b"\7")), ("long", full + bytes(300))):
            data = SIGNATURE + header(f"palette{depth}", *SIZE) + chunk(b"PLTE", table[:768]) + idats(image_data(samples, depth, 0), "one")[0] + chunk(b"IEND")
            axes = {"kind": f"palette{depth}", "palette": kind}
            if kind == "full":
                corpus.add("png", "png", data, axes, source=right)
            else:
                corpus.add("png", "png", data, axes, must=False)
    for mode in ("1", "L", "LA", "I", "I;16", "P", "RGB", "RGBA"):
        image = Image.fromarray(grey_of(rgb).astype(np.int32) * 256 + 9, "I") if mode == "I" else Image.fromarray(grey_of(rgb).astype(np.uint16) * 256 + 9) if mode == "I;16" else Image.fromarray(rgb).convert(mode)
        source = as_rgb(grey_of(rgb)) if mode[0] == "I" else None
        corpus.add("png", "png", saved(image, format="PNG"), {"writer": "Pillow", "mode": mode}, source=source, trust="source" if source is not None else None)
