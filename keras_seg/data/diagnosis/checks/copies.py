"""Images that occur more than once, or look alike."""

import functools
import pathlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from keras_seg.data.diagnosis.checks.indices import Indices, short
from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.copies import copies_of_images
from keras_seg.data.diagnosis.finding import Finding, files, found
from keras_seg.data.index.image_hashes import ImageHashes
from keras_seg.data.index.near_duplicates import near_duplicates


class _Image(NamedTuple):
    file: pathlib.Path
    split: str | None
    hashes: ImageHashes


class HashedImages(NamedTuple):
    """Images with their hashes, and how a finding names a file of them."""

    images: list[_Image]
    name: Callable[[pathlib.Path], str]


def images_of_indices(indices: Indices) -> HashedImages:
    """The images that a scan has read."""
    images = [
        _Image(pair.image, split, hashes)
        for split, index in indices.items()
        if index.image_hashes
        for pair, hashes in zip(index.pairs, index.image_hashes, strict=True)
    ]
    return HashedImages(images, functools.partial(short, indices=indices))


def images_of_files(collected: Collected) -> HashedImages:
    """All readable images that have a mask, whatever is wrong with that."""
    images = [
        _Image(item.image.path, collected.split(item), item.image.hashes)
        for item in collected.examined
        if item.image is not None and item.image.hashes is not None and len(item.files.all) > 1
    ]
    return HashedImages(images, collected.name)


def exact_copies(seen: HashedImages) -> Iterator[Finding]:
    """Images with the same pixels."""
    across, within = [], []
    for first, *others in copies_of_images([(image, image.split, image.hashes) for image in seen.images]):
        for other in others:
            (within if first.split == other.split else across).append(_equal(first, other, seen))
    if across:
        fix = "Remove them from train, together with their masks: scores are too high."
        message = f"{files(len(across), 'image')} in two splits, with the same pixels."
        yield found("warning", "copies-across-splits*", across, message, fix=fix)
    if within:
        message = f"{files(len(within), 'image')} stored again under another name, with the same pixels."
        yield found("warning", "copies", within, message, fix="Keep one of each: copies may end up in two splits.")


def near_copies(seen: HashedImages) -> Iterator[Finding]:
    """Images that look alike."""
    across, within = [], []
    total = {id(across): 0, id(within): 0}
    for group in near_duplicates([image.hashes for image in seen.images]):
        first, *others = (seen.images[position] for position in group)
        other = next((image for image in others if image.split != first.split), None)
        kind = within if other is None else across
        kind.append(_equal(first, other or others[0], seen))
        total[id(kind)] += len(group)
    if across:
        alike = f"{files(len(across), 'group')} of images that look alike ({total[id(across)]:,} images)"
        fix = "Put images of one scene, video or patient into one split: scores may be too high."
        yield found("warning", "near-copies-across-splits", across, f"{alike} in several splits.", fix=fix)
    if within:
        message = f"{files(len(within), 'group')} of images that look alike ({total[id(within)]:,} images)."
        fix = "If you divide the images, put those that look alike into one split."
        yield found("note", "near-copies", within, message, fix=fix)


def _equal(first: _Image, other: _Image, seen: HashedImages) -> str:
    return f"{seen.name(first.file)} = {seen.name(other.file)}"
