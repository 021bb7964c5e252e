"""What the generators of JPEG files share: colour markers, progressions, planes, tolerances."""

import tempfile

import numpy as np
from PIL import Image

from common import through
from jpeg_encoder import join, parse, segment

JFIF = segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")
ADOBE = {n: segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([n])) for n in (0, 1, 2)}
MARKERS = {
    "jfif": [JFIF],
    "none": [],
    "adobe0": [ADOBE[0]],
    "adobe1": [ADOBE[1]],
    "adobe2": [ADOBE[2]],
    "jfif+adobe0": [JFIF, ADOBE[0]],
    "jfif+adobe1": [JFIF, ADOBE[1]],
    "jfif+adobe2": [JFIF, ADOBE[2]],
    "adobe0+jfif": [ADOBE[0], JFIF],
    "adobe1+jfif": [ADOBE[1], JFIF],
    "jfif-1.2-thumbnail": [segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\2\1" + bytes(6))],
}
PROGRESSIONS = {
    "progressive": "0,1,2:0-0,0,1;0:1-5,0,2;2:1-63,0,1;1:1-63,0,1;0:6-63,0,2;0:1-63,2,1;0,1,2:0-0,1,0;2:1-63,1,0;1:1-63,1,0;0:1-63,1,0;",
    "progressive-spectral": "0,1,2:0-0,0,0;0:1-63,0,0;1:1-63,0,0;2:1-63,0,0;",
    "progressive-dc-apart": "0:0-0,0,0;1:0-0,0,0;2:0-0,0,0;0:1-9,0,0;1:1-63,0,0;2:1-63,0,0;0:10-63,0,0;",
    "progressive-of-one": "0:0-0,0,1;0:1-5,0,2;0:6-63,0,2;0:1-63,2,1;0:0-0,1,0;0:1-63,1,0;",
    "progressive-chroma-first": "2:0-0,0,0;1:0-0,0,0;0:0-0,0,0;2:1-63,0,0;1:1-63,0,0;0:1-63,0,0;",
}
# The default decoder rounds its inverse transform and its upsampling otherwise than libjpeg-turbo; a wrong colour, a
# block out of place or a wrong upsampling all give more than this. Measured: 1.10 and 25, both on 8 x 8 pixels.
LOOSE = (1.5, 32)
# Inks are turned into RGB by rounding, too.
INKS = (0.5, 4)
# Of pictures that no Pillow reads, only the likeness to what was coded can be told.
LOSSY = (8, 255)
LIBJPEG_MCU_BLOCKS = 10
# libjpeg refuses factors of which the greatest is no multiple.
FRACTIONAL = "3x1,2x1,2x1"


def ycc(rgb):
    return [np.asarray(band) for band in Image.fromarray(rgb).convert("YCbCr").split()]


def bands(rgb):
    return [rgb[..., i] for i in range(3)]


def factors_of(sampling):
    return [tuple(int(n) for n in part.split("x")) for part in sampling.split(",")]


def transcode(core, process, scans=((0, 1, 2),), restart=0):
    """The same coefficients in another process, by jpegtran; application segments dropped."""
    if process == "baseline":
        return core
    if process == "extended":
        return [(0xC1 if m == 0xC0 else m, p, e) for m, p, e in core]
    options = ["-restart", f"{restart}B"] if restart else []
    options += {"optimised": ["-optimize"], "arithmetic": ["-arithmetic"], "arithmetic-progressive": ["-arithmetic", "-progressive"]}.get(process, [])
    script = PROGRESSIONS.get(process, "")
    if not script and len(scans) > 1:
        script = "".join(",".join(map(str, scan)) + ";" for scan in scans)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(script)
        file.flush()
        options += ["-scans", file.name] if script else []
        out = through(join([JFIF, *core]), ".jpg", ".jpg", "jpegtran", *options, "-outfile", "{out}", "{in}")
    return [(m, p, e) for m, p, e in parse(out) if not 0xE0 <= m <= 0xEF]


def add(corpus, make, axes, **options):
    data = corpus.attempt(f"jpeg {axes}", make)
    if data is not None:
        corpus.add("jpeg", "jpg", data, axes, **{"loose": LOOSE, **options})
