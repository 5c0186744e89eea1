"""Images whose values are on another scale than those of the training data."""

import dataclasses
from typing import Any

from keras_seg._decoding.value_range import ValueRange, contradicts, difference
from keras_seg._validation import InputError

ADVICE = "Save the values on the scale of the training images."


def with_range_notice(index: Any, trained: ValueRange | None) -> Any:
    """The index, with a line in its notices if its images are on another scale than those of training.

    Raises:
        InputError: one of the two holds fractions or standardized values, and the other whole pixel values.
    """
    text = difference(index.image_range, trained)
    if contradicts(index.image_range, trained):
        raise InputError(f"The images hold {text}. {ADVICE}")
    if not text:
        return index
    notice = f"Images hold {text}: they are read as they are."
    return dataclasses.replace(index, notices=(*index.notices, notice))
