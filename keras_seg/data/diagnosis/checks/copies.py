"""Images that occur more than once, or look alike."""

import pathlib
from collections.abc import Iterator
from typing import NamedTuple

from keras_seg.data.diagnosis.checks.indices import Indices, short
from keras_seg.data.diagnosis.copies import copies_of_images
from keras_seg.data.diagnosis.finding import Finding, files, found
from keras_seg.data.index.image_hashes import ImageHashes
from keras_seg.data.index.near_duplicates import near_duplicates


class _Image(NamedTuple):
    file: pathlib.Path
    split: str | None
    hashes: ImageHashes


def _images(indices: Indices) -> list[_Image]:
    return [
        _Image(pair.image, split, hashes)
        for split, index in indices.items()
        if index.image_hashes
        for pair, hashes in zip(index.pairs, index.image_hashes, strict=True)
    ]


def _equal(first: _Image, other: _Image, indices: Indices) -> str:
    return f"{short(first.file, indices)} = {short(other.file, indices)}"


def exact_copies(indices: Indices) -> Iterator[Finding]:
    """Images with the same pixels."""
    across, within = [], []
    for first, *others in copies_of_images([(image, image.split, image.hashes) for image in _images(indices)]):
        for other in others:
            (within if first.split == other.split else across).append(_equal(first, other, indices))
    if across:
        fix = "Remove them from train, together with their masks: scores are too high."
        message = f"{files(len(across), 'image')} in two splits, with the same pixels."
        yield found("warning", "copies-across-splits*", across, message, fix=fix)
    if within:
        message = f"{files(len(within), 'image')} stored again under another name, with the same pixels."
        yield found("warning", "copies", within, message, fix="Keep one of each: copies may end up in two splits.")


def near_copies(indices: Indices) -> Iterator[Finding]:
    """Images that look alike."""
    images = _images(indices)
    across, within = [], []
    total = {id(across): 0, id(within): 0}
    for group in near_duplicates([image.hashes for image in images]):
        first, *others = (images[position] for position in group)
        other = next((image for image in others if image.split != first.split), None)
        kind = within if other is None else across
        kind.append(_equal(first, other or others[0], indices))
        total[id(kind)] += len(group)
    if across:
        alike = f"{files(len(across), 'group')} of images that look alike ({total[id(across)]:,} images)"
        fix = "Put images of one scene, video or patient into one split: scores may be too high."
        yield found("warning", "near-copies-across-splits", across, f"{alike} in several splits.", fix=fix)
    if within:
        message = f"{files(len(within), 'group')} of images that look alike ({total[id(within)]:,} images)."
        fix = "If you divide the images, put those that look alike into one split."
        yield found("note", "near-copies", within, message, fix=fix)
