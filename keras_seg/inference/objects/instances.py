"""Objects from the probabilities of their bodies and borders."""

from types import ModuleType

import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike
from keras_seg.inference.output_kind import check_finite, readable

_BORDER_THRESHOLD = 0.5


def instances(
    probabilities: ArrayLike,
    *,
    threshold: float = 0.5,
    seed_threshold: float = 0.5,
    border_threshold: float = _BORDER_THRESHOLD,
    min_size: int = 0,
    fill_holes: bool = False,
    elevation: str = "probability",
) -> np.ndarray:
    """Number the objects of an image by a seeded watershed.

    Seeds are the connected patches (edge to edge) where the body exceeds `seed_threshold` and the border stays below
    `border_threshold`. From them objects grow, best pixels first, over all pixels whose background is below
    `1 - threshold`, and stop where they meet. Pixels that no seed reaches are background. Objects smaller than
    `min_size` are then removed.

    Args:
        probabilities: float array (height, width, 3) of background, body and border, the softmax of a model trained on
            `data.instance_targets(...).classes`; or (height, width) or (height, width, 1) of the object alone, where
            touching objects are not separated; or a batch (images, height, width, 1 or 3).
        threshold: float in (0, 1). For the foreground: body and border together. Defaults to 0.5.
        seed_threshold: float in (0, 1). For the body. Defaults to 0.5.
        border_threshold: float in (0, 1]. For the border in seeds. Defaults to 0.5.
        min_size: int of at least 0. Pixels. Defaults to 0.
        fill_holes: bool. Whether background enclosed by an object becomes part of it. Defaults to False.
        elevation: "probability" floods the body's probability from its peaks down, "distance" the distance to the
            background, which splits objects at narrow parts. Defaults to "probability".

    Returns:
        int32 array (height, width), or (images, height, width): 0 for no object, 1, 2, ... in the order of their first
        pixels.

    Raises:
        InputError: if the probabilities have another shape, are outside [0, 1] or not finite, or an argument is out of
            range.
        ImportError: if scikit-image or SciPy is missing: `pip install "keras-seg[instances]"`.

    Examples:
        >>> import keras_seg as ks
        >>> ids = np.zeros((6, 12), int)
        >>> ids[:, :6], ids[:, 6:11] = 1, 2
        >>> exact = np.eye(3)[ks.data.instance_targets(ids, border_width=1).classes]
        >>> bool((instances(exact) == ids).all())
        True

    Reference:
        - [Beucher and Meyer, 1993](https://doi.org/10.1201/9781482277234-12): the watershed from markers.
    """
    ndimage = _validation.optional_import("scipy.ndimage", "instances", "`instances`")
    segmentation = _validation.optional_import("skimage.segmentation", "instances", "`instances`")
    threshold = _validation.open_share("threshold", threshold)
    seed_threshold = _validation.open_share("seed_threshold", seed_threshold)
    border_threshold = _validation.number("border_threshold", border_threshold, 0, 1)
    if border_threshold == 0:
        _validation.fail("border_threshold", "must be above 0, or no seeds are left", border_threshold)
    min_size = _validation.integer("min_size", min_size, 0)
    _validation.boolean("fill_holes", fill_holes)
    _validation.one_of("elevation", elevation, ("probability", "distance"))
    probabilities = _checked(probabilities)
    if probabilities.ndim == 4:
        settings = {
            "threshold": threshold,
            "seed_threshold": seed_threshold,
            "border_threshold": border_threshold,
            "min_size": min_size,
            "fill_holes": fill_holes,
            "elevation": elevation,
        }
        return np.stack([instances(item, **settings) for item in probabilities])
    if probabilities.shape[-1] == 1:
        if border_threshold != _BORDER_THRESHOLD:
            fix = "Leave it out, or pass background, body and border."
            _validation.fail("border_threshold", "has no effect on the object alone", border_threshold, fix)
        foreground = body = probabilities[..., 0]
        border = np.zeros_like(body)
    else:
        body, border = probabilities[..., 1], probabilities[..., 2]
        foreground = 1 - probabilities[..., 0]
    inside = foreground > threshold
    seeds = ndimage.label((body > seed_threshold) & (border < border_threshold) & inside)[0]
    height = body if elevation == "probability" else ndimage.distance_transform_edt(inside)
    ids = segmentation.watershed(-height, seeds, mask=inside)
    if fill_holes:
        ids = _filled(ndimage, ids)
    return without_small(ids, min_size)


def without_small(ids: np.ndarray, min_size: int) -> np.ndarray:
    """The map without objects of fewer than `min_size` pixels, numbered 1, 2, ... in the order of first pixels."""
    found, first, sizes = np.unique(ids, return_index=True, return_counts=True)
    kept = (found != 0) & (sizes >= min_size)
    numbers = np.zeros(len(found), "int32")
    numbers[np.flatnonzero(kept)[np.argsort(first[kept])]] = np.arange(1, kept.sum() + 1)
    return numbers[np.searchsorted(found, ids)]


def _checked(probabilities: ArrayLike) -> np.ndarray:
    values = readable(probabilities)
    if values.dtype.kind not in "fiub":
        _validation.fail("probabilities", "must be an array of numbers", str(values.dtype))
    values = values.astype("float32", copy=False)
    values = values[..., None] if values.ndim == 2 else values
    if not values.size:
        _validation.fail("probabilities", "must hold at least one pixel", values.shape)
    if values.ndim not in (3, 4) or values.shape[-1] not in (1, 3):
        fix = (
            "If there are two channels, pass the object's: probabilities[..., 1]." if values.shape[-1:] == (2,) else ""
        )
        rule = "must be (height, width, 3) for background, body and border, or (height, width) for the object"
        _validation.fail("probabilities", rule, values.shape, fix)
    check_finite(values, "`probabilities`")
    # Rounding in half precision sums to a little more than 1.
    if values.min() < -1e-3 or values.max() > 1 + 1e-3:
        found = (float(values.min()), float(values.max()))
        fix = "Pass the output of a softmax or sigmoid, not logits."
        _validation.fail("probabilities", "must lie in [0, 1]", found, fix)
    return np.clip(values, 0, 1)


def _filled(ndimage: ModuleType, ids: np.ndarray) -> np.ndarray:
    ids = ids.copy()
    for number, box in enumerate(ndimage.find_objects(ids), 1):
        if box is not None:
            whole = ndimage.binary_fill_holes(ids[box] == number)
            ids[box][whole & (ids[box] == 0)] = number
    return ids
