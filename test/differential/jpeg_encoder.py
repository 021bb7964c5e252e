"""A small JPEG encoder whose every structural choice is free: components, factors, ids, scans, restarts, precision."""

import numpy as np
from PIL import Image

from common import saved

ZIGZAG = np.array([0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
                   28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61,
                   54, 47, 55, 62, 63])
LUMA_STEPS = np.array([16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29,
                       51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121,
                       120, 101, 72, 92, 95, 98, 112, 100, 103, 99])
DCT = np.array([[np.sqrt((1 if k == 0 else 2) / 8) * np.cos((2 * n + 1) * k * np.pi / 16) for n in range(8)] for k in range(8)])


def standard_tables():
    """Annex K's four tables as (class << 4 | id, counts, symbols), taken from what Pillow writes unoptimised."""
    data = saved(Image.new("RGB", (8, 8)), format="JPEG")
    tables = []
    for marker, payload, _ in parse(data):
        while marker == 0xC4 and payload:
            counts = payload[1:17]
            tables.append((payload[0], counts, payload[17 : 17 + sum(counts)]))
            payload = payload[17 + sum(counts) :]
    return tables


def flat_tables():
    """Tables that know every symbol, in one length: for samples of more than 8 bits and for lossless coding."""
    dc = (bytes([0, 0, 0, 0, 17] + [0] * 11), bytes(range(17)))
    ac = (bytes([0] * 8 + [255, 1] + [0] * 6), bytes(range(256)))
    return [(0x00, *dc), (0x10, *ac), (0x01, *dc), (0x11, *ac)]


def codes(counts, symbols):
    """symbol -> (code, length)."""
    table, code, at = {}, 0, 0
    for length, count in enumerate(counts, 1):
        for _ in range(count):
            table[symbols[at]] = (code, length)
            code, at = code + 1, at + 1
        code <<= 1
    return table


class Bits:
    """Entropy-coded bits with stuffed zeros."""

    def __init__(self):
        self.text = []

    def put(self, value, length):
        if length:
            self.text.append(format(value, f"0{length}b"))

    def take(self):
        text = "".join(self.text)
        text += "1" * (-len(text) % 8)
        self.text = []
        return int("1" + text, 2).to_bytes(len(text) // 8 + 1, "big")[1:].replace(b"\xff", b"\xff\0") if text else b""


def put_value(bits, table, run, value):
    size = int(abs(value)).bit_length()
    bits.put(*table[run << 4 | size])
    if size < 16:
        bits.put(int(value) if value >= 0 else int(value) + (1 << size) - 1, size)


def put_block(bits, block, previous, dc, ac):
    put_value(bits, dc, 0, int(block[0]) - previous)
    run = 0
    last = np.flatnonzero(block[1:])
    for value in block[1 : last[-1] + 2] if len(last) else ():
        if value == 0:
            run += 1
            continue
        while run > 15:
            bits.put(*ac[0xF0])
            run -= 16
        put_value(bits, ac, run, int(value))
        run = 0
    if not len(last) or last[-1] != 62:
        bits.put(*ac[0])
    return int(block[0])


def resampled(plane, width, height):
    if plane.shape == (height, width):
        return plane.astype(float)
    return np.asarray(Image.fromarray(plane.astype(np.float32)).resize((width, height), Image.BOX)).astype(float)


def quantised(plane, columns, rows, steps, centre):
    """(rows, columns, 64) quantised coefficients in zigzag order."""
    plane = np.pad(plane, ((0, rows * 8 - plane.shape[0]), (0, columns * 8 - plane.shape[1])), mode="edge") - centre
    blocks = plane.reshape(rows, 8, columns, 8).transpose(0, 2, 1, 3)
    spectrum = (DCT @ blocks @ DCT.T).reshape(rows, columns, 64)
    return np.rint(spectrum / steps).astype(int)[..., ZIGZAG]


def segment(marker, payload=b"", entropy=b""):
    return (marker, payload, entropy)


def encode(planes, factors, ids=None, scans=None, quality=90, restart=0, precision=8, sof=0xC0, dqt16=False, dnl=False):
    """Segments [(marker, payload, entropy)] from DQT to the last scan, without SOI, EOI and application markers."""
    height, width = planes[0].shape
    count = len(planes)
    ids = ids or list(range(1, count + 1))
    scans = scans or [list(range(count))]
    wide, tall = max(h for h, _ in factors), max(v for _, v in factors)
    columns, rows = -(-width // (8 * wide)), -(-height // (8 * tall))
    scale = 5000 / quality if quality < 50 else 200 - quality * 2
    steps = np.clip((LUMA_STEPS * scale + 50) // 100, 1, 65535 if dqt16 else 255)
    if dqt16:
        steps[-8:] = 300
    tables = standard_tables() if precision == 8 else flat_tables()
    coder = {key: codes(counts, symbols) for key, counts, symbols in tables}
    blocks = []
    for plane, (h, v) in zip(planes, factors):
        small = resampled(plane, -(-width * h // wide), -(-height * v // tall))
        blocks.append(quantised(small, columns * h, rows * v, steps, 1 << (precision - 1)))
    packed = steps[ZIGZAG]
    segments = [segment(0xDB, b"\x10" + packed.astype(">u2").tobytes() if dqt16 else b"\0" + packed.astype(np.uint8).tobytes())]
    frame = bytes([precision]) + (0 if dnl else height).to_bytes(2, "big") + width.to_bytes(2, "big") + bytes([count])
    frame += b"".join(bytes([ids[i], factors[i][0] << 4 | factors[i][1], 0]) for i in range(count))
    segments.append(segment(sof, frame))
    segments += [segment(0xC4, bytes([key]) + counts + symbols) for key, counts, symbols in tables]
    if restart:
        segments.append(segment(0xDD, restart.to_bytes(2, "big")))
    for number, scan in enumerate(scans):
        head = bytes([len(scan)]) + b"".join(bytes([ids[i], 0x00 if i == 0 else 0x11]) for i in scan) + b"\0\x3f\0"
        entropy = scan_bits(scan, blocks, factors, coder, restart, width, height, wide, tall)
        segments.append(segment(0xDA, head, entropy))
        if dnl and number == 0:
            segments.append(segment(0xDC, height.to_bytes(2, "big")))
    return segments


def scan_bits(scan, blocks, factors, coder, restart, width, height, wide, tall):
    if len(scan) == 1:
        h, v = factors[scan[0]]
        across, down = -(-(-(-width * h // wide)) // 8), -(-(-(-height * v // tall)) // 8)
        units = [[(scan[0], r, c)] for r in range(down) for c in range(across)]
    else:
        across, down = -(-width // (8 * wide)), -(-height // (8 * tall))
        units = [
            [(i, r * factors[i][1] + y, c * factors[i][0] + x) for i in scan for y in range(factors[i][1]) for x in range(factors[i][0])]
            for r in range(down)
            for c in range(across)
        ]
    bits, out, previous = Bits(), b"", {}
    for number, unit in enumerate(units):
        if restart and number and number % restart == 0:
            out += bits.take() + bytes([0xFF, 0xD0 + (number // restart - 1) % 8])
            previous = {}
        for i, r, c in unit:
            key = 0 if i == 0 else 1
            previous[i] = put_block(bits, blocks[i][r, c], previous.get(i, 0), coder[key], coder[0x10 | key])
    return out + bits.take()


def encode_lossless(planes, ids, precision=8):
    """Lossless process (SOF3), interleaved, predictor 1."""
    height, width = planes[0].shape
    tables = flat_tables()[:1]
    coder = codes(tables[0][1], tables[0][2])
    bits = Bits()
    values = np.stack(planes, axis=-1).astype(int)
    for y in range(height):
        for x in range(width):
            for i in range(len(planes)):
                guess = values[y, x - 1, i] if x else values[y - 1, x, i] if y else 1 << (precision - 1)
                put_value(bits, coder, 0, int(values[y, x, i]) - int(guess))
    count = len(planes)
    frame = bytes([precision]) + height.to_bytes(2, "big") + width.to_bytes(2, "big") + bytes([count])
    frame += b"".join(bytes([i, 0x11, 0]) for i in ids)
    head = bytes([count]) + b"".join(bytes([i, 0]) for i in ids) + b"\1\0\0"
    return [segment(0xC3, frame), segment(0xC4, bytes([0]) + tables[0][1] + tables[0][2]), segment(0xDA, head, bits.take())]


def parse(data):
    """Segments between SOI and EOI of a file."""
    at, segments = 2, []
    while data[at + 1] != 0xD9:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        payload, at = data[at + 4 : at + 2 + length], at + 2 + length
        start = at
        while marker == 0xDA and (data[at] != 0xFF or data[at + 1] == 0 or 0xD0 <= data[at + 1] <= 0xD7):
            at += 1
        segments.append(segment(marker, payload, data[start:at]))
    return segments


def join(segments, fill=0, end=b"\xff\xd9"):
    """A file of segments; `fill` bytes FF stand before each marker."""
    body = b"".join(b"\xff" * (fill + 1) + bytes([m]) + (len(p) + 2).to_bytes(2, "big") + p + e for m, p, e in segments)
    return b"\xff\xd8" + body + end
