"""The rows of a panel: an image, its truth and its prediction each."""

from collections.abc import Iterator, Sequence

import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike


def panel_rows(
    images: Sequence[ArrayLike], *, integers: Sequence[str] = (), **maps: Sequence[ArrayLike]
) -> Iterator[tuple[np.ndarray, ...]]:
    """Each image with its maps, as arrays.

    Args:
        images: sequence of arrays (height, width, channels).
        integers: names of the maps that must hold integers: scores would be drawn as other classes or objects.
        **maps: by their argument's name, sequences of arrays (height, width).

    Raises:
        InputError: lengths or sizes disagree, or a map does not hold integers.
    """
    for name, values in maps.items():
        if len(values) != len(images):
            _validation.fail(name, f"must hold one map per image ({len(images)})", f"{len(values)} maps")
    for image, *row in zip(images, *maps.values(), strict=True):
        image, row = np.asarray(image), [np.asarray(item) for item in row]
        if image.ndim != 3:
            _validation.fail("images", "must be arrays (height, width, channels)", image.shape)
        for name, item in zip(maps, row, strict=True):
            if item.shape != image.shape[:2]:
                _validation.fail(name, f"must have the height and width of its image {image.shape}", item.shape)
            if name in integers and item.dtype.kind not in "biu":
                fix = "Convert scores to class ids or objects first, and whole numbers by astype(int)."
                _validation.fail(name, "must hold integers", str(item.dtype), fix)
        yield image, *row
