"""Images and their masks in a shard, by WebDataset's rule: what has one key is one sample."""

import dataclasses
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from keras_seg._decoding.held_file import HeldFile
from keras_seg._validation import InputError
from keras_seg.data.index.file_listing import EXTENSIONS
from keras_seg.data.index.folder_roles import is_mask_word
from keras_seg.data.shards.tar_members import Member, tar_members

# The key is the name up to the first point behind the last slash.
_KEY = re.compile(r"((?:.*/)?[^./]+)\.([^/]+)", re.DOTALL)
# WebDataset skips these: they describe the archive.
_ABOUT_THE_ARCHIVE = re.compile(r"__[^/]*__($|/)")
MASK_SUFFIX = ".seg.png"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """The files of an image and of its mask, as bytes."""

    image: HeldFile
    mask: HeldFile


def read_samples(stream: BinaryIO, shard: str, wanted: Callable[[int], bool]) -> Iterator[tuple[int, Sample | None]]:
    """The samples of a shard in their order, each with its number; those that are not wanted are None, and not read.

    Args:
        stream: an open binary stream, which may be a pipe.
        shard: name of the shard, for errors.
        wanted: function of a number, counted from 0.

    Raises:
        InputError: The shard is damaged or holds no samples, or a sample lacks its image or mask or has several.
    """
    for number, (image, mask) in _pairs(stream, shard, wanted):
        if isinstance(image, HeldFile) and isinstance(mask, HeldFile):
            yield number, Sample(image=image, mask=mask)
        else:
            yield number, None


def sample_names(stream: BinaryIO, shard: str) -> Iterator[tuple[str, str]]:
    """The names SHARD/MEMBER of the image and of the mask of each sample, in their order; only headers are read.

    Arguments and errors: see `read_samples`.
    """
    return ((str(image), str(mask)) for _, (image, mask) in _pairs(stream, shard, lambda _: False))


def _pairs(
    stream: BinaryIO, shard: str, wanted: Callable[[int], bool]
) -> Iterator[tuple[int, tuple[HeldFile | str, HeldFile | str]]]:
    """The number of each sample, and its image and mask: those that are not wanted by name."""
    number, key, files = -1, None, {}
    for member in tar_members(stream, shard):
        split = None if _ABOUT_THE_ARCHIVE.match(member.name) else _KEY.fullmatch(member.name)
        if split is None:
            continue
        if split[1] != key:
            if key is not None:
                yield number, _joined(shard, key, files)
            number, key, files = number + 1, split[1], {}
        suffix = split[2].lower()
        if suffix in files:
            raise InputError(f"{shard}: sample {key!r} has two files {suffix!r}. Pack the data again.")
        # Which of two plain files is the mask shows when both are known, so that both are read.
        files[suffix] = _held(shard, member, read=wanted(number)) if _is_picture(suffix) else None
    if key is None:
        raise InputError(f"{shard}: holds no samples. Remove it, or pack the data again.")
    yield number, _joined(shard, key, files)


def _held(shard: str, member: Member, *, read: bool) -> HeldFile | str:
    name = f"{shard}/{member.name}"
    return HeldFile(name=name, content=member.read()) if read else name


def _joined(shard: str, key: str, files: dict[str, HeldFile | str | None]) -> tuple[HeldFile | str, HeldFile | str]:
    """The image and the mask of a sample."""
    pictures = {suffix: file for suffix, file in files.items() if file is not None}
    masks = [suffix for suffix in pictures if any(is_mask_word(word) for word in suffix.split(".")[:-1])]
    images = [suffix for suffix in pictures if suffix not in masks]
    if not masks and len(images) == 2 and "png" in images:
        # a.jpg and a.png: ids would not survive as JPEG.
        masks = ["png"]
        images.remove("png")
    for kind, found, other in (("image", images, "mask"), ("mask", masks, "image")):
        if len(found) != 1:
            rule = f"has no {kind}" if not found else f"has {len(found)} {kind}s ({', '.join(found)})"
            raise InputError(
                f"{shard}: sample {key!r} {rule}. A sample is an image, such as KEY.jpg, and a mask, KEY{MASK_SUFFIX}: "
                f"add the {kind} or remove the {other}, and pack the data again."
            )
    return pictures[images[0]], pictures[masks[0]]


def _is_picture(suffix: str) -> bool:
    return pathlib.PurePosixPath(f"a.{suffix}").suffix in EXTENSIONS
