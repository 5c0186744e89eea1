"""What the values in the mask files mean."""

import dataclasses

import numpy as np

from keras_seg import _validation
from keras_seg._validation import InputError

# The usual label of pixels without a class in 8-bit masks (Pascal VOC, Cityscapes, ADE20K).
_VOID = 255

# Gray values this near to black or white count as the flat part of a two-valued mask that was smoothed or saved as
# JPEG.
_POLE = 8
_POLE_SHARE = 0.9

# Ids spread thinner than this are gray levels rather than ids that count up from 0.
_SPARSE_FROM = 64
_SPARSE_SHARE = 0.25


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelEncoding:
    """How the values of mask files become class ids. Immutable; `LabelEncoding.from_counts` finds it out.

    Args:
        num_classes: number of classes; their ids are 0 .. num_classes - 1.
        ignore_class: tuple of ids that mark pixels without a class.
        class_names: tuple of names, one a class.
        threshold: masks of two values: from this value on a pixel is of class 1. None for masks of ids.
        label_map: tuple of (value in the file, id), for values that are not their own id.
        notices: one-line texts that say what was found out and not asked for.

    Examples:
        >>> encoding = LabelEncoding.from_counts({0: 900, 255: 100})
        >>> encoding.num_classes, encoding.encode(np.array([[0, 255]], "uint8")).tolist()
        (2, [[0, 1]])
        >>> print(encoding.notices[0])
        Masks hold 0 and 255: read as classes 0 and 1.
    """

    num_classes: int
    ignore_class: tuple = ()
    class_names: tuple = None
    threshold: int = None
    label_map: tuple = ()
    notices: tuple = ()

    def __post_init__(self):
        put = object.__setattr__  # The way to set a field of a frozen dataclass.
        put(self, "num_classes", _validation.integer("num_classes", self.num_classes, 2))
        put(self, "ignore_class", _validation.ignored_classes(self.ignore_class))
        put(self, "class_names", _validation.class_names(self.class_names, self.num_classes))
        pairs = self.label_map.items() if isinstance(self.label_map, dict) else self.label_map
        put(self, "label_map", tuple(sorted((int(value), int(id_)) for value, id_ in pairs)))
        put(self, "notices", tuple(self.notices))

    @classmethod
    def from_counts(cls, counts, num_classes=None, ignore_class=None, class_names=None, label_map=None):
        """Find the encoding from how often each value occurs.

        - only 0 and 255, or values that lie near 0 and 255 (smoothed edges, JPEG): two classes;
        - otherwise values are ids. Without `num_classes` it is the largest id plus one, where 255 beside other ids is
          taken for pixels without a class, unless `ignore_class` says otherwise.

        Whatever is not asked for by an argument leaves a notice.

        Args:
            counts: dict from the value in the files to its number of pixels.
            num_classes: number of classes, or None to find it.
            ignore_class: label or labels of pixels without a class.
            class_names: one name a class; their number is `num_classes` where that is None.
            label_map: dict from the value in the file to its id, for values that are not ids. A value that is not in it
                is its own id.

        Returns:
            A `LabelEncoding`. Labels outside its range are found by `check`, which can name the file.

        Raises:
            InputError: the number of names disagrees with the number of classes, or the values do not tell the number
                of classes.
        """
        ignored = _validation.ignored_classes(ignore_class)
        names = None if class_names is None else tuple(class_names)
        if num_classes is not None:
            num_classes = _validation.integer("num_classes", num_classes, 2)
        if num_classes is None and names is not None:
            num_classes = len(names)
        mapped = dict(label_map or {})
        ids = {}
        for value, count in counts.items():
            id_ = int(mapped.get(value, value))
            ids[id_] = ids.get(id_, 0) + int(count)
        if num_classes in (None, 2) and not mapped and not ignored:
            threshold, notice = _two_values(ids, sure=num_classes == 2)
            if threshold is not None:
                return cls(2, (), names, threshold, (), (notice,))
        notices = []
        if num_classes is None:
            if not ignored and _VOID in ids and max(ids) == _VOID:
                ignored = (_VOID,)
                notices.append("Masks hold 255 beside other ids: read as pixels without a class (ignore_class=255).")
            num_classes = _count_classes([id_ for id_ in ids if id_ not in ignored])
            notices.append(f"Masks hold ids up to {num_classes - 1}: read as {num_classes} classes.")
        return cls(num_classes, ignored, names, None, tuple(mapped.items()), tuple(notices))

    @property
    def dtype(self):
        """The smallest of uint8 and int32 that holds every id."""
        labels = (self.num_classes - 1, *self.ignore_class)
        return np.dtype("uint8" if min(labels) >= 0 and max(labels) <= 255 else "int32")

    def encode(self, mask):
        """Turn the values of a mask file into ids.

        Args:
            mask: integer array of any shape.

        Returns:
            Array of the same shape and of `dtype`.
        """
        if self.threshold is not None:
            return (mask >= self.threshold).astype(self.dtype)
        if not self.label_map:
            return mask.astype(self.dtype)
        result = mask.astype(np.int32)
        for value, id_ in self.label_map:
            result[mask == value] = id_
        return result.astype(self.dtype)

    def encode_counts(self, counts):
        """Turn counts of values into counts of ids.

        Args:
            counts: dict from the value in a file to its number of pixels.

        Returns:
            dict from id to number of pixels.
        """
        ids, mapped = {}, dict(self.label_map)
        for value, count in counts.items():
            id_ = int(value >= self.threshold) if self.threshold is not None else mapped.get(value, value)
            ids[id_] = ids.get(id_, 0) + count
        return ids

    def check(self, counts, path):
        """Refuse a mask that holds a label which is neither a class nor ignored.

        Args:
            counts: dict from value to number of pixels of one mask file.
            path: the file, for the message.

        Raises:
            InputError: one line that names the file, the label and the fix.
        """
        for label in sorted(self.encode_counts(counts)):
            if label in self.ignore_class or 0 <= label < self.num_classes:
                continue
            fix = f"Pass num_classes={label + 1}, or " if label > 0 else "Pass "
            raise InputError(
                f"{path}: holds label {label}, outside the {self.num_classes} classes 0..{self.num_classes - 1}. "
                f"{fix}ignore_class={label} if it marks pixels without a class."
            )

    def get_config(self):
        """The fields as JSON types; `LabelEncoding(**config)` gives the encoding back."""
        config = dataclasses.asdict(self)
        for name in ("ignore_class", "class_names", "notices"):
            config[name] = list(config[name])
        config["label_map"] = [list(pair) for pair in self.label_map]
        return config


def _two_values(ids, sure):
    """(threshold, notice) where the values are those of a black and white mask, else (None, None).

    `sure`: two classes were asked for, so that there is less to tell apart.
    """
    values = sorted(ids)
    if values[0] < 0 or values[-1] > 255 or values[-1] <= 1:
        return None, None
    if set(values) <= {0, 255}:
        return 128, "Masks hold 0 and 255: read as classes 0 and 1."
    total = sum(ids.values())
    black = sum(count for value, count in ids.items() if value <= _POLE)
    white = sum(count for value, count in ids.items() if value >= 255 - _POLE)
    # Smoothing leaves traces all the way between black and white; ids with 255 for void stop far below 255.
    whole_range = any(_POLE < value < 128 for value in values) and any(128 <= value < 255 - _POLE for value in values)
    flat = black + white >= _POLE_SHARE * total and min(black, white) > 0
    if flat and (sure or whole_range):
        between = total - ids.get(0, 0) - ids.get(255, 0)
        return 128, (
            f"Masks are black and white with {between / total:.1%} of the pixels in between (smoothed or JPEG): "
            "read as classes 0 and 1, split at 128."
        )
    return None, None


def _count_classes(ids):
    if not ids or min(ids) < 0:
        found = f"label {min(ids)}" if ids else "no class at all"
        raise InputError(f"The masks hold {found}. Pass num_classes and ignore_class to say which labels are classes.")
    if max(ids) == 0:
        raise InputError("The masks hold label 0 only. Draw at least two classes, or pass num_classes.")
    if max(ids) >= _SPARSE_FROM and len(ids) < _SPARSE_SHARE * (max(ids) + 1):
        shown = ", ".join(str(id_) for id_ in sorted(ids)[:6]) + (", ..." if len(ids) > 6 else "")
        example = ", ".join(f"{id_}: {position}" for position, id_ in enumerate(sorted(ids)[:2]))
        raise InputError(
            f"The masks hold labels {shown}, which do not count up from 0. "
            f"Pass label_map={{{example}, ...}} (or write it into labels.json), or num_classes={max(ids) + 1} to keep "
            "them."
        )
    return max(ids) + 1
