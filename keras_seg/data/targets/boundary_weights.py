"""U-Net's weight map, which makes the pixels between touching objects dear."""

import math

import numpy as np

from keras_seg import _validation

# Beyond d1 + d2 = 6 sigma the term is under w0 e^-18 = 2e-8 w0: nothing farther away needs to be looked at.
_REACH = 6


def boundary_weights(
    mask,
    *,
    instances=None,
    w0=10.0,
    sigma=5.0,
    class_weights=None,
    background=0,
    inside=False,
    ignore_class=None,
):
    """Weights of the pixels of a mask: `w = w_c + w0 exp(-(d1 + d2)^2 / (2 sigma^2))`.

    w_c is the weight of the pixel's class, d1 and d2 are its distances in pixels to the nearest and the second nearest
    object, from pixel center to pixel center. In a gap of 2 pixels d1 + d2 is 3. Where there are fewer than two objects
    the second term is 0; so it is beyond d1 + d2 = 6 sigma, where it would be under 2e-8 w0.

    Args:
        mask: int array (height, width) of class ids.
        instances: int array (height, width) that numbers the objects, 0 for none; or None for the connected components
            of each class of the mask but `background`, pixels that touch at a corner connected. Defaults to None.
        w0: float >= 0, weight where two objects all but touch. Defaults to 10.0.
        sigma: float > 0, reach of the border in pixels. Defaults to 5.0.
        class_weights: None for w_c = 1, or a sequence of floats >= 0, one for each class. Defaults to None.
        background: int, the class that is no object; None where every class is one. Defaults to 0.
        inside: bool, whether the pixels of objects get the term too, with d1 = 0, so that both sides of an edge between
            touching objects are weighed. Defaults to False, for the gaps alone.
        ignore_class: None, int or sequence of int, labels of pixels without a class. They are no objects and have
            w_c = 1; the loss leaves them out. Defaults to None.

    Returns:
        float32 array (height, width), to be given to a loss as `sample_weight`.

    Raises:
        InputError: for arguments and masks that do not fit.
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
    if instances is None:
        instances = _components(ndimage, mask, void, background)
    else:
        instances = _id_map("instances", instances)
        if instances.shape != mask.shape:
            _validation.fail("instances", f"must have the shape of `mask`, {mask.shape}", instances.shape)
        instances = np.unique(np.where(void, 0, instances), return_inverse=True)
        # Numbered 1, 2, ... with 0 for none, whatever the ids.
        instances = (instances[1] + (0 if 0 in instances[0] else 1)).reshape(mask.shape)
    total = _distances(ndimage, instances, _REACH * sigma)
    border = w0 * np.exp(-np.square(total) / (2 * sigma**2))
    if not inside:
        border = np.where(instances == 0, border, 0.0)
    return (weights + border).astype("float32")


def add_boundary_weights(dataset, **arguments):
    """The dataset (image, mask) as (image, mask, sample weight), with `boundary_weights` of each mask.

    Args:
        dataset: `tf.data.Dataset` of batches (image, mask), masks (batch, height, width), as `from_folder` gives. The
            weights come after augmentation, so that they fit the mask that is trained on.
        **arguments: of `boundary_weights`, but `mask` and `instances`.

    Returns:
        `tf.data.Dataset` of (image, mask, float32 weights (batch, height, width)), for `model.fit`.

    Raises:
        InputError, ImportError: as `boundary_weights`; arguments are checked at once.

    Examples:
        >>> import numpy as np, tensorflow as tf
        >>> images, masks = np.zeros((2, 8, 8, 3), "float32"), np.zeros((2, 8, 8), "int32")
        >>> dataset = tf.data.Dataset.from_tensor_slices((images, masks)).batch(2)
        >>> images, masks, weights = next(iter(add_boundary_weights(dataset, w0=5.0)))
        >>> weights.shape
        TensorShape([2, 8, 8])
    """
    tf = _validation.optional_import("tensorflow", "tensorflow", "`add_boundary_weights` (tf.data)")
    for name in ("mask", "instances"):
        if name in arguments:
            _validation.fail(name, "cannot be given for a whole dataset", type(arguments[name]).__name__)
    # The void of a 1x1 mask: every argument is checked before training begins.
    void = _validation.ignored_classes(arguments.get("ignore_class")) or (0,)
    boundary_weights(np.full((1, 1), void[0]), **arguments)

    def weigh(masks):
        return np.stack([boundary_weights(mask, **arguments) for mask in masks])

    def add(image, mask):
        weights = tf.numpy_function(weigh, [mask], tf.float32, stateful=False)
        weights.set_shape(mask.shape)
        return image, mask, weights

    return dataset.map(add, num_parallel_calls=tf.data.AUTOTUNE)


def _id_map(name, value):
    value = np.asarray(value)
    if value.ndim != 2 or value.dtype.kind not in "iub":
        _validation.fail(name, "must be an integer array (height, width)", (value.shape, str(value.dtype)))
    return value.astype("int64")


def _class_part(mask, void, class_weights):
    if class_weights is None:
        return np.ones(mask.shape)
    table = np.array([_validation.number("class_weights", weight, minimum=0) for weight in class_weights])
    used = mask[~void]
    if used.size and not (used.min() >= 0 and used.max() < len(table)):
        _validation.fail(
            "class_weights",
            f"must hold one number for each class; the mask has ids {used.min()} to {used.max()}",
            list(class_weights),
            "Void ids belong in ignore_class.",
        )
    return np.where(void, 1.0, table[np.where(void, 0, mask)])


def _components(ndimage, mask, void, background):
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


def _distances(ndimage, instances, reach):
    """d1 + d2 of each pixel, infinite where it exceeds `reach`, and everywhere with fewer than two objects.

    A transform of the whole image for each object would take minutes with hundreds of them. Here one transform says
    which object is nearest; the second nearest is then looked for around each object, no farther away than matters.
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
