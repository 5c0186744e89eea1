"""The interface of a format."""

import dataclasses
from collections.abc import Callable

from keras_seg.data.conversion.labeled_image import LabeledImages
from keras_seg.data.conversion.source import Source


@dataclasses.dataclass(frozen=True, kw_only=True)
class Format:
    """How files of one kind are found and read.

    Args:
        name: str. The name that users pass.
        signs: str. What it is recognized by, for the message about a source that no format fits.
        recognize: function of a `Source` that gives what was found, in words, or None.
        read: function of a `Source` that gives its `LabeledImages`, whose images are read one by one.
        misread: bool. Whether the files, read as they are, would give other classes than the format means; `recognize`
            looks at names only then. Defaults to False.
        images_elsewhere: bool. Whether images are looked for in the folder that users pass as `images`. Defaults to
            False, for formats whose images and labels are found by their folders.
        plain: bool. Whether it is tried only if no other format fits. Defaults to False.
        unusable: function of a `Source` that says in one line why files of this tool cannot be converted, or None;
            asked if no format fits. Defaults to one that gives None.
    """

    name: str
    signs: str
    recognize: Callable[[Source], str | None]
    read: Callable[[Source], LabeledImages]
    misread: bool = False
    images_elsewhere: bool = False
    plain: bool = False
    unusable: Callable[[Source], str | None] = lambda source: None
