"""Plain folders of images and masks: any names, several mask files of one image, masks of another size."""

import contextlib
import dataclasses
import functools
import pathlib
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from keras_seg._decoding.decode import file_facts
from keras_seg._validation import InputError
from keras_seg.data.conversion.class_list import class_ids
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.labeled_image import VOID, LabeledImage, LabeledImages, LabeledObject
from keras_seg.data.conversion.source import Source
from keras_seg.data.conversion.stamp import Stamp, cropped
from keras_seg.data.index.file_listing import image_files
from keras_seg.data.index.instance_pairs import pair_instance_files
from keras_seg.data.index.label_file import LabelFile, read_label_file
from keras_seg.data.index.layouts import splits_of
from keras_seg.data.index.mask_facts import mask_facts
from keras_seg.data.index.mask_reading import apply_map, detect_reading
from keras_seg.data.index.object_files import read_object
from keras_seg.data.index.object_pixels import looks_inverted
from keras_seg.data.index.pairs import Pairing, pair_files
from keras_seg.data.index.reading import read_mask
from keras_seg.data.index.refusals import AmbiguousFolderError, SeveralMasksError
from keras_seg.data.index.several_masks import OBJECT, Example, Examples, several_masks


def _recognize(source: Source) -> str | None:
    if source.file:
        return None
    try:
        examples = _examples(source).found
    except AmbiguousFolderError as error:
        source.problems.append(str(error))
        return None
    except InputError:
        return None
    first = next((example for example in examples if example.mask or example.files), None)
    if first is None:
        return None
    return f"{source.name(first.image)} and {source.name(first.mask or first.files[0][1])}"


def _examples(source: Source) -> Examples:
    """The examples of all splits."""
    splits = splits_of(source.root) or (None,)
    parts = [_of_split(source.root, split) for split in splits]
    if len({example.mask is None for part in parts for example in part.found}) > 1:
        # A split may hold one class only: its folder of a class looks like one of whole masks.
        others = [several_masks(source.root, split) for split in splits]
        parts = [other if other.found else part for part, other in zip(parts, others, strict=True)]
    return Examples(
        found=tuple(example for part in parts for example in part.found),
        notices=tuple(dict.fromkeys(line for part in parts for line in part.notices)),
        left_out=tuple(file for part in parts for file in part.left_out),
    )


def _of_split(root: pathlib.Path, split: str | None) -> Examples:
    try:
        return _one_mask_each(pair_files(root, split=split), split)
    except InputError as error:
        found = _folders_of_objects(root, split)
        if not found.found and not isinstance(error, SeveralMasksError):
            with contextlib.suppress(InputError):
                found = _one_mask_each(pair_files(root, split=split, allow_orphans=True), split)
        if not found.found:
            found = several_masks(root, split)
        if not found.found:
            raise
        return found


def _one_mask_each(pairing: Pairing, split: str | None) -> Examples:
    found = tuple(Example(image=pair.image, split=split, mask=pair.mask) for pair in pairing.pairs)
    return Examples(found=found, notices=pairing.notices)


def _folders_of_objects(root: pathlib.Path, split: str | None) -> Examples:
    """A folder of masks for each image; no examples for anything else."""
    try:
        pairing = pair_instance_files(root, split=split, allow_orphans=True)
    except AmbiguousFolderError:
        raise
    except InputError:
        return Examples()
    if not all(pair.mask.is_dir() for pair in pairing.pairs):
        return Examples()
    files = [tuple((OBJECT, file) for file in image_files(pair.mask)) for pair in pairing.pairs]
    pairs = zip(pairing.pairs, files, strict=True)
    found = tuple(Example(image=pair.image, split=split, files=own) for pair, own in pairs)
    return Examples(found=found, notices=pairing.notices)


def _read(source: Source) -> LabeledImages:
    all_examples = _examples(source)
    examples = [_inside(source, example) for example in all_examples.found]
    empty = next((example for example in examples if example.mask is None and not example.files), None)
    if empty is not None:
        raise InputError(
            f"{source.name(empty.image)}: its folder of masks holds none. Save one file per object, or one file of "
            "zeros if the image has no objects."
        )
    if len({example.mask is None for example in examples}) > 1:
        raise InputError(
            f"{source.shown}: some images have one mask and some have several. Name or arrange the masks of "
            "all images in the same way."
        )
    found = _objects(source, examples) if examples[0].mask is None else _masks(source, examples)
    found.notices[:0] = all_examples.notices
    found.left_out += [source.name(file) for file in all_examples.left_out]
    return found


def _inside(source: Source, example: Example) -> Example:
    return dataclasses.replace(
        example,
        image=source.checked(example.image),
        mask=None if example.mask is None else source.checked(example.mask),
        files=tuple((name, source.checked(file)) for name, file in example.files),
    )


def _masks(source: Source, examples: Sequence[Example]) -> LabeledImages:
    """Images with one mask each, all masks in one reading."""
    labels = _label_file(source, examples)
    masks = [example.mask for example in examples if example.mask is not None]
    reading = detect_reading(
        [mask_facts(mask, colors=labels.colors) for mask in masks],
        ignore_class=labels.ignore_class,
        class_names=labels.names,
        label_map=labels.label_map,
    )
    encoding = reading.encoding

    def classes(mask: pathlib.Path, value_map: Sequence[tuple[int, int]], labels: LabelFile) -> np.ndarray:
        values = encoding.encode(apply_map(read_mask(mask, colors=labels.colors), tuple(value_map))).astype("int32")
        return np.where(np.isin(values, encoding.ignore_class), VOID, values)

    def images() -> Iterator[LabeledImage]:
        for example, mask, value_map in zip(examples, masks, reading.value_maps, strict=True):
            yield LabeledImage(
                image=example.image,
                name=example.image.name,
                where=source.name(mask),
                split=example.split,
                mask=functools.partial(classes, mask, value_map, labels),
            )

    names = tuple(encoding.class_names or ())
    return LabeledImages(names=names, images=images(), notices=list(reading.notices), has_objects=False)


def _objects(source: Source, examples: Sequence[Example]) -> LabeledImages:
    """Images with a file per object or per class."""
    seen = sorted({name for example in examples for name, _ in example.files})
    names, classes = _classes(source, seen, _label_file(source, examples))
    # Several files of one class are objects; one file may hold any number of them.
    counts = [Counter(name for name, _ in example.files) for example in examples]
    has_objects = seen == [OBJECT] or any(count > 1 for own in counts for count in own.values())

    inverted: list[str] = []

    def images() -> Iterator[LabeledImage]:
        for example in examples:
            own = [(classes[name], file) for name, file in example.files]
            sizes = {file_facts(file, "mask").turned_size: file for _, file in own}
            if len(sizes) > 1:
                first, second = list(sizes.values())[:2]
                raise InputError(f"{source.name(second)}: has another size than {first.name}, of the same image.")
            yield LabeledImage(
                image=example.image,
                name=example.image.name,
                where=source.name(example.files[0][1]),
                split=example.split,
                size=next(iter(sizes), None),
                objects=[
                    # A mask of the background is white in most of the image.
                    LabeledObject(id_=id_, draw=functools.partial(_stamp, file, [] if id_ == 0 else inverted))
                    for id_, file in sorted(own, key=lambda item: item[0] != 0)
                ],
            )

    what = "an object" if has_objects else "all pixels of a class"
    return LabeledImages(
        names=names,
        images=images(),
        rule="later files lie on top",
        notices=[f"Several files of an image are joined: each is {what}."],
        inverted=inverted,
        has_objects=has_objects,
    )


def _label_file(source: Source, examples: Sequence[Example]) -> LabelFile:
    """The label file by which the masks of all splits are read.

    Raises:
        InputError: The files of two splits differ.
    """
    of_splits = [read_label_file(source.root, split) for split in dict.fromkeys(one.split for one in examples)]
    found = [(source.name(labels.path), labels) for labels in of_splits if labels.path is not None]
    for name, labels in found[1:]:
        if labels.content != found[0][1].content:
            raise InputError(
                f"{name}: differs from {found[0][0]}, and all masks are read in one way. Convert each split by itself."
            )
    return found[0][1] if found else LabelFile()


def _classes(source: Source, seen: Sequence[str], labels: LabelFile) -> tuple[tuple[str, ...], dict[str, int]]:
    """(names, id of each class): in the order of the label file, if there is one."""
    listed = list(seen if labels.names is None or seen == [OBJECT] else labels.names)
    names, ids = class_ids(listed, source.shown if listed == seen else labels.path)
    classes = dict(zip(listed, ids, strict=True))
    if unknown := [name for name in seen if name not in classes]:
        raise InputError(
            f"{labels.path}: does not list {unknown[0]!r}, the class of some masks. Add it, or rename these masks."
        )
    return names, classes


def _stamp(file: pathlib.Path, inverted: list[str], height: int, width: int) -> Stamp:
    white = read_object(file)
    if looks_inverted(white):
        inverted.append(f"{file.parent.name}/{file.name}")
    return Stamp(inside=white, absent=True) if not white.any() else cropped(white)


FORMAT = Format(
    name="folders",
    signs="images and masks in folders of any names",
    recognize=_recognize,
    read=_read,
    plain=True,
)
