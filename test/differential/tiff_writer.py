"""A small TIFF writer whose every structural choice is free."""

import lzma
import struct
import zlib

import numpy as np

CLASSIC_TYPES = {1: "B", 2: "s", 3: "H", 4: "I", 6: "b", 7: "s", 8: "h", 9: "i", 11: "f", 12: "d", 16: "Q"}
REVERSED = bytes(int(f"{n:08b}"[::-1], 2) for n in range(256))


def lzw(data, end=True, old=False):
    """LZW as TIFF wants it (MSB first, one code early); `old`: the bit-reversed order of libtiff before 1989."""
    table, bits = {}, []
    state = {"width": 9}

    def put(code):
        text = format(code, f"0{state['width']}b")
        bits.append(text[::-1] if old else text)

    def reset():
        put(256)
        table.clear()
        table.update({bytes([n]): n for n in range(256)})
        state["next"], state["width"] = 258, 9

    reset()
    word = b""
    early = 0 if old else 1
    for byte in data:
        longer = word + bytes([byte])
        if longer in table:
            word = longer
            continue
        put(table[word])
        table[longer] = state["next"]
        state["next"] += 1
        if state["next"] + early > 1 << state["width"] and state["width"] < 12:
            state["width"] += 1
        if state["next"] >= 4093:
            reset()
        word = bytes([byte])
    if word:
        put(table[word])
        if state["next"] + 1 + early > 1 << state["width"] and state["width"] < 12:
            state["width"] += 1
    if end:
        put(257)
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    packed = int("1" + text, 2).to_bytes(len(text) // 8 + 1, "big")[1:] if text else b""
    return packed.translate(REVERSED) if old else packed


def packbits(rows):
    """PackBits, row by row: runs of three and more, literals between them."""
    out = bytearray()
    for row in rows:
        at = 0
        while at < len(row):
            run = 1
            while at + run < len(row) and run < 128 and row[at + run] == row[at]:
                run += 1
            if run >= 3:
                out += bytes([257 - run, row[at]])
                at += run
                continue
            start = at
            while at < len(row) and at - start < 128 and not (at + 2 < len(row) and row[at] == row[at + 1] == row[at + 2]):
                at += 1
            out += bytes([at - start - 1]) + row[start:at]
    return bytes(out)


def packed_rows(samples, bits, fmt, endian):
    """Rows of (height, width, n) samples as bytes, each padded to whole bytes."""
    if fmt == 3:
        data = samples.astype(endian + {16: "f2", 32: "f4", 64: "f8"}[bits])
    elif bits % 8 == 0 and bits != 24:
        data = samples.astype(endian + ("i" if fmt == 2 else "u") + str(bits // 8))
    else:
        flat = samples.reshape(samples.shape[0], -1).astype(np.uint32)
        spread = (flat[..., None] >> np.arange(bits - 1, -1, -1)) & 1
        return [row.tobytes() for row in np.packbits(spread.reshape(len(flat), -1).astype(np.uint8), axis=1)]
    return [row.tobytes() for row in data]


def predicted(samples, predictor, bits, fmt, endian):
    """Rows as bytes after predictor 2 (differences of neighbours) or 3 (of the bytes of floats)."""
    if predictor == 2:
        kind = {8: np.uint8, 16: np.uint16, 32: np.uint32}[bits]
        values = samples.astype(np.float32).view(np.uint32) if fmt == 3 else samples.astype(np.int64).astype(kind)
        values = values.astype(kind)
        values[:, 1:] = values[:, 1:] - values[:, :-1]
        return packed_rows(values, bits, 1, endian)
    rows = []
    for row in samples.astype({16: ">f2", 32: ">f4"}[bits]):
        count = row.shape[-1]
        planes = np.frombuffer(row.tobytes(), np.uint8).reshape(-1, bits // 8).T.reshape(-1).copy()
        planes[count:] = planes[count:] - planes[:-count]
        rows.append(planes.tobytes())
    return rows


def compressed(rows, compression, options):
    data = b"".join(rows)
    if compression in (8, 32946):
        return zlib.compress(data, options.get("level", 6))
    if compression == 5:
        return lzw(data, options.get("end_code", True), options.get("old_lzw", False))
    if compression == 32773:
        return packbits(rows)
    if compression == 34925:
        return lzma.compress(data, format=lzma.FORMAT_XZ, check=lzma.CHECK_NONE, filters=[{"id": lzma.FILTER_LZMA2}])
    return data


def blocks_of(samples, tile, rows):
    """The strips or tiles of one plane, top to bottom."""
    height, width = samples.shape[:2]
    if tile:
        across, down = tile
        padded = np.pad(samples, ((0, -height % down), (0, -width % across), (0, 0)), mode="edge")
        return [padded[y : y + down, x : x + across] for y in range(0, height, down) for x in range(0, width, across)]
    return [samples[y : y + rows] for y in range(0, height, rows)]


def encode_blocks(samples, options):
    """Compressed strips or tiles in the order of the tags."""
    bits, fmt, endian = options["bits"], options["fmt"], options["endian"]
    planes = [samples[..., n : n + 1] for n in range(samples.shape[2])] if options["planar"] == 2 else [samples]
    out = []
    for plane in planes:
        for block in blocks_of(plane, options["tile"], options["rows"] or plane.shape[0]):
            if options["predictor"] == 1:
                rows = packed_rows(block, bits, fmt, endian)
            else:
                rows = predicted(block, options["predictor"], bits, fmt, endian)
            encoder = options.get("encoder")
            data = encoder(block) if encoder else compressed(rows, options["compression"], options)
            out.append(data.translate(REVERSED) if options["fill"] == 2 else data)
    return out


def write(samples, bits=8, endian="<", big=False, planar=1, tile=None, rows=None, compression=1, predictor=1, photometric=None, extra=(),
          fmt=1, fill=1, orientation=None, palette=None, tags=None, without=(), order="forward", offset_type=4, pages=1, pad=0, ifd="last",
          next_ifd=None, **options):  # fmt: skip
    """A TIFF of (height, width, samples) values; `tags` overrides {tag: (type, values)}, `without` leaves tags out."""
    height, width, count = samples.shape
    options.update(bits=bits, fmt=fmt, endian=endian, planar=planar, tile=tile, rows=rows, predictor=predictor, compression=compression, fill=fill)
    blocks = encode_blocks(samples, options)
    if photometric is None:
        photometric = 2 if count - len(extra) >= 3 else 1
    entries = {
        256: (3, [width]), 257: (3, [height]), 258: (3, [bits] * count), 259: (3, [compression]), 262: (3, [photometric]),
        277: (3, [count]), 284: (3, [planar]),
    }  # fmt: skip
    if fill != 1:
        entries[266] = (3, [fill])
    if orientation:
        entries[274] = (3, [orientation])
    if predictor != 1:
        entries[317] = (3, [predictor])
    if palette is not None:
        entries[320] = (3, list(palette))
    if extra:
        entries[338] = (3, list(extra))
    if fmt != 1:
        entries[339] = (3, [fmt] * count)
    if tile:
        entries[322], entries[323] = (3, [tile[0]]), (3, [tile[1]])
    else:
        entries[278] = (3, [rows or height])
    where, sizes = (324, 325) if tile else (273, 279)
    out = bytearray(b"\0" * (16 if big else 8))
    page_at = []
    for page in range(pages):
        if ifd == "first":
            blank = serialise(entries, {where: [0] * len(blocks), sizes: [0] * len(blocks)}, (where, sizes), tags, without, endian, big, offset_type, len(out))
            at_ifd, room = len(out), len(blank)
            out += bytes(room)
        positions = [0] * len(blocks)
        numbers = range(len(blocks)) if order == "forward" else reversed(range(len(blocks)))
        for n in numbers:
            out += bytes(pad)
            positions[n] = len(out)
            out += blocks[n]
        out += bytes(len(out) % 2)
        values = {where: positions, sizes: [len(block) for block in blocks]}
        if ifd != "first":
            at_ifd = len(out)
        text = serialise(entries, values, (where, sizes), tags, without, endian, big, offset_type, at_ifd)
        out[at_ifd : at_ifd + len(text)] = text
        page_at.append((at_ifd, len(merged(entries, values, (where, sizes), tags, without, offset_type))))
    link = "Q" if big else "I"
    for number, (at_ifd, entry_count) in enumerate(page_at):
        after = page_at[number + 1][0] if number + 1 < len(page_at) else 0
        at = at_ifd + (8 + 20 * entry_count if big else 2 + 12 * entry_count)
        out[at : at + (8 if big else 4)] = struct.pack(endian + link, after)
    mark = b"II" if endian == "<" else b"MM"
    head = mark + (struct.pack(endian + "HHHQ", 43, 8, 0, page_at[0][0]) if big else struct.pack(endian + "HI", 42, page_at[0][0]))
    out[: len(head)] = head
    return bytes(out)


def merged(entries, values, places, tags, without, offset_type):
    all_entries = {**entries, **{tag: (offset_type, values[tag]) for tag in places}, **(tags or {})}
    return {tag: entry for tag, entry in sorted(all_entries.items()) if tag not in without}


def serialise(entries, values, places, tags, without, endian, big, offset_type, at):
    """The directory and the values that do not fit into it."""
    all_entries = merged(entries, values, places, tags, without, offset_type)
    inline, count_code, entry_size = (8, "Q", 20) if big else (4, "I", 12)
    body, tail = b"", b""
    after = at + (8 if big else 2) + entry_size * len(all_entries) + (8 if big else 4)
    for tag, (kind, content) in all_entries.items():
        if kind == 5:
            raw, count = b"".join(struct.pack(endian + "II", *pair) for pair in content), len(content)
        elif isinstance(content, bytes):
            raw, count = content, len(content)
        else:
            raw, count = struct.pack(endian + CLASSIC_TYPES[kind] * len(content), *content), len(content)
        body += struct.pack(endian + "HH" + count_code, tag, kind, count)
        if len(raw) <= inline:
            body += raw.ljust(inline, b"\0")
            continue
        body += struct.pack(endian + count_code, after + len(tail))
        tail += raw + bytes(len(raw) % 2)
    return struct.pack(endian + ("Q" if big else "H"), len(all_entries)) + body + struct.pack(endian + count_code, 0) + tail
