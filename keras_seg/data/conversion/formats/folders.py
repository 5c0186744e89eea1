"""Plain folders of images and masks: any names, several mask files of one image, masks of another size."""

import dataclasses
import functools
import pathlib
import re
from collections.abc import Iterator, Sequence

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.conversion.class_list import class_ids
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.labeled_image import VOID, LabeledImage, LabeledImages, LabeledObject
from keras_seg.data.conversion.source import Source
from keras_seg.data.conversion.stamp import Stamp, cropped
from keras_seg.data.index.folder_roles import is_mask_word, words_of
from keras_seg.data.index.instance_pairs import object_files, pair_instance_files
from keras_seg.data.index.label_file import LabelFile, read_label_file
from keras_seg.data.index.layouts import find_layout, splits_of
from keras_seg.data.index.mask_facts import mask_facts
from keras_seg.data.index.mask_reading import apply_map, detect_reading
from keras_seg.data.index.pairs import pair_files
from keras_seg.data.index.reading import image_size, read_mask

_ONLY = "object"
# The rest of a name behind that of its image.
_FURTHER = re.compile(r"[^A-Za-z0-9].*|")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Example:
    """An image with one mask, or with a file per object, each with the name of its class."""

    image: pathlib.Path
    split: str | None
    mask: pathlib.Path | None = None
    files: tuple[tuple[str, pathlib.Path], ...] = ()


def _recognize(source: Source) -> str | None:
    if source.file:
        return None
    try:
        examples, _ = _examples(source)
    except InputError as error:
        if "may be (" in str(error) or "may both" in str(error):
            source.problems.append(str(error))
        return None
    first = examples[0]
    return f"{source.name(first.image)} and {source.name(first.mask or first.files[0][1])}"


def _examples(source: Source) -> tuple[list[_Example], list[str]]:
    """The examples of all splits, and lines about what is not used."""
    examples, notices = [], []
    for split in splits_of(source.root) or (None,):
        found, lines = _of_split(source.root, split)
        examples += found
        notices += [line for line in lines if line not in notices]
    return examples, notices


def _of_split(root: pathlib.Path, split: str | None) -> tuple[list[_Example], tuple[str, ...]]:
    try:
        pairing = pair_files(root, split=split, allow_orphans=True)
        return [_Example(image=pair.image, split=split, mask=pair.mask) for pair in pairing.pairs], pairing.notices
    except InputError:
        try:
            pairing = pair_instance_files(root, split=split, allow_orphans=True)
            if all(pair.mask.is_dir() for pair in pairing.pairs):
                files = [tuple((_ONLY, file) for file in object_files(pair.mask)) for pair in pairing.pairs]
                pairs = zip(pairing.pairs, files, strict=True)
                return [_Example(image=pair.image, split=split, files=own) for pair, own in pairs], pairing.notices
        except InputError:
            pass
        several = _several(root, split)
        if not several:
            raise
        return several, ()


def _several(root: pathlib.Path, split: str | None) -> list[_Example]:
    """Images with masks whose names end in a number or a class: a_1.png, a_2.png, or a_car.png, a_road.png."""
    examples = []
    try:
        parts = find_layout(root, split=split, mask_names=()).parts
    except InputError:
        return []
    for part in parts:
        stems = {image.stem: image for image in part.images}
        groups: dict[str, list[tuple[str, pathlib.Path]]] = {}
        for mask in part.masks:
            lengths = (n for n in range(len(mask.stem), 0, -1) if _FURTHER.fullmatch(mask.stem[n:]))
            owner = next((mask.stem[:n] for n in lengths if mask.stem[:n] in stems), None)
            if owner is None:
                return []
            groups.setdefault(owner, []).append((_class_in(mask.stem[len(owner) :]), mask))
        examples += [_Example(image=stems[stem], split=split, files=tuple(files)) for stem, files in groups.items()]
    names = {name for example in examples for name, _ in example.files}
    # Some files that name a class and some that do not can be read in two ways.
    return [] if len(names) > 1 and _ONLY in names else examples


def _class_in(ending: str) -> str:
    words = [word for word in words_of(ending) if not is_mask_word(word)]
    return "_".join(word for word in words if not word.isdigit()) or _ONLY


def _read(source: Source) -> LabeledImages:
    examples, notices = _examples(source)
    examples = [_inside(source, example) for example in examples]
    if len({example.mask is None for example in examples}) > 1:
        raise InputError(f"{source.shown}: some images have one mask and some have several. Convert them one by one.")
    found = _objects(source, examples) if examples[0].mask is None else _masks(source, examples)
    found.notices[:0] = notices
    return found


def _inside(source: Source, example: _Example) -> _Example:
    def own(path: pathlib.Path) -> pathlib.Path:
        return source.inside(path.relative_to(source.root).as_posix(), source.root, source.name(path))

    return dataclasses.replace(
        example,
        image=own(example.image),
        mask=None if example.mask is None else own(example.mask),
        files=tuple((name, own(file)) for name, file in example.files),
    )


def _masks(source: Source, examples: Sequence[_Example]) -> LabeledImages:
    """Images with one mask each, all masks in one reading."""
    labels = read_label_file(source.root, examples[0].split)
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


def _objects(source: Source, examples: Sequence[_Example]) -> LabeledImages:
    """Images with a file per object or per class."""
    seen = sorted({name for example in examples for name, _ in example.files})
    names, ids = class_ids(seen, source.shown)
    classes = dict(zip(seen, ids, strict=True))

    def images() -> Iterator[LabeledImage]:
        for example in examples:
            sizes = {image_size(file): file for _, file in example.files}
            if len(sizes) > 1:
                first, second = list(sizes.values())[:2]
                raise InputError(f"{source.name(second)}: has another size than {first.name}, of the same image.")
            yield LabeledImage(
                image=example.image,
                name=example.image.name,
                where=source.name(example.files[0][1]) if example.files else source.name(example.image),
                split=example.split,
                size=next(iter(sizes), None),
                objects=[
                    LabeledObject(id_=classes[name], draw=functools.partial(_stamp, file, source.name(file)))
                    for name, file in example.files
                ],
            )

    notices = ["Several files of an image are joined: each is an object, or all pixels of a class."]
    return LabeledImages(names=names, images=images(), rule="later files lie on top", notices=notices)


def _stamp(file: pathlib.Path, where: str, height: int, width: int) -> Stamp:
    values = read_mask(file)
    found = np.unique(values)
    if len(found) > 2 or (len(found) == 2 and found[0] != 0):
        raise InputError(
            f"{where}: holds {len(found)} values, and one of several masks of an image must be black and white. Merge "
            "the files into one mask of class ids."
        )
    return cropped(values > 0)


FORMAT = Format(
    name="folders",
    signs="images and masks in folders of any names",
    recognize=_recognize,
    read=_read,
    plain=True,
)
