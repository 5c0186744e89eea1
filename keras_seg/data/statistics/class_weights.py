"""Class weights from the pixels of a data set."""

from keras_seg._labels.class_weights import balanced_weights


def class_weights(source, *, rule="balanced"):
    """Weights of the classes for a loss, from how many pixels each has.

    - "balanced": 1 / share, scaled so that the mean weight of a pixel is 1: all classes weigh alike in the loss, and a
      class of one pixel in 10,000 gets 10,000 times the weight of each of its pixels.
    - "square_root": 1 / sqrt(share), with the same scale: half-way between that and no weights.
    - "median_frequency": median of the frequencies / frequency, where a class's frequency is its pixels over all pixels
      (also those without a class) of the images it occurs in. The median class weighs 1.

    A class without pixels weighs as the rarest does.

    Args:
        source: a `FolderIndex`, `PixelCounts` from `count_pixels`, an array of pixels (images, classes), or of pixels
            or shares (classes,), which "median_frequency" cannot use.
        rule: str, "balanced", "square_root" or "median_frequency". Defaults to "balanced".

    Returns:
        List of floats, one a class, for `class_weights` of a loss.

    Raises:
        InputError: for other rules, and counts that are none.

    Examples:
        >>> class_weights([800, 200])
        [0.625, 2.5]
        >>> weights = class_weights([[60, 40], [100, 0]], "median_frequency")  # frequencies 160 / 200 and 40 / 100
        >>> [round(weight, 4) for weight in weights]  # median 0.6
        [0.75, 1.5]

    Reference:
        - [Eigen and Fergus, 2015](https://arxiv.org/abs/1411.4734), section 6.3.2, for median frequencies;
          [Badrinarayanan et al., 2017](https://arxiv.org/abs/1511.00561), section 4.1, uses them on CamVid.
    """
    return balanced_weights(source, rule)
