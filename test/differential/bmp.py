"""BMP files over every structural axis: header, depth, compression, masks, palettes, offsets, sizes."""

import struct

import numpy as np
from PIL import Image

from common import EQUAL, SIZE, SIZES, covering, opacity, picture, saved

# Masks that every program writes.
PLAIN = ("565", "555", "8888-bgrx", "8888-bgra", "8888-rgba")
# Five bits spread over 0..255 are rounded down by some and to the nearest by others.
SPREAD = (1, 1)
MASKS = {
    "565": (16, 0xF800, 0x7E0, 0x1F, 0), "555": (16, 0x7C00, 0x3E0, 0x1F, 0), "444": (16, 0xF00, 0xF0, 0xF, 0), "4444": (16, 0xF00, 0xF0, 0xF, 0xF000),
    "1555": (16, 0x7C00, 0x3E0, 0x1F, 0x8000), "bgr565": (16, 0x1F, 0x7E0, 0xF800, 0), "332": (16, 0xE0, 0x1C, 0x3, 0),
    "8888-bgrx": (32, 0xFF0000, 0xFF00, 0xFF, 0), "8888-bgra": (32, 0xFF0000, 0xFF00, 0xFF, 0xFF000000), "8888-rgba": (32, 0xFF, 0xFF00, 0xFF0000, 0xFF000000),
    "8888-rgbx": (32, 0xFF, 0xFF00, 0xFF0000, 0), "8888-xbgr": (32, 0xFF000000, 0xFF0000, 0xFF00, 0), "8888-abgr": (32, 0xFF000000, 0xFF0000, 0xFF00, 0xFF),
    "1010102": (32, 0x3FF00000, 0xFFC00, 0x3FF, 0), "all-0": (32, 0, 0, 0, 0), "888-24": (24, 0xFF0000, 0xFF00, 0xFF, 0),
}  # fmt: skip
AXES = {
    "bits": [24, 1, 2, 4, 8, 16, 32],
    "header": [40, 12, 16, 52, 56, 64, 108, 124],
    "rows": ["bottom-up", "top-down"],
    "offset": ["right", "gap", "0", "forgets-palette"],
    "colours-used": ["0", "all", "less", "more"],
    "sizes": ["right", "0", "wrong"],
    "size": ["%dx%d" % size for size in [SIZE, *SIZES]],
}


def fits(case):
    palette = case["bits"] <= 8
    if case["header"] in (12, 16) and (case["rows"] == "top-down" or case["colours-used"] != "0"):
        return False
    return palette or (case["offset"] != "forgets-palette" and case["colours-used"] in ("0", "more"))


def palette_of(bits, used=None):
    """Colours none of which is grey, so that nobody takes them for a grey ramp."""
    count = used or 1 << bits
    return (np.arange(count * 3) * 5003 % 251 + 2).astype(np.uint8).reshape(-1, 3)


def field(value, mask):
    """An 8-bit value moved into a mask's bits."""
    if mask == 0:
        return 0
    shift = (mask & -mask).bit_length() - 1
    width = (mask >> shift).bit_length()
    return (value.astype(np.int64) << max(0, width - 8) >> max(0, 8 - width)) << shift


def packed(values, bits):
    """Rows of `bits` a pixel, padded to four bytes, top row first."""
    if bits < 8:
        spread = (values[..., None] >> np.arange(bits - 1, -1, -1)) & 1
        rows = [row.tobytes() for row in np.packbits(spread.reshape(len(values), -1).astype(np.uint8), axis=1)]
    elif bits == 24:
        rows = [row.tobytes() for row in values[..., ::-1].astype(np.uint8)]
    else:
        rows = [row.astype(f"<u{bits // 8}").tobytes() for row in values]
    return [row + bytes(-len(row) % 4) for row in rows]


def write(size, bits, data, header=40, compression=0, palette=None, masks=None, top_down=False, offset="right", used=0, sizes="right", tail_masks=b""):
    """A file of a header, a palette and pixel data."""
    width, height = size
    entry = 3 if header == 12 else 4
    table = b"".join(bytes([b, g, r]) + bytes(entry - 3) for r, g, b in palette.tolist()) if palette is not None else b""
    image_size = {"right": len(data), "0": 0, "wrong": 12345}[sizes]
    signed = -height if top_down else height
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    elif header == 16:
        info = struct.pack("<IIIHH", 16, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, signed, 1, bits, compression, image_size, 2835, 2835, used, 0)
        if header >= 52 and header != 64:
            info += struct.pack("<III", *(masks or (0, 0, 0, 0))[:3])
        if header >= 56 and header != 64:
            info += struct.pack("<I", (masks or (0, 0, 0, 0))[3])
        if header >= 108:
            info += b"BGRs" + bytes(48)
        info = info.ljust(header, b"\0")
    gap = bytes(10) if offset == "gap" else b""
    start = 14 + len(info) + len(tail_masks) + len(table) + len(gap)
    stated = {"0": 0, "forgets-palette": 14 + len(info)}.get(offset, start)
    total = {"right": start + len(data), "0": 0, "wrong": 99}[sizes]
    return b"BM" + struct.pack("<IHHI", total, 0, 0, stated) + info + tail_masks + table + gap + data


def flow(rows, top_down):
    return b"".join(rows if top_down else reversed(rows))


def build(case):
    """(file, the right picture)."""
    size = tuple(int(n) for n in case["size"].split("x"))
    rgb, bits, header = picture(*size), case["bits"], case["header"]
    top_down = case["rows"] == "top-down"
    options = {"header": header, "top_down": top_down, "offset": case["offset"], "sizes": case["sizes"]}
    if bits <= 8:
        count = 1 << bits
        used = {"0": 0, "all": count, "less": max(1, count - 1), "more": count + 5}[case["colours-used"]]
        table = palette_of(bits, used)
        values = (rgb.astype(int).sum(axis=-1) * 7 // 3) % min(count, len(table))
        return write(size, bits, flow(packed(values, bits), top_down), palette=table, used=used, **options), table[values]
    used = 7 if case["colours-used"] == "more" else 0
    table = palette_of(8, 7) if used else None
    if bits == 24:
        return write(size, 24, flow(packed(rgb, 24), top_down), palette=table, used=used, **options), rgb
    if bits == 32:
        values = field(rgb[..., 0], 0xFF0000) | field(rgb[..., 1], 0xFF00) | field(rgb[..., 2], 0xFF) | field(opacity(*size), 0xFF000000)
        return write(size, 32, flow(packed(values, 32), top_down), palette=table, used=used, **options), rgb
    values = field(rgb[..., 0], 0x7C00) | field(rgb[..., 1], 0x3E0) | field(rgb[..., 2], 0x1F)
    right = ((rgb.astype(int) >> 3) * 255 // 31).astype(np.uint8)
    return write(size, 16, flow(packed(values, 16), top_down), palette=table, used=used, **options), right


def masked(name, header, compression, top_down=False):
    bits, *masks = MASKS[name]
    rgb = picture()
    values = sum((field(rgb[..., i], masks[i]) for i in range(3)), np.zeros(rgb.shape[:2], np.int64)) | field(opacity(), masks[3])
    if name == "all-0":
        values = field(rgb[..., 0], 0xFF0000) | field(rgb[..., 1], 0xFF00) | field(rgb[..., 2], 0xFF)
    if bits == 24:
        rows = packed(rgb, 24)
    else:
        rows = packed(values, bits)
    tail = struct.pack("<IIII" if compression == 6 else "<III", *masks[: 4 if compression == 6 else 3]) if header == 40 else b""
    right = rgb.astype(int)
    for i in range(3):
        width = bin(masks[i]).count("1")
        if 0 < width < 8:
            right[..., i] = (right[..., i] >> (8 - width)) * 255 // ((1 << width) - 1)
    return write(SIZE, bits, flow(rows, top_down), header=header, compression=compression, masks=masks, top_down=top_down, tail_masks=tail), right.astype(np.uint8)


def rle(values, four, style):
    """RLE8 or RLE4, bottom row first. Styles: runs, absolute, delta (skips what is 0), no-end, short-rows."""
    out = bytearray()
    rows = values[::-1]
    for number, row in enumerate(rows):
        at, row = 0, row.tolist()
        while at < len(row):
            run = 1
            while at + run < len(row) and run < 255 and row[at + run] == row[at]:
                run += 1
            if style == "delta" and row[at] == 0 and run > 1 and at + run < len(row):
                out += bytes([0, 2, run, 0])
                at += run
            elif style == "absolute" and len(row) - at >= 4:
                count = min(len(row) - at, 20 if four else 21)
                part = row[at : at + count]
                body = bytes(a << 4 | b for a, b in zip(part[::2], (part + [0])[1::2])) if four else bytes(part)
                out += bytes([0, count]) + body + bytes(len(body) % 2)
                at += count
            else:
                out += bytes([run, row[at] * 17 if four else row[at]])
                at += run
        last = number + 1 == len(rows)
        if not (last and style == "no-end"):
            out += b"\0\1" if last else b"\0\0"
    return bytes(out)


def generate(corpus, seed):
    for case in covering(AXES, fits, seed):
        data, right = build(case)
        common = case["bits"] != 2 and case["header"] not in (16, 64) and case["colours-used"] != "more"
        # Pillow 9.4 takes the entries of OS/2's palettes for four bytes there, 12.3 for three.
        misread = case["header"] == 12 and case["offset"] == "forgets-palette"
        trust = "source" if misread else "pillow"
        corpus.add("bmp", "bmp", data, case, source=right, trust=trust, tolerance=SPREAD if case["bits"] == 16 else EQUAL, must=common)
    for name in MASKS:
        for header in (40, 52, 56, 108, 124):
            for top_down in (False, True):
                data, right = masked(name, header, 3, top_down)
                axes = {"compression": "bitfields", "masks": name, "header": header, "rows": "top-down" if top_down else "bottom-up"}
                corpus.add("bmp", "bmp", data, axes, source=right, must=name in PLAIN, tolerance=SPREAD)
        data, right = masked(name, 40, 6)
        corpus.add("bmp", "bmp", data, {"compression": "alphabitfields", "masks": name, "header": 40}, source=right, must=False, tolerance=SPREAD)
    for four in (False, True):
        bits = 4 if four else 8
        table = palette_of(bits)
        for size in [SIZE, *SIZES]:
            rgb = picture(*size)
            values = (rgb.astype(int).sum(axis=-1) // 60) % (1 << bits)
            for style in ("runs", "absolute", "delta", "no-end"):
                for header in (40, 64, 108, 124) if size == SIZE else (40,):
                    data = write(size, bits, rle(values, four, style), header=header, compression=2 if four else 1, palette=table)
                    axes = {"compression": "rle4" if four else "rle8", "style": style, "header": header, "size": "%dx%d" % size}
                    corpus.add("bmp", "bmp", data, axes, source=table[values], must=header != 64 and style in ("runs", "absolute"), trust="source")
    body = write(SIZE, 24, b"\xff\xd8\xff" + bytes(500), compression=4)
    corpus.add("bmp", "bmp", body, {"compression": "jpeg"}, refuse=True)
    corpus.add("bmp", "bmp", write(SIZE, 24, b"\x89PNG" + bytes(500), compression=5), {"compression": "png"}, refuse=True)
    whole, _ = build({axis: values[0] for axis, values in AXES.items()})
    corpus.add("bmp", "bmp", whole[: len(whole) // 2], {"truncated": "half"}, refuse=True)
    grey = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    values = picture()[..., 0].astype(int)
    corpus.add("bmp", "bmp", write(SIZE, 8, flow(packed(values, 8), False), palette=grey), {"palette": "grey-ramp"}, source=grey[values])
    two = np.array([[0, 0, 0], [255, 255, 255]], np.uint8)
    for table in (two, two[::-1]):
        corpus.add("bmp", "bmp", write(SIZE, 1, flow(packed(values >> 7, 1), False), palette=table), {"palette": "black-white" if table is two else "white-black"}, source=table[values >> 7])
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        corpus.add("bmp", "bmp", saved(Image.fromarray(picture()).convert(mode), format="BMP"), {"writer": "Pillow", "mode": mode})
