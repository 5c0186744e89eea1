"""Whether a run is continued on the data that it was begun with."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_seg._validation import InputError

# Facts that say nothing to a reader, and what they tell apart.
_HASHES = {
    "train_files": "images or masks to train on",
    "validation_files": "images or masks to validate on",
    "class_share": "masks",
}
_FIX = "Give the same data, or start a new run with `overwrite=True`."
DATA = ("train_images", "validation_images", "num_classes", "train_files", "validation_files", "class_share")


def files_digest(index: Any) -> str:
    """A hash of the names and sizes of an index's images in their order, and of the labels that they have.

    Pixels are left out: another version of a decoder may round those of a JPEG otherwise.
    """
    found = hashlib.sha256()
    for pair, size in zip(index.pairs, index.sizes, strict=True):
        found.update(repr((pair.image.name, *map(int, size))).encode("utf-8"))
    for name in ("pixel_counts", "object_counts"):
        counts = getattr(index, name, None)
        found.update(b"" if counts is None else np.asarray(counts, "int64").tobytes())
    return found.hexdigest()[:16]


def check_same_facts(
    facts: Mapping, begun: Mapping, *, names: Sequence[str] = DATA, path: str, run: str, fix: str = _FIX
) -> None:
    """Fail at the first of these facts that differs from that of a run; one that an older run lacks is left out.

    Args:
        facts: dict. `fingerprint` of the data to continue on.
        begun: dict. `fingerprint` of the run.
        names: sequence of str. Which of them are compared. Defaults to those on the data.
        path: str. Where the data is.
        run: str. The run, as the error calls it.
        fix: str. What to do. Defaults to the way out of a run.

    Raises:
        InputError: a fact differs.
    """
    for name in names:
        if name in begun and facts[name] != begun[name]:
            if name in _HASHES:
                raise InputError(f"{path}: has other {_HASHES[name]} than {run} was begun with. {fix}")
            raise InputError(f"{path}: has {name}={facts[name]}, and {run} was begun with {name}={begun[name]}. {fix}")
