"""Images whose values are on another scale than those of the training data."""

import dataclasses
from typing import Any

from keras_seg._decoding.value_range import ValueRange, difference


def with_range_notice(index: Any, trained: ValueRange | None) -> Any:
    """The index, with a line in its notices if its images are on another scale than those of training."""
    text = difference(index.image_range, trained)
    if not text:
        return index
    notice = f"Images hold {text}: they are read as they are."
    return dataclasses.replace(index, notices=(*index.notices, notice))
