"""JPEG files over every structural axis: process, scans, sampling, restarts, colour markers, tables, other segments."""

from PIL import Image

import jpeg_others
from common import SIZE, SIZES, covering, drawn, picture, saved
from jpeg_encoder import encode, join, segment
from jpeg_parts import FRACTIONAL, INKS, JFIF, LIBJPEG_MCU_BLOCKS, MARKERS, PROGRESSIONS, add, bands, factors_of, transcode, ycc

IDS = {"123": [1, 2, 3, 4], "RGB": [82, 71, 66, 75], "012": [0, 1, 2, 3], "odd": [17, 5, 200, 9]}
# Factors of each component, and whether the greatest is a multiple of each (libjpeg wants that).
SAMPLINGS = [
    "1x1,1x1,1x1", "2x1,1x1,1x1", "2x2,1x1,1x1", "1x2,1x1,1x1", "4x1,1x1,1x1", "4x2,1x1,1x1", "2x4,1x1,1x1", "1x4,1x1,1x1",
    "3x1,1x1,1x1", "1x3,1x1,1x1", "2x2,2x1,2x1", "2x2,1x2,1x2", "2x2,2x1,1x2", "2x2,1x1,2x2", "2x2,2x2,2x2", "2x1,2x1,2x1",
    "1x2,1x2,1x2", "1x1,2x1,2x1", "1x1,2x2,2x2", "1x1,1x2,1x2", "2x1,1x2,1x2", "2x1,1x2,1x1", "1x2,2x1,2x1", "2x1,2x2,1x1",
    "4x1,2x1,2x1", "4x2,2x1,2x1", "2x1,1x1,2x1", "3x1,2x1,2x1", "3x2,1x1,1x1", "4x1,1x1,2x1",
]  # fmt: skip
SCANS = {
    "interleaved": [[0, 1, 2]], "Y,Cb,Cr": [[0], [1], [2]], "Cr,Y,Cb": [[2], [0], [1]], "Cb,Cr,Y": [[1], [2], [0]], "Y,CbCr": [[0], [1, 2]],
    "YCb,Cr": [[0, 1], [2]], "CbCr,Y": [[1, 2], [0]],
}  # fmt: skip
def fits(case):
    """Interleaved scans hold at most 10 blocks an MCU, by the standard, and progressive ones have scripts of their own."""
    factors = factors_of(case["sampling"])
    scripted = case["process"] in PROGRESSIONS or case["process"] == "arithmetic-progressive"
    if scripted and (case["scans"] != "interleaved" or sum(h * v for h, v in factors) > LIBJPEG_MCU_BLOCKS):
        return False
    return all(len(scan) == 1 or sum(factors[i][0] * factors[i][1] for i in scan) <= LIBJPEG_MCU_BLOCKS for scan in SCANS[case["scans"]])


def three(case):
    """Segments of a picture of three components, with its colour markers in front."""
    size = tuple(int(n) for n in case["size"].split("x"))
    rgb = picture(*size)
    # Coded in the colour space that libjpeg will take it for, so that the picture looks like the picture.
    says_rgb = case["markers"] == "adobe0" or (case["markers"] == "none" and case["ids"] == "RGB")
    planes = bands(rgb) if says_rgb else ycc(rgb)
    restart = {"none": 0, "1": 1, "3": 3, "row": -(-size[0] // (8 * max(h for h, _ in factors_of(case["sampling"]))))}[case["restart"]]
    core = encode(planes, factors_of(case["sampling"]), ids=IDS[case["ids"]][:3], scans=SCANS[case["scans"]], restart=restart, quality=int(case["quality"]))
    return MARKERS[case["markers"]] + transcode(core, case["process"], SCANS[case["scans"]], restart)


AXES = {
    "process": ["baseline", "extended", "optimised", *(p for p in PROGRESSIONS if p != "progressive-of-one"), "arithmetic", "arithmetic-progressive"],
    "sampling": SAMPLINGS,
    "scans": list(SCANS),
    "restart": ["none", "1", "3", "row"],
    "markers": list(MARKERS),
    "ids": list(IDS),
    "quality": ["90", "1", "25", "50", "75", "96", "100"],
    "size": ["%dx%d" % size for size in [SIZE, *SIZES]],
}


# What cameras, phones and the web's encoders write.
USUAL = {
    **AXES,
    "sampling": ["1x1,1x1,1x1", "2x1,1x1,1x1", "2x2,1x1,1x1", "1x2,1x1,1x1", "4x1,1x1,1x1", "2x2,2x1,2x1", "2x2,1x2,1x2", "1x2,1x2,1x2", "2x1,2x1,2x1"],
    "process": [process for process in AXES["process"] if not process.startswith("arithmetic")],
    "scans": ["interleaved"],
    "markers": [markers for markers in MARKERS if markers not in ("jfif+adobe0", "adobe0+jfif")],
    "ids": ["123", "012", "odd"],
    "quality": ["1", "10", "25", "50", "75", "85", "90", "96", "100"],
}


def tables_case(kind):
    """One file of the tables' axis."""
    core = encode(ycc(picture()), factors_of("2x2,1x1,1x1"), dqt16=kind == "dqt-16-bit")
    dqt, sof, dht, sos = ([s for s in core if s[0] == marker] for marker in (0xDB, 0xC0, 0xC4, 0xDA))
    together = [segment(0xC4, b"".join(payload for _, payload, _ in dht))]
    again = [segment(0xC4, payload) for _, payload, _ in reversed(dht)]
    orders = {
        "dht-apart": [*dqt, *sof, *dht, *sos],
        "dht-together": [*dqt, *sof, *together, *sos],
        "dht-before-sof": [*dqt, *dht, *sof, *sos],
        "dht-before-dqt": [*dht, *dqt, *sof, *sos],
        "dht-missing": [*dqt, *sof, *sos],
        "dht-twice": [*dqt, *dht, *sof, *again, *sos],
        "dht-redefined": [*dqt, segment(0xC4, dht[0][1][:1] + dht[2][1][1:]), *sof, *dht, *sos],
        "dqt-after-sof": [*sof, *dqt, *dht, *sos],
        "dqt-16-bit": [*dqt, *sof, *dht, *sos],
        "dqt-two-in-one": [segment(0xDB, dqt[0][1] + b"\1" + dqt[0][1][1:]), *sof, *dht, *sos],
        "dqt-four": [*dqt, *[segment(0xDB, bytes([n]) + dqt[0][1][1:]) for n in (1, 2, 3)], *sof, *dht, *sos],
    }
    return join([JFIF, *orders[kind]])


TABLES = ["dht-apart", "dht-together", "dht-before-sof", "dht-before-dqt", "dht-missing", "dht-twice", "dht-redefined", "dqt-after-sof",
          "dqt-16-bit", "dqt-two-in-one", "dqt-four"]  # fmt: skip


def exif(orientation, thumbnail=b""):
    data = Image.Exif()
    data[0x0112] = orientation
    payload = data.tobytes()
    return segment(0xE1, payload + thumbnail)


def extras(core):
    """What stands around the picture, by name: whole files."""
    head = [JFIF, *core]
    plain = join(head)
    small = join([JFIF, *encode(ycc(picture(16, 16)), factors_of("1x1,1x1,1x1"))])
    icc = b"ICC_PROFILE\0\1\1" + bytes(600)
    cases = {
        "fill-1": join(head, fill=1),
        "fill-5": join(head, fill=5),
        "com": join([JFIF, segment(0xFE, b"a comment"), *core]),
        "com-empty": join([JFIF, segment(0xFE), *core]),
        "com-before-sos": join([*head[:-1], segment(0xFE, b"x" * 300), head[-1]]),
        "app-many": join([JFIF, *[segment(0xE0 + n, b"anything\0" * n) for n in range(2, 16) if n != 14] * 4, *core]),
        "app-64k": join([JFIF, segment(0xE5, bytes(65533)), *core]),
        "icc": join([JFIF, segment(0xE2, icc), *core]),
        "icc-two-parts": join([JFIF, segment(0xE2, icc[:12] + b"\1\2" + bytes(300)), segment(0xE2, icc[:12] + b"\2\2" + bytes(300)), *core]),
        "xmp": join([JFIF, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"), *core]),
        "photoshop": join([JFIF, segment(0xED, b"Photoshop 3.0\x008BIM\4\4\0\0\0\0\0\0"), *core]),
        "exif-thumbnail": join([exif(1, thumbnail=small), JFIF, *core]),
        "jfif-after-exif": join([exif(1), JFIF, *core]),
        "trailing-zeros": plain + bytes(1000),
        "trailing-text": plain + b"trailing text " * 20,
        "trailing-ffd9": plain + b"\xff\xd9",
        "second-image": plain + small,
        "jfxx": join([JFIF, segment(0xE0, b"JFXX\0\x10" + small), *core]),
        "adobe-short": join([JFIF, segment(0xEE, b"Adobe"), *core]),
        "app14-other": join([segment(0xEE, b"Adobf\0\x64\0\0\0\0\0"), *core]),
        "app0-avi1": join([segment(0xE0, b"AVI1\0\0" + bytes(8)), *core]),
        "jfif-late": join([*core[:-1], JFIF, core[-1]]),
        "dri-0": join([JFIF, segment(0xDD, b"\0\0"), *core]),
        "exp-marker": join([JFIF, segment(0xF0, b"1234"), *core]),
    }
    cases.update({f"exif-orientation-{n}": join([exif(n), *core]) for n in range(1, 9)})
    return cases


def generate(corpus, seed):
    for case in covering(AXES, fits, seed):
        add(corpus, lambda: join(three(case)), {"components": 3, **case}, must=case["sampling"] != FRACTIONAL)
    for case in drawn(USUAL, fits, 240, seed):
        add(corpus, lambda: join(three(case)), {"components": 3, "usual": True, **case})
    for kind in TABLES:
        add(corpus, lambda: tables_case(kind), {"tables": kind})
    core = encode(ycc(picture()), factors_of("2x2,1x1,1x1"))
    for kind, data in extras(core).items():
        add(corpus, lambda: data, {"around": kind})
    jpeg_others.generate(corpus)
    image = Image.fromarray(picture(200, 150))
    for sampling in (0, 1, 2):
        for progressive in (False, True):
            for quality in (30, 85, 95):
                data = saved(image, format="JPEG", subsampling=sampling, progressive=progressive, quality=quality, optimize=progressive)
                add(corpus, lambda: data, {"writer": "Pillow", "subsampling": sampling, "progressive": progressive, "quality": quality})
    add(corpus, lambda: saved(image.convert("CMYK"), format="JPEG"), {"writer": "Pillow", "components": 4}, loose=INKS)
