"""TIFF files over every structural axis: layout, compression, samples, byte and bit order; and those of its parts."""

import tiff_colours
import tiff_encoders
import tiff_samples
import tiff_tags
from common import EQUAL, SIZE, SIZES, covering, drawn
from tiff_parts import COMPRESSIONS, INKS, LAYOUTS, SAMPLES, add, subject
from tiff_writer import write

AXES = {
    "samples": ["rgb8", *(name for name in SAMPLES if name != "rgb8")],
    "layout": list(LAYOUTS),
    "planar": [1, 2],
    "compression": list(COMPRESSIONS),
    "predictor": [1, 2],
    "endian": ["<", ">"],
    "big": [False, True],
    "fill": [1, 2],
    "white": ["one", "zero"],
    "order": ["forward", "backward"],
    "size": ["%dx%d" % size for size in [SIZE, *SIZES]],
}
# What programs write.
USUAL = {**AXES, "samples": ["rgb8", "rgba8", "grey8", "grey1", "rgb16", "rgba16", "grey16", "cmyk8"], "big": [False], "fill": [1], "planar": [1, 1, 2]}


def fits(case):
    bits, _, count, _ = SAMPLES[case["samples"]]
    if case["predictor"] == 2 and (bits not in (8, 16) or case["compression"] in ("none", "packbits") or case["samples"].startswith("palette")):
        return False
    if case["white"] == "zero" and not case["samples"].startswith("grey"):
        return False
    return case["planar"] == 1 or count > 1


def readable(case):
    """Whether any decoder that is there reads it: none has 12 bits or planes of inks, libvips no tiles of separate planes."""
    if case["samples"] == "grey12" or (case["samples"] == "cmyk8" and (case["planar"] == 2 or case["fill"] == 2 or case["big"] or case["compression"] == "lzw")):
        return False
    return case["planar"] == 1 or not case["layout"].startswith("tiles")


def structured(case):
    size = tuple(int(n) for n in case["size"].split("x"))
    values, right, options = subject(case["samples"], size, case["white"])
    tile, rows = LAYOUTS[case["layout"]]
    options.update(tile=tile, rows=rows, planar=case["planar"], compression=COMPRESSIONS[case["compression"]], predictor=case["predictor"])
    options.update(endian=case["endian"], big=case["big"], fill=case["fill"], order=case["order"])
    return values, right, options


def generate(corpus, seed):
    usual = [{"usual": True, **case} for case in drawn(USUAL, lambda case: fits(case) and readable(case), 160, seed)]
    for case in [*covering(AXES, fits, seed), *usual]:
        values, right, options = structured(case)
        deep = SAMPLES[case["samples"]][0] in (12, 16)
        # Pillow cuts grey at 255, and swaps the bytes of big-endian samples that stand in planes, uncompressed.
        misread = deep and (case["samples"].startswith("grey") or (case["planar"] == 2 and case["compression"] == "none"))
        add(corpus, lambda: write(values, **options), case, right, trust="source" if misread else None, tolerance=INKS if case["samples"] == "cmyk8" else EQUAL, must=readable(case))
    for part in (tiff_samples, tiff_colours, tiff_tags, tiff_encoders):
        part.generate(corpus)
