"""Files that cannot be read, and the one line that says why."""

import contextlib
import os
import stat

from PIL import Image

from keras_seg._decoding.archive_member import archive_member
from keras_seg._decoding.held_file import HeldFile, byte_count, opened
from keras_seg._types import PathLike
from keras_seg._validation import InputError

# Decoded images take memory: one array of this many pixels is 4 GiB per channel.
MAX_PIXELS = 2**32
# A file whose pixels take more than this much memory, and more than this many times its own size, is not believed:
# zlib, the strongest of the common codecs, packs at most 1032 bytes into one.
_SUSPECT_BYTES = 2**30
_MAX_RATIO = 2000
_POINTER = b"version https://git-lfs"


def check_file(path: PathLike, kind: str) -> None:
    """Refuse what is no file with content."""
    if isinstance(path, HeldFile):
        if not path.content:
            raise unreadable(path, kind, "not an image: the file is empty")
        return
    try:
        member = archive_member(path)
        if member is not None:
            if member.size == 0:
                raise unreadable(path, kind, "not an image: the file is empty")
            return
        status = os.stat(path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file. Check the path.") from error
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise unreadable(path, kind, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path}: is a folder, not an image file. Pass the path of a file.")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path}: is a pipe or a device, not an image file. Copy its content into a file.")
    if status.st_size == 0:
        raise unreadable(path, kind, "not an image: the file is empty")


def refuse_pointer(path: PathLike) -> None:
    """Refuse what Git LFS leaves in the place of a file that it has not fetched."""
    with contextlib.suppress(OSError), opened(path) as stream:
        if stream.read(len(_POINTER)) == _POINTER:
            raise InputError(f"{path}: is a pointer of Git LFS, not the file itself. Fetch it: git lfs pull.")


def unreadable(path: PathLike, kind: str, reason: Exception | str) -> InputError:
    """The error for a file that cannot be decoded; `kind` is "image" or "mask"."""
    if isinstance(reason, Image.UnidentifiedImageError):
        reason = "not an image, or a format that Pillow does not support"
    elif isinstance(reason, MemoryError):
        reason = "there is not enough memory to hold its pixels"
    elif isinstance(reason, Exception):
        reason = " ".join(str(reason).split()) or type(reason).__name__
    partner = "mask" if kind == "image" else "image"
    return InputError(
        f"{path}: the {kind} cannot be read ({reason}). Replace it, or remove it (in a data folder, together with its "
        f"{partner})."
    )


def check_frames(path: PathLike, kind: str, frames: int, *, pages: bool) -> None:
    """Refuse a file of several pictures."""
    if frames > 1:
        word = "pages" if pages else "frames"
        fix = {
            "image": f"Save each of the {word} to a separate file, or all as the channels of one .npy file.",
            "mask": f"Merge the {word} into one with one id per pixel, or save the one that holds the ids.",
        }
        raise InputError(f"{path}: holds {frames} {word}, and only one {kind} is read from a file. {fix[kind]}")


def check_memory(path: PathLike, size: tuple[int, int], bits_per_pixel: int) -> None:
    """Refuse a file whose pixels take too much memory, before any of them is decoded."""
    height, width = size
    unpacked = height * width * bits_per_pixel // 8
    if unpacked > _SUSPECT_BYTES and unpacked > _MAX_RATIO * (packed := byte_count(path)):
        raise InputError(
            f"{path}: is {_amount(packed)} large, but its header says {width} x {height} pixels, which take "
            f"{_amount(unpacked)}. The file is damaged or made to fill the memory: replace it."
        )
    if height * width > MAX_PIXELS:
        raise InputError(
            f"{path}: has {width} x {height} pixels, which take {_amount(unpacked)}; at most 2^32 pixels are read at "
            "once. Cut it into several files, or predict it with TiledPredictor, as GeoTIFF, .npy or .zarr."
        )


def _amount(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} bytes"
