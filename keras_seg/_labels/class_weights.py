"""Class weights from pixel counts: the rules, on NumPy arrays."""

from typing import Any

import numpy as np

from keras_seg import _validation

RULES = ("balanced", "median_frequency", "square_root")


def _counts(value: Any, name: str, dimensions: tuple[int, ...]) -> np.ndarray:
    try:
        counts = np.asarray(value, "float64")
    except (TypeError, ValueError):
        counts = np.asarray(np.nan)
    if counts.ndim not in dimensions or counts.size == 0 or not np.all(np.isfinite(counts)) or np.any(counts < 0):
        _validation.fail(
            name,
            "must be a FolderIndex, or pixels per class as (classes,) or (images, classes), finite and >= 0",
            value,
            "For a dataset, keras_seg.data.count_pixels(dataset, num_classes) gives them.",
        )
    return counts


def balanced_weights(source: Any, rule: str, name: str = "source") -> list[float]:
    """One weight per class, as a list; a class without pixels weighs as much as the rarest. See `data.class_weights`.

    `source` has `pixel_counts` (images, classes) and `ignored_counts` (images,), as a FolderIndex has, or is such an
    array of counts.
    """
    _validation.one_of("rule", rule, RULES)
    counts = _counts(getattr(source, "pixel_counts", source), name, (1, 2))
    total = counts if counts.ndim == 1 else counts.sum(0)
    present = total > 0
    if not present.any():
        return [1.0] * len(total)
    if rule == "median_frequency":
        if counts.ndim == 1:
            _validation.fail(
                name,
                'must hold the pixels of each image, (images, classes), for "median_frequency"',
                counts.shape,
                'Pass a FolderIndex, or choose "balanced".',
            )
        ignored = _counts(getattr(source, "ignored_counts", np.zeros(len(counts))), name, (1,))
        # A class's pixels over all pixels, including ignored ones, of the images that contain it.
        images = (counts.sum(1) + ignored)[:, None]
        frequency = total / np.where(present, (images * (counts > 0)).sum(0), 1)
        frequency = np.where(present, frequency, frequency[present].min())
        return (np.median(frequency[present]) / frequency).tolist()
    share = total / total.sum()
    share = np.where(present, share, share[present].min())
    raw = share ** -{"balanced": 1.0, "square_root": 0.5}[rule]
    return (raw * total.sum() / (raw * total).sum()).tolist()
