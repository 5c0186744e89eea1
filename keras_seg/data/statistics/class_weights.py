"""Class weights from the pixels of a data set."""

from keras_seg._labels.class_weights import balanced_weights
from keras_seg._types import ArrayLike
from keras_seg.data.index.folder_index import FolderIndex
from keras_seg.data.statistics.count_pixels import PixelCounts


def class_weights(source: FolderIndex | PixelCounts | ArrayLike, *, rule: str = "balanced") -> list[float]:
    """Class weights for a loss, from the number of pixels of each class.

    - "balanced": 1 / share, scaled so that the mean weight per pixel is 1. All classes contribute equally to the loss;
      a pixel of a class that covers 1 of 10,000 pixels gets 10,000 times the weight of a pixel of a class that covers
      all.
    - "square_root": 1 / sqrt(share), scaled in the same way: half-way between "balanced" and no weights.
    - "median_frequency": median of the frequencies / frequency, where the frequency of a class is its pixels divided by
      all pixels (also those without a class) of the images it occurs in. The median class has weight 1.

    A class without pixels gets the weight of the rarest class.

    Args:
        source: a `FolderIndex`, `PixelCounts` from `count_pixels`, an array of pixel counts (images, classes), or of
            counts or shares (classes,), which "median_frequency" cannot use.
        rule: str. "balanced", "square_root" or "median_frequency". Defaults to "balanced".

    Returns:
        List of float, one per class, for `class_weights` of a loss.

    Raises:
        InputError: The rule is unknown, or the counts are not finite numbers >= 0.

    Examples:
        >>> class_weights([800, 200])
        [0.625, 2.5]
        >>> weights = class_weights([[60, 40], [100, 0]], rule="median_frequency")
        >>> [round(weight, 4) for weight in weights]  # frequencies 160 / 200 and 40 / 100, median 0.6
        [0.75, 1.5]

    Reference:
        - [Eigen and Fergus, 2015](https://arxiv.org/abs/1411.4734), section 6.3.2, for median frequencies;
          [Badrinarayanan et al., 2017](https://arxiv.org/abs/1511.00561), section 4.1, uses them on CamVid.
    """
    return balanced_weights(source, rule)
