"""Counts that are kept image by image."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageCounts:
    """Base of the results that are computed from counts.

    Attributes:
        counts: int64 array (images, ...).
    """

    counts: np.ndarray

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.counts)
