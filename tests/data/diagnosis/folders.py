"""Data folders with one fault each, for the tests of the diagnosis."""

import numpy as np
from PIL import Image


def scene(seed, size=(48, 64), classes=2):
    """(image, ids): bright blocks on a dark ground, different for each seed."""
    rng = np.random.default_rng(seed)
    height, width = size
    ids = np.zeros(size, np.uint8)
    for number in range(6):
        top, left = rng.integers(0, height - 12), rng.integers(0, width - 12)
        ids[top : top + 12, left : left + 12] = 1 + number % (classes - 1)
    image = np.stack([40 + ids * (150 // classes)] * 3, -1) + rng.integers(0, 12, (*size, 3))
    return image.astype(np.uint8), ids


def write(root, seed, *, name=None, split=None, encode=lambda ids: ids, classes=2, size=(48, 64)):
    """Write one pair; `encode` makes the array of the mask file."""
    folder = root if split is None else root / split
    name = name or f"scene{seed}"
    image, ids = scene(seed, size, classes)
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(folder / "images" / f"{name}.png")
    Image.fromarray(encode(ids)).save(folder / "masks" / f"{name}.png")
    return folder / "images" / f"{name}.png", folder / "masks" / f"{name}.png"


def fill(root, count=6, **options):
    """Write `count` pairs."""
    return [write(root, seed, **options) for seed in range(count)]


def codes(diagnosis):
    return {finding.code for finding in diagnosis.findings}


def finding(diagnosis, code):
    found = [item for item in diagnosis.findings if item.code == code]
    assert len(found) == 1, f"{code} is not in {codes(diagnosis)}"
    return found[0]
