"""Errors that callers tell apart: the files of a label tool, or a conversion, may be the better answer."""

from keras_seg._validation import InputError


class PaintedMaskError(InputError):
    """A mask is painted in colors, and nothing says which ids they are."""


class UnknownColorError(InputError):
    """A mask holds a color that is not among those given.

    Args:
        message: str. The error.
        color: (red, green, blue).
    """

    def __init__(self, message: str, color: tuple[int, int, int]) -> None:
        super().__init__(message)
        self.color = color


class AmbiguousFolderError(InputError):
    """The folders of a data set can be read in several ways."""


class SeveralMasksError(InputError):
    """An image has several mask files.

    Args:
        what: str. The folder and the files.
        fix: str. What to do.
        objects: str. What to do if each file shows one object, or a class that overlaps others.
    """

    def __init__(self, what: str, *, fix: str, objects: str = "") -> None:
        super().__init__(" ".join(filter(None, (what, fix, objects))))
        self.what, self.fix, self.objects = what, fix, objects

    def with_fix(self, fix: str) -> "SeveralMasksError":
        """The error with something else to do."""
        return SeveralMasksError(self.what, fix=fix, objects=self.objects)
