"""Objects from the probabilities of their bodies and borders."""

import numpy as np

from keras_seg import _validation


def instances(
    probabilities,
    *,
    threshold=0.5,
    seed_threshold=0.5,
    border_threshold=0.5,
    min_size=0,
    fill_holes=False,
    relief="probability",
):
    """Number the objects of an image by a seeded watershed.

    Seeds are the connected patches (edge to edge) where the body exceeds `seed_threshold` and the border stays below
    `border_threshold`. From them objects grow, best pixels first, over all pixels whose background is below
    `1 - threshold`, and stop where they meet. What no seed reaches is no object. Objects smaller than `min_size` are
    then taken away.

    Args:
        probabilities: float array (height, width, 3) of background, body and border, as the softmax of a net trained
            with `--task instances` or on `data.instance_targets(...).classes`; or (height, width) or (height, width, 1)
            of object alone, whose touching objects then are not told apart; or a batch (images, height, width, 1 or 3).
        threshold: float in (0, 1), for the foreground: body and border together. Defaults to 0.5.
        seed_threshold: float in (0, 1), for the body. Defaults to 0.5.
        border_threshold: float in (0, 1], for the border in seeds. Defaults to 0.5.
        min_size: int >= 0, pixels. Defaults to 0.
        fill_holes: bool, give background inside an object to it. Defaults to False.
        relief: "probability" floods the body's probability from its peaks down, "distance" the distance to the
            background, which splits what narrows. Defaults to "probability".

    Returns:
        int32 array (height, width), or (images, height, width): 0 for no object, 1, 2, ... in the order of their first
        pixels.

    Raises:
        InputError: probabilities of other shapes, outside [0, 1] or NaN; an argument out of range.
        ImportError: scikit-image or SciPy is missing: `pip install "keras-seg[instances]"`.

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
        _validation.fail("border_threshold", "must be above 0, or nothing is left of the seeds", border_threshold)
    min_size = _validation.integer("min_size", min_size, 0)
    _validation.boolean("fill_holes", fill_holes)
    _validation.one_of("relief", relief, ("probability", "distance"))
    probabilities = _checked(probabilities)
    if probabilities.ndim == 4:
        settings = (threshold, seed_threshold, border_threshold, min_size, fill_holes, relief)
        return np.stack([instances(item, *settings) for item in probabilities])
    if probabilities.shape[-1] == 1:
        foreground = body = probabilities[..., 0]
        border = np.zeros_like(body)
    else:
        body, border = probabilities[..., 1], probabilities[..., 2]
        foreground = 1 - probabilities[..., 0]
    inside = foreground > threshold
    seeds = ndimage.label((body > seed_threshold) & (border < border_threshold) & inside)[0]
    height = body if relief == "probability" else ndimage.distance_transform_edt(inside)
    ids = segmentation.watershed(-height, seeds, mask=inside)
    if fill_holes:
        ids = _filled(ndimage, ids)
    return without_small(ids, min_size)


def without_small(ids, min_size):
    """The map without objects of fewer than `min_size` pixels, numbered 1, 2, ... in the order of first pixels."""
    found, first, sizes = np.unique(ids, return_index=True, return_counts=True)
    kept = (found != 0) & (sizes >= min_size)
    numbers = np.zeros(len(found), "int32")
    numbers[np.flatnonzero(kept)[np.argsort(first[kept])]] = np.arange(1, kept.sum() + 1)
    return numbers[np.searchsorted(found, ids)]


def _checked(probabilities):
    values = np.asarray(probabilities)
    if values.dtype.kind not in "fiub":
        _validation.fail("probabilities", "must be an array of numbers", str(values.dtype))
    values = values.astype("float32", copy=False)
    values = values[..., None] if values.ndim == 2 else values
    if not values.size:
        _validation.fail("probabilities", "must hold at least one pixel", values.shape)
    if values.ndim not in (3, 4) or values.shape[-1] not in (1, 3):
        fix = "Of two channels pass that of the object: probabilities[..., 1]." if values.shape[-1:] == (2,) else ""
        rule = "must be (height, width, 3) of background, body and border, or (height, width) of object"
        _validation.fail("probabilities", rule, values.shape, fix)
    if not np.isfinite(values).all():
        fix = "The net has diverged, or its input holds NaN."
        _validation.fail("probabilities", "must be finite", "NaN or infinity", fix)
    # Rounding in half precision sums to a little more than 1.
    if values.min() < -1e-3 or values.max() > 1 + 1e-3:
        found = (float(values.min()), float(values.max()))
        fix = "Pass the output of a softmax or sigmoid, not logits."
        _validation.fail("probabilities", "must lie in [0, 1]", found, fix)
    return np.clip(values, 0, 1)


def _filled(ndimage, ids):
    ids = ids.copy()
    for number, box in enumerate(ndimage.find_objects(ids), 1):
        if box is not None:
            whole = ndimage.binary_fill_holes(ids[box] == number)
            ids[box][whole & (ids[box] == 0)] = number
    return ids
