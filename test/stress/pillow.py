"""Decodes pictures with Pillow for the fuzzer: frames in on standard input, frames out on standard output.

A request is its length (4 bytes, little-endian), a byte of flags and an image file. The answer is a width and a height (4
bytes each; 0 x 0 for a refusal) and RGB rows.
"""
import io
import struct
import sys
import warnings

import numpy
from PIL import Image, ImageFile, ImageOps

warnings.simplefilter("ignore")
ALLOW_TRUNCATED, UPRIGHT = 1, 2
MAX_PIXELS = 4_000_000
Image.MAX_IMAGE_PIXELS = None
source, target = sys.stdin.buffer, sys.stdout.buffer


def picture(data, flags):
    """The RGB picture in the file; 16-bit grey by its high byte, where Pillow clips (docs/decisions/0006)."""
    ImageFile.LOAD_TRUNCATED_IMAGES = bool(flags & ALLOW_TRUNCATED)
    with Image.open(io.BytesIO(data)) as image:
        if image.width * image.height > MAX_PIXELS:
            raise ValueError("too large")
        image.load()
        if flags & UPRIGHT and image.format != "TIFF":  # which Pillow turns while it loads
            image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", None)):
            return Image.fromarray((numpy.asarray(image).astype(numpy.uint32) >> 8).astype(numpy.uint8)).convert("RGB")
        return image.convert("RGB")


while True:
    head = source.read(5)
    if len(head) < 5:
        break
    length, flags = struct.unpack("<IB", head)
    try:
        rgb = picture(source.read(length), flags)
        answer = struct.pack("<II", rgb.width, rgb.height) + rgb.tobytes()
    except Exception:  # whatever it is, Pillow does not read the file
        answer = struct.pack("<II", 0, 0)
    target.write(answer)
    target.flush()
