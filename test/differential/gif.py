"""GIF files over every structural axis: version, depth, tables, interlace, transparency, frames."""

import struct

import numpy as np
from PIL import Image

from common import EQUAL, SIZE, SIZES, picture, saved

INTERLACE = ((0, 8), (4, 8), (2, 4), (1, 2))


def lzw(values, bits, clear_often=False, end=True):
    """GIF's LZW in blocks of up to 255 bytes."""
    least = max(bits, 2)
    clear, stop = 1 << least, (1 << least) + 1
    out, width, table, following = [], least + 1, {(n,): n for n in range(clear)}, stop + 1
    put = lambda code: out.append(format(code, f"0{width}b")[::-1])
    put(clear)
    word = ()
    for value in values:
        longer = word + (value,)
        if longer in table:
            word = longer
            continue
        put(table[word])
        if following < 4096:
            table[longer] = following
            following += 1
            if following > 1 << width and width < 12:
                width += 1
        if following >= (300 if clear_often else 4096):
            put(clear)
            width, table, following = least + 1, {(n,): n for n in range(clear)}, stop + 1
        word = (value,)
    put(table[word])
    if following == 1 << width and width < 12:
        width += 1
    if end:
        put(stop)
    text = "".join(out)
    text += "0" * (-len(text) % 8)
    data = bytes(int(text[at : at + 8][::-1], 2) for at in range(0, len(text), 8))
    return bytes([least]) + b"".join(bytes([len(data[at : at + 255])]) + data[at : at + 255] for at in range(0, len(data), 255)) + b"\0"


def table_of(bits):
    return (np.arange(3 << bits) * 5003 % 251 + 2).astype(np.uint8).tobytes()


def frame(values, bits, at=(0, 0), local=None, interlaced=False, control=None, **options):
    height, width = values.shape
    rows = [values[y] for start, step in INTERLACE for y in range(start, height, step)] if interlaced else list(values)
    flags = (0x80 | bits - 1 if local else 0) | (0x40 if interlaced else 0)
    head = b"\x21\xf9\4" + bytes([control[0]]) + b"\x0a\0" + bytes([control[1]]) + b"\0" if control else b""
    body = lzw([int(v) for v in np.concatenate(rows)], bits, **options)
    return head + b"\x2c" + struct.pack("<HHHH", *at, width, height) + bytes([flags]) + (local or b"") + body


def screen(size, bits, table=True, version=b"GIF89a", background=0):
    flags = (0x80 | bits - 1 if table else 0) | 0x70
    return version + struct.pack("<HH", *size) + bytes([flags, background, 0]) + (table_of(bits) if table else b"")


def generate(corpus, seed):
    for size in [SIZE, *SIZES]:
        for bits in range(1, 9):
            for interlaced in (False, True):
                if size != SIZE and bits not in (1, 8):
                    continue
                values = (picture(*size).astype(int).sum(axis=-1) * 7 // 3) % (1 << bits)
                data = screen(size, bits) + frame(values, bits, interlaced=interlaced) + b"\x3b"
                right = np.frombuffer(table_of(bits), np.uint8).reshape(-1, 3)[values]
                corpus.add("gif", "gif", data, {"bits": bits, "interlaced": interlaced, "size": "%dx%d" % size}, source=right)
    values = (picture().astype(int).sum(axis=-1) * 7 // 3) % 256
    first, second = frame(values, 8), frame(255 - values, 8)
    loop = b"\x21\xff\x0bNETSCAPE2.0\3\1\0\0\0"
    small = frame(values[:30, :40], 8, (11, 7))
    other = bytes(reversed(table_of(8)))
    cases = {
        "87a": screen(SIZE, 8, version=b"GIF87a") + first, "local-table": screen(SIZE, 8, table=False) + frame(values, 8, local=other),
        "both-tables": screen(SIZE, 8) + frame(values, 8, local=other), "transparent": screen(SIZE, 8) + frame(values, 8, control=(1, int(values[3, 3]))),
        "transparent-disposal-2": screen(SIZE, 8) + frame(values, 8, control=(9, 5)) + second, "animated": screen(SIZE, 8) + loop + first + second,
        "animated-small-second": screen(SIZE, 8) + loop + first + small, "comment": screen(SIZE, 8) + b"\x21\xfe\4text\0" + first,
        "plain-text-first": screen(SIZE, 8) + b"\x21\1\x0c" + bytes(12) + b"\2hi\0" + first, "application": screen(SIZE, 8) + b"\x21\xff\x0bXMP DataXMP<x/>\0" + first,
        "clear-often": screen(SIZE, 8) + frame(values, 8, clear_often=True), "no-end-code": screen(SIZE, 8) + frame(values, 8, end=False),
        "background-9": screen(SIZE, 8, background=9) + first,
    }  # fmt: skip
    for kind, data in cases.items():
        # Without an end code a decoder may leave out the last pixel, as sharp's does.
        tolerance = (0.1, 255) if kind == "no-end-code" else EQUAL
        corpus.add("gif", "gif", data + b"\x3b", {"structure": kind}, must=kind not in ("no-end-code", "application"), tolerance=tolerance)
    unlike = {
        "small-first": screen(SIZE, 8) + small + second, "small-first-background-9": screen(SIZE, 8, background=9) + small + second,
        "small-first-transparent": screen(SIZE, 8) + frame(values[:30, :40], 8, (11, 7), control=(1, 5)) + second,
    }  # fmt: skip
    right = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    right[7:37, 11:51] = np.frombuffer(table_of(8), np.uint8).reshape(-1, 3)[values[:30, :40]]
    for kind, data in unlike.items():
        corpus.add("gif", "gif", data + b"\x3b", {"structure": kind}, source=right, trust="source", must=False)
    whole = screen(SIZE, 8) + first
    refused = {"outside": screen(SIZE, 8) + frame(values, 8, (5, 5)) + b"\x3b", "half": whole[: len(whole) // 2], "no-frame": screen(SIZE, 8) + b"\x3b"}
    for kind, data in refused.items():
        corpus.add("gif", "gif", data, {"structure": kind}, refuse=True)
    corpus.add("gif", "gif", whole, {"structure": "no-trailer"}, must=False)
    corpus.add("gif", "gif", whole + b"\x3b" + b"trailing" * 20, {"structure": "trailing"})
    for mode in ("1", "L", "P", "RGB"):
        corpus.add("gif", "gif", saved(Image.fromarray(picture()).convert(mode), format="GIF"), {"writer": "Pillow", "mode": mode})
