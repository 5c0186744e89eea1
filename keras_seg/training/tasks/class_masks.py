"""Predicted masks of classes that may overlap, as files."""

import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from keras_seg._types import PathLike


class ClassMasks:
    """One black and white mask per class, saved as CLASS.png in a folder.

    Args:
        found: bool array (height, width, classes).
        names: sequence of str. One name per class.
    """

    def __init__(self, found: np.ndarray, names: Sequence[str]) -> None:
        self.found, self.names = found, tuple(names)

    def save(self, path: PathLike) -> None:
        """Write the masks to a new folder."""
        folder = pathlib.Path(path)
        folder.mkdir()
        for place, name in enumerate(self.names):
            Image.fromarray(self.found[..., place]).save(folder / f"{name}.png")
