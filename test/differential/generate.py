"""Writes the corpus of the differential test: `generate.py FOLDER [--seed N] [--formats jpeg,tiff]`."""

import argparse
import collections
import importlib
import sys
import time

from common import Corpus

FORMATS = ["jpeg", "tiff", "png", "bmp", "webp", "avif", "gif"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--formats", default=",".join(FORMATS))
    options = parser.parse_args()
    corpus = Corpus(options.folder)
    for name in options.formats.split(","):
        start = time.time()
        importlib.import_module(name).generate(corpus, options.seed)
        print(f"{name}: {time.time() - start:.1f} s", file=sys.stderr)
    corpus.write()
    counts = collections.Counter((entry["format"], entry["reference"]) for entry in corpus.entries)
    for (kind, reference), count in sorted(counts.items()):
        print(f"{kind} {reference}: {count}", file=sys.stderr)
    for entry in corpus.entries:
        if entry.get("undecided"):
            print("undecided:", entry["file"], entry["axes"], entry["reference"], entry.get("pillow"), file=sys.stderr)
    for skip in corpus.skipped:
        print("skipped:", skip["case"], skip["why"], file=sys.stderr)


main()
