"""Class ids of one data folder as those of another, matched by the names of the classes."""

from keras_seg._validation import InputError
from keras_seg.data.index.label_encoding import LabelEncoding
from keras_seg.data.index.label_file import LabelFile


def reads_alike(labels: LabelFile, encoding: LabelEncoding) -> bool:
    """Whether a label file says nothing that differs from an encoding of other data.

    Raises:
        InputError: The file names classes that the encoding does not have.
    """
    if labels.path is None or labels.content == encoding.label_file:
        return True
    if labels.names is not None:
        _check_names(labels, encoding)
    same_names = labels.names is None or labels.names == encoding.class_names
    same_colors = labels.colors is None or tuple(sorted(labels.colors.items())) == encoding.colors
    same_map = labels.label_map is None or tuple(sorted(labels.label_map.items())) == encoding.label_map
    ignored = labels.ignore_class if isinstance(labels.ignore_class, list) else [labels.ignore_class]
    same_void = labels.ignore_class is None or set(ignored) <= set(encoding.ignore_class)
    return same_names and same_colors and same_map and same_void


def names_for(labels: LabelFile, encoding: LabelEncoding) -> tuple[str, ...]:
    """The names of the file's ids, in the words of the encoding."""
    if labels.names is None or not names_given(encoding):
        return encoding.class_names or ()
    return labels.names


def names_given(encoding: LabelEncoding) -> bool:
    """Whether the classes have names of their own rather than class_0, class_1, ..."""
    return encoding.class_names != tuple(f"class_{id_}" for id_ in range(encoding.num_classes))


def _check_names(labels: LabelFile, encoding: LabelEncoding) -> None:
    known, names = encoding.class_names or (), labels.names or ()
    if not names_given(encoding):
        if len(names) != len(known):
            raise InputError(
                f"{labels.path}: names {len(names)} classes, but the training data has {len(known)}, without names. "
                f"Name these {len(known)} in the order of their ids."
            )
        return
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(
            f"{labels.path}: names the class {unknown[0]!r}, but the training data has {', '.join(known[:6])}"
            f"{', ...' if len(known) > 6 else ''}. Use these names, in the order of the ids in these masks."
        )
