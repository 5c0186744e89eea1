"""What formats with one mask file per image share."""

import functools
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.conversion.labeled_image import VOID, LabeledImage, LabeledImages
from keras_seg.data.conversion.source import Source
from keras_seg.data.index.background import BACKGROUND, is_background
from keras_seg.data.index.reading import read_mask
from keras_seg.data.index.refusals import UnknownColorError
from keras_seg.data.index.unicode_names import nfc

Color = tuple[int, int, int]
# A function of a mask file and of what messages call it.
Reader = Callable[[pathlib.Path, str], np.ndarray]


def mapped_ids(path: pathlib.Path, where: str, classes: Mapping[int, int]) -> np.ndarray:
    """The classes of a mask of ids. A value that `classes` does not list is refused."""
    values = read_mask(path)
    found, inverse = np.unique(values, return_inverse=True)
    unknown = [int(value) for value in found if int(value) not in classes]
    if unknown:
        raise InputError(
            f"{where}: holds {unknown[0]}, which is no class of this data set. Check that it is the right file."
        )
    table = np.array([classes[int(value)] for value in found], "int32")
    return table[inverse].reshape(values.shape)


def mapped_colors(path: pathlib.Path, where: str, colors: Mapping[Color, int]) -> np.ndarray:
    """The classes of a mask painted in colors."""
    try:
        return read_mask(path, colors=colors)
    except UnknownColorError as error:
        raise InputError(f"{where}: the color {error.color} is not in the list of classes. Add it.") from error


def images_of(
    source: Source,
    found: LabeledImages,
    images: Sequence[pathlib.Path],
    masks: Sequence[pathlib.Path],
    *,
    split: str | None,
    read: Mapping[int, int] | Reader,
    instances: Reader | None = None,
    ending: str = "",
) -> Iterator[LabeledImage]:
    """Images and their masks, whose stems are longer by `ending`; images without a mask are added to `left_out`.

    `read` is the class of each value, or a function of the mask and its name for messages.
    """
    pairs, lone = by_stem(images, masks, ending=ending)
    found.left_out += [source.name(image) for image in lone]
    if isinstance(read, Mapping):
        read = functools.partial(_mapped, read)
    for image, mask in pairs:
        where = source.name(mask)
        yield LabeledImage(
            image=image,
            name=mask.name if image is None else image.name,
            where=where,
            split=split,
            mask=functools.partial(read, mask, where),
            instances=None if instances is None else functools.partial(instances, mask, where),
        )


def _mapped(classes: Mapping[int, int], path: pathlib.Path, where: str) -> np.ndarray:
    return mapped_ids(path, where, classes)


def by_stem(
    images: Sequence[pathlib.Path], masks: Sequence[pathlib.Path], *, ending: str = ""
) -> tuple[list[tuple[pathlib.Path | None, pathlib.Path]], list[pathlib.Path]]:
    """(pairs of an image and its mask, images without one), by the stem that the mask extends by `ending`."""
    stems: dict[str, pathlib.Path] = {}
    for image in images:
        stem = nfc(image.stem)
        if stem in stems:
            raise InputError(f"{image}: {stems[stem].name} has the same stem. Keep one of the two.")
        stems[stem] = image
    pairs = [(stems.pop(nfc(mask.stem).removesuffix(ending), None), mask) for mask in masks]
    return pairs, list(stems.values())


def text_colors(source: Source, path: pathlib.Path) -> tuple[list[str], list[Color]]:
    """The rows "red green blue name" of a text file."""
    names, colors = [], []
    for number, line in enumerate(source.text(path).splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            red, green, blue = (int(word) for word in words[:3])
        except ValueError as error:
            raise InputError(
                f"{source.name(path)}, line {number}: is not red green blue name: {line[:60]!r}."
            ) from error
        colors.append(checked_color((red, green, blue), f"{source.name(path)}, line {number}"))
        names.append(" ".join(words[3:]))
    return names, colors


def checked_color(color: Sequence[int], where: str) -> Color:
    """The color, if it is one."""
    if len(color) != 3 or not all(isinstance(value, int) and 0 <= value <= 255 for value in color):
        raise InputError(f"{where}: {color} is not a color of three numbers from 0 to 255. Correct it.")
    return color[0], color[1], color[2]


def colors_by_id(
    names: Sequence[str], colors: Sequence[Color], ids: Sequence[int], where: str
) -> tuple[dict[Color, int], tuple[Color, ...]]:
    """(class of each color, color of each class)."""
    table: dict[Color, int] = {}
    for name, color, id_ in zip(names, colors, ids, strict=True):
        if color in table:
            raise InputError(f"{where}: the color {color} of {name!r} belongs to another class too. Give each its own.")
        table[color] = id_
    last = max(table.values(), default=0)
    reverse = {id_: color for color, id_ in table.items() if id_ != VOID}
    return table, tuple(reverse.get(id_, (0, 0, 0)) for id_ in range(last + 1))


def background_first(
    names: Sequence[str], colors: Sequence[Color], where: str
) -> tuple[tuple[str, ...], tuple[Color, ...], dict[int, int], dict[Color, int]]:
    """(names, colors, class by the place in the list, class by color) of a list that has the background anywhere."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None or len(names) < 2:
        raise InputError(f"{where}: lists {twice!r} twice, or fewer than two classes. Correct the list.")
    order = sorted(range(len(names)), key=lambda place: not is_background(names[place]))
    ids = [order.index(place) for place in range(len(names))]
    by_color, palette = colors_by_id(names, colors, ids, where)
    shown = tuple(BACKGROUND if is_background(names[place]) else names[place] for place in order)
    return shown, palette, dict(enumerate(ids)), by_color
