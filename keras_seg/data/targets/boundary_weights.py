"""U-Net's weight map: higher loss weights for the pixels between touching objects."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike, IgnoreClass, Tensor
from keras_seg.data.targets.target_pipeline import mapped, targets_of

if TYPE_CHECKING:
    import tensorflow as tf

# Beyond d1 + d2 = 6 sigma the term is below w0 e^-18 = 2e-8 w0 and is not computed.
_REACH = 6


def boundary_weights(
    mask: ArrayLike,
    *,
    instances: ArrayLike | None = None,
    w0: float = 10.0,
    sigma: float = 5.0,
    class_weights: Sequence[float] | None = None,
    background: int | None = 0,
    inside: bool = False,
    ignore_class: IgnoreClass = None,
) -> np.ndarray:
    """Weights of the pixels of a mask: `w = w_c + w0 exp(-(d1 + d2)^2 / (2 sigma^2))`.

    w_c is the weight of the pixel's class, d1 and d2 are its distances in pixels to the nearest and the second nearest
    object, from pixel center to pixel center. In a gap of 2 pixels d1 + d2 is 3. The second term is 0 for fewer than
    two objects, and beyond d1 + d2 = 6 sigma, where it would be below 2e-8 w0.

    Args:
        mask: int array (height, width) of class ids.
        instances: int array (height, width) that numbers the objects, 0 for none. Defaults to None, for the connected
            components of each class of the mask except for `background`, where pixels that share a corner are
            connected.
        w0: float >= 0. Weight where two objects nearly touch. Defaults to 10.0.
        sigma: float > 0. Reach of the border in pixels. Defaults to 5.0.
        class_weights: sequence of float >= 0, one per class. Defaults to None, for w_c = 1.
        background: int. The class that is not an object, or None if every class is one. Must be 0 with `instances`,
            which define the objects. Defaults to 0.
        inside: bool. Whether the pixels of objects get the second term too, with d1 = 0, so that both sides of an edge
            between touching objects weigh more. Defaults to False, for the gaps only.
        ignore_class: int or sequence of int. Labels of pixels without a class. They are not objects and have w_c = 1;
            the loss excludes them. Defaults to None.

    Returns:
        float32 array (height, width), the `sample_weight` of a loss.

    Raises:
        InputError: An argument is out of range, or arrays do not fit one another.
        ImportError: SciPy is missing: `pip install "keras-seg[boundary]"`.

    Examples:
        >>> import numpy as np
        >>> mask = np.zeros((5, 12), "uint8")
        >>> mask[:, :5] = mask[:, 7:] = 1  # two objects, 2 pixels apart
        >>> boundary_weights(mask).round(4)[2, 4:8].tolist()  # 1 + 10 e^(-9 / 50) in the gap
        [1.0, 9.352700233459473, 9.352700233459473, 1.0]

    Reference:
        - [Ronneberger et al., 2015](https://arxiv.org/abs/1505.04597), section 3, equation 2.
    """
    ndimage = _validation.optional_import("scipy.ndimage", "boundary", "`boundary_weights`")
    mask = _id_map("mask", mask)
    w0 = _validation.number("w0", w0, minimum=0)
    sigma = _validation.number("sigma", sigma, minimum=0)
    if sigma == 0:
        _validation.fail("sigma", "must be above 0", sigma)
    ignored = _validation.ignored_classes(ignore_class)
    void = np.isin(mask, ignored)
    weights = _class_part(mask, void, class_weights)
    _validation.boolean("inside", inside)
    if instances is None:
        objects = _components(ndimage, mask, void, background)
    else:
        if background != 0:
            fix = "Remove `background`: 0 in `instances` marks pixels without an object."
            _validation.fail("background", "cannot be combined with `instances`", background, fix)
        ids = _id_map("instances", instances)
        if ids.shape != mask.shape:
            _validation.fail("instances", f"must have the shape of `mask`, {mask.shape}", ids.shape)
        # Renumbered 1, 2, ... with 0 for none.
        found, objects = np.unique(np.where(void, 0, ids), return_inverse=True)
        objects = (objects + (0 if 0 in found else 1)).reshape(mask.shape)
    total = _distances(ndimage, objects, _REACH * sigma)
    border = w0 * np.exp(-np.square(total) / (2 * sigma**2))
    if not inside:
        border = np.where(objects == 0, border, 0.0)
    return (weights + border).astype("float32")


def add_boundary_weights(
    dataset: tf.data.Dataset,
    *,
    w0: float = 10.0,
    sigma: float = 5.0,
    class_weights: Sequence[float] | None = None,
    background: int | None = 0,
    inside: bool = False,
    ignore_class: IgnoreClass = None,
) -> tf.data.Dataset:
    """The dataset (image, mask) as (image, mask, sample weight), with `boundary_weights` of each mask.

    Other arguments: see `boundary_weights`.

    Args:
        dataset: `tf.data.Dataset` of batches (image, mask), masks (batch, height, width), as from `from_folder`. The
            weights are computed after augmentation, so they fit the mask that is trained on.

    Returns:
        `tf.data.Dataset` of (image, mask, float32 weights (batch, height, width)), for `model.fit`.

    Raises:
        InputError: As for `boundary_weights`; arguments are checked immediately.
        ImportError: As for `boundary_weights`.

    Examples:
        >>> import numpy as np, tensorflow as tf
        >>> images, masks = np.zeros((2, 8, 8, 3), "float32"), np.zeros((2, 8, 8), "int32")
        >>> dataset = tf.data.Dataset.from_tensor_slices((images, masks)).batch(2)
        >>> images, masks, weights = next(iter(add_boundary_weights(dataset, w0=5.0)))
        >>> weights.shape
        TensorShape([2, 8, 8])
    """
    weigh = functools.partial(
        boundary_weights,
        w0=w0,
        sigma=sigma,
        class_weights=class_weights,
        background=background,
        inside=inside,
        ignore_class=ignore_class,
    )
    # A mask of one ignored pixel checks every argument before training begins.
    void = _validation.ignored_classes(ignore_class) or (0,)
    weigh(np.full((1, 1), void[0]))
    weights = targets_of(dataset, weigh, "float32")

    def add(image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return image, mask, weights(mask)

    return mapped(dataset, add)


def _id_map(name: str, value: ArrayLike) -> np.ndarray:
    value = np.asarray(value)
    if value.ndim != 2 or value.dtype.kind not in "iub":
        _validation.fail(name, "must be an integer array (height, width)", (value.shape, str(value.dtype)))
    return value.astype("int64")


def _class_part(mask: np.ndarray, void: np.ndarray, class_weights: Sequence[float] | None) -> np.ndarray:
    """w_c of each pixel."""
    if class_weights is None:
        return np.ones(mask.shape)
    table = np.array([_validation.number("class_weights", weight, minimum=0) for weight in class_weights])
    used = mask[~void]
    if used.size and not (used.min() >= 0 and used.max() < len(table)):
        _validation.fail(
            "class_weights",
            f"must hold one number for each class; the mask has ids {used.min()} to {used.max()}",
            list(class_weights),
            "Pass the labels of pixels without a class as ignore_class.",
        )
    return np.where(void, 1.0, table[np.where(void, 0, mask)])


def _components(ndimage: ModuleType, mask: np.ndarray, void: np.ndarray, background: int | None) -> np.ndarray:
    """Objects numbered from 1: connected pixels of one class."""
    instances = np.zeros(mask.shape, "int64")
    count = 0
    for value in np.unique(mask[~void]):
        if background is not None and value == background:
            continue
        parts, found = ndimage.label((mask == value) & ~void, structure=np.ones((3, 3)))
        instances[parts > 0] = parts[parts > 0] + count
        count += found
    return instances


def _distances(ndimage: ModuleType, instances: np.ndarray, reach: float) -> np.ndarray:
    """d1 + d2 of each pixel, infinite where it exceeds `reach`, and everywhere with fewer than two objects.

    One distance transform of the whole image finds the nearest object. The second nearest is searched only around each
    object, up to `reach`; a transform of the whole image per object would take minutes for hundreds of objects.
    """
    total = np.full(instances.shape, np.inf)
    if instances.max(initial=0) < 2:
        return total
    first, nearest = ndimage.distance_transform_edt(instances == 0, return_indices=True)
    owner = instances[tuple(nearest)]
    # d1 <= d2, so where the sum matters d1 is at most half the reach, and d2 at most the reach.
    margin = math.ceil(1.5 * reach) + 1
    for number, box in enumerate(ndimage.find_objects(instances), start=1):
        if box is None:
            continue
        around = tuple(slice(max(side.start - margin, 0), side.stop + margin) for side in box)
        others = (instances[around] != 0) & (instances[around] != number)
        if not others.any():
            continue
        second = ndimage.distance_transform_edt(~others)
        mine = owner[around] == number
        total[around][mine] = (first[around] + second)[mine]
    return np.where(total <= reach, total, np.inf)
