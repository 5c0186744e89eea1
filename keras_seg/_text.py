"""Text: small files that people write, and numbers in messages."""

import codecs
import pathlib

from keras_seg._types import PathLike
from keras_seg._validation import InputError

# Files that name classes or list pairs are far smaller.
_LARGEST = 10_000_000
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: PathLike, *, shown: str | None = None, largest: int = _LARGEST) -> str:
    """The text of a file in UTF-8 with or without a byte order mark, or in UTF-16 with one.

    Args:
        path: path. The file.
        shown: str. What error messages call it. Defaults to None, for the path.
        largest: int. The most bytes that are read. Defaults to 10,000,000.

    Returns:
        The text, without the byte order mark.

    Raises:
        InputError: The file cannot be read, is larger, or has another encoding.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "classes.txt")
        ...     _ = file.write_bytes("Straße".encode("utf-16"))
        ...     read_text(file)
        'Straße'
    """
    path = pathlib.Path(path)
    shown = str(path) if shown is None else shown
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= largest else b""
    except OSError as error:
        raise InputError(f"{shown}: cannot be read ({error.strerror}). Check the path and its permissions.") from error
    if size > largest:
        raise InputError(
            f"{shown}: has {size / 1e6:.0f} MB, too much for such a text file ({largest / 1e6:.0f} MB). Check the path."
        )
    if content.startswith(_UTF16_MARKS):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError as error:
            raise InputError(f"{shown}: begins as UTF-16 text and is damaged. Save it as UTF-8.") from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The error counts from behind the mark.
        body = content.removeprefix(codecs.BOM_UTF8)
        line = body.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{shown}: is not UTF-8 text (byte {body[error.start]:#04x} in line {line}). "
            'Save it again with the encoding UTF-8: "Save as" in an editor offers it.'
        ) from error
    if "\0" in text:
        raise InputError(
            f"{shown}: holds zero bytes: it is binary, or UTF-16 without a byte order mark. Save it as UTF-8."
        )
    return text


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: "1 image", "2,000 images"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
