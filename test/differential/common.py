"""What all generators of the differential test share: the picture, the covering arrays, the corpus, the encoders."""

import io
import itertools
import json
import os
import random
import subprocess
import tempfile
import warnings

import numpy as np
from PIL import Image

# A size for which nothing comes out even: neither blocks of 8 and 16, nor tiles, nor bytes of packed samples.
SIZE = (83, 61)
SIZES = [(200, 150), (37, 53), (1, 1), (8, 8), (17, 16), (257, 129)]

EQUAL = (0, 0)

warnings.simplefilter("ignore")


def picture(width=SIZE[0], height=SIZE[1]):
    """The synthetic scene, RGB: gradients, discs, edges like those of letters, a little noise."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    u, v = x / max(width - 1, 1), y / max(height - 1, 1)
    rgb = np.stack([40 + 180 * u, 60 + 150 * v, 200 - 140 * u * v], axis=-1)
    for cx, cy, radius, colour in ((0.3, 0.35, 0.22, (230, 40, 30)), (0.7, 0.6, 0.28, (20, 90, 220)), (0.55, 0.2, 0.1, (250, 240, 20))):
        rgb[np.hypot(u - cx, (v - cy) * height / width) < radius] = colour
    letters = ((x // 3 + y // 5) % 4 == 0) & (v > 0.8)
    rgb[letters] = (10, 10, 10)
    rgb += np.random.RandomState(7).randint(-3, 4, rgb.shape)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def opacity(width=SIZE[0], height=SIZE[1]):
    """An alpha channel with every value from clear to opaque."""
    y, x = np.mgrid[0:height, 0:width]
    return np.clip((x * 7 + y * 3) % 320 - 30, 0, 255).astype(np.uint8)


def grey_of(rgb):
    """Luma as Pillow's convert('L') computes it."""
    r, g, b = (rgb[..., i].astype(int) for i in range(3))
    return ((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16).astype(np.uint8)


def as_rgb(grey):
    """Grey in three channels."""
    return np.repeat(grey[..., None], 3, axis=-1)


def covering(axes, valid=lambda case: True, seed=1, pairs=True):
    """Cases over `axes` ({axis: [baseline, other, ...]}): the baseline, every value singly, and every valid pair."""
    rng = random.Random(seed)
    base = {axis: values[0] for axis, values in axes.items()}
    cases = [base] + [{**base, axis: value} for axis, values in axes.items() for value in values[1:]]
    cases = [case for case in cases if valid(case)]
    yield from cases
    if not pairs:
        return
    names = list(axes)
    open_pairs = {(a, x, b, y) for a, b in itertools.combinations(names, 2) for x in axes[a] for y in axes[b]}
    covered = lambda case: {(a, case[a], b, case[b]) for a, b in itertools.combinations(names, 2)}
    for case in cases:
        open_pairs -= covered(case)
    while open_pairs:
        a, x, b, y = min(open_pairs, key=repr)
        tries = ({**{axis: rng.choice(axes[axis]) for axis in names}, a: x, b: y} for _ in range(60))
        best = max((case for case in tries if valid(case)), key=lambda case: len(covered(case) & open_pairs), default=None)
        if best is None:
            open_pairs.discard((a, x, b, y))
            continue
        open_pairs -= covered(best)
        yield best


def drawn(axes, valid, count, seed):
    """`count` cases drawn at random: to fill the part of the space that matters, where pairs leave it thin."""
    rng = random.Random(seed)
    cases = []
    while len(cases) < count:
        case = {axis: rng.choice(values) for axis, values in axes.items()}
        if valid(case):
            cases.append(case)
    return cases


def run(*command, data=None):
    """Runs an encoder; its standard output."""
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def through(data, suffix_in, suffix_out, *command):
    """Runs an encoder that reads the file `{in}` and writes the file `{out}`; what it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        names = {"in": os.path.join(folder, "in" + suffix_in), "out": os.path.join(folder, "out" + suffix_out)}
        with open(names["in"], "wb") as file:
            file.write(data)
        run(*[part.format(**names) if part in ("{in}", "{out}") else part for part in command])
        with open(names["out"], "rb") as file:
            return file.read()


def saved(image, **options):
    """What Pillow writes."""
    buffer = io.BytesIO()
    image.save(buffer, **options)
    return buffer.getvalue()


def pillow_rgb(data):
    """What Pillow reads: RGB, or an exception."""
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def bounds(tolerance):
    """A tolerance as the manifest has it."""
    return {"mean": tolerance[0], "max": tolerance[1]}


def close(one, other, tolerance):
    """Whether two pictures agree within (mean, greatest difference)."""
    if one.shape != other.shape:
        return False
    difference = np.abs(one.astype(int) - other)
    return bool(difference.mean() <= tolerance[0] and difference.max() <= tolerance[1])


class Corpus:
    """The folder of generated files and their manifest."""

    def __init__(self, folder):
        self.folder, self.entries, self.skipped = folder, [], []
        os.makedirs(folder, exist_ok=True)

    def add(self, kind, extension, data, axes, source=None, trust=None, must=True, tolerance=EQUAL, loose=None, refuse=False):
        """Adds a file.

        `source` is the right picture where the generator knows it exactly. `trust` says whose word counts when it and
        the running Pillow differ: 'source' or 'pillow'. A file that Pillow cannot read may be refused, and so may one
        with `must=False`; one with `refuse` has to be. `tolerance` is (mean, greatest difference); `loose` is the same
        for a decoder that rounds otherwise, where sharp is not installed.
        """
        axes = {axis: str(value) for axis, value in axes.items()}
        number = sum(entry["format"] == kind for entry in self.entries)
        name = f"{kind}-{number:04d}.{extension}"
        entry = {"file": name, "format": kind, "axes": axes, "reference": "refuse" if refuse else "none", "must": must}
        entry["tolerance"], entry["toleranceWithoutSharp"] = bounds(tolerance), bounds(loose or tolerance)
        with open(os.path.join(self.folder, name), "wb") as file:
            file.write(data)
        if not refuse:
            try:
                read = pillow_rgb(data)
            except Exception as error:  # whatever Pillow says, the file is still a case
                read, entry["pillow"] = None, f"{type(error).__name__}: {error}"[:200]
            if read is not None and source is not None:
                same = close(read, source, tolerance)
                entry["pillow"] = "same" if same else "differs"
                if not same and trust is None:
                    entry["undecided"] = True
                if trust == "source" and not same:
                    read = None
            if read is None and source is not None:
                read, entry["reference"] = source, "source"
                entry["must"] = must and trust == "source"
            elif read is not None:
                entry["reference"] = "pillow"
            if read is not None:
                entry["height"], entry["width"] = read.shape[:2]
                entry["rgb"] = name + ".rgb"
                with open(os.path.join(self.folder, entry["rgb"]), "wb") as file:
                    file.write(np.ascontiguousarray(read).tobytes())
        self.entries.append(entry)

    def attempt(self, what, make):
        """Runs `make`; an encoder that cannot do it costs the case, which is listed."""
        try:
            return make()
        except Exception as error:
            self.skipped.append({"case": what, "why": f"{type(error).__name__}: {error}"[:300]})
            return None

    def write(self):
        """Writes the manifest."""
        with open(os.path.join(self.folder, "manifest.json"), "w") as file:
            json.dump({"files": self.entries, "skipped": self.skipped}, file, indent=1)
