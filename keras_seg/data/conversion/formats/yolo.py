"""YOLO's polygons: one text file per image, one object per line."""

import ast
import functools
import itertools
import pathlib
import re
from collections.abc import Iterator, Sequence

import numpy as np

from keras_seg._text import counted
from keras_seg._validation import InputError
from keras_seg.data.conversion.class_list import class_ids
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.labeled_image import LabeledImage, LabeledImages, LabeledObject
from keras_seg.data.conversion.polygons import polygon_stamp, rectangle
from keras_seg.data.conversion.source import Source, is_file, split_in
from keras_seg.data.conversion.stamp import Stamp
from keras_seg.data.index.folder_roles import SPLITS
from keras_seg.data.index.unicode_names import nfc

_NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml", "obj.names", "classes.txt")
# A word of a list in brackets, which may be quoted, or a number and a word.
_FLOW = re.compile(r"""\s*((?:\d+\s*:\s*)?(?:'(?:[^']|'')*'|"(?:[^"\\]|\\.)*")|[^,]+)""")
_ROW = re.compile(r"\d+(\s+[-+.\deE]+){4,}\s*")
_SPLIT_OF = {name: split for split, names in SPLITS.items() for name in names}


def _recognize(source: Source) -> str | None:
    if source.file:
        return None
    for _, _, labels in _folders(source):
        for file in itertools.islice(source.tree(labels, (".txt",)), 40):
            rows = [line for line in source.text(file).splitlines() if line.strip()]
            if rows and file.name not in _NAMES:
                return f"{source.name(file)} with a class and numbers per line" if _ROW.fullmatch(rows[0]) else None
    return None


def _folders(source: Source) -> list[tuple[str | None, pathlib.Path, pathlib.Path]]:
    """(split, folder of images, folder of labels) in the two ways to divide a data set, or undivided."""
    top = {name.lower(): folder for name, folder in source.folders().items()}
    parts = [(name, images, labels) for name, images, labels in _parts(source) if labels.is_dir()]
    splits = [split_in(name) for name, _, _ in parts]
    if not all(splits):
        # Things may be called test_tubes. Beside them, only the plain names are those of splits.
        splits = [_SPLIT_OF.get(name.lower()) for name, _, _ in parts]
    found: list[tuple[str | None, pathlib.Path, pathlib.Path]] = [
        (split, images, labels)
        for wanted in SPLITS
        for split, (_, images, labels) in zip(splits, parts, strict=True)
        if split == wanted
    ]
    if not found and "images" in top and "labels" in top:
        found = [(None, top["images"], top["labels"])]
    return found


def _parts(source: Source) -> list[tuple[str, pathlib.Path, pathlib.Path]]:
    """(name, folder of images, folder that would hold the labels) of each folder in images/, or that holds images/."""
    images, labels = source.root / "images", source.root / "labels"
    parts = [(name, images / name, labels / name) for name in _inner(images)]
    parts += [(name, source.root / name / "images", source.root / name / "labels") for name in _inner(source.root)]
    return [part for part in parts if part[1].is_dir()]


def _inner(folder: pathlib.Path) -> list[str]:
    """The names of the folders in a folder. Links count: one that leads out is refused, not left out."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path.name for path in found if path.name[0] != "." and path.is_dir())


def _unused(source: Source, folders: Sequence[tuple[str | None, pathlib.Path, pathlib.Path]]) -> list[str]:
    """Lines about the folders of images beside those of the splits."""
    if any(split is None for split, _, _ in folders):
        return []
    used = {images for _, images, _ in folders}
    return [
        f"{source.name(images)}/ {'is no split' if labels.is_dir() else 'has no labels'}, and is left out."
        for _, images, labels in _parts(source)
        if images not in used
    ]


def _read(source: Source) -> LabeledImages:
    folders = _folders(source)
    if not folders:
        raise InputError(f"{source.shown}: has no folders images/ and labels/, such as images/train and labels/train.")
    listed, where = _class_names(source)
    names, ids = class_ids(listed, where)
    pairs = []
    left_out = []
    for split, images, labels in folders:
        files = list(source.tree(images))
        tree = source.tree(labels, (".txt",))
        texts = {nfc(file.relative_to(labels).with_suffix("").as_posix()): file for file in tree}
        labeled: dict[str, pathlib.Path] = {}
        for file in files:
            name = nfc(file.relative_to(images).with_suffix("").as_posix())
            if name in labeled:
                raise InputError(f"{source.name(file)}: {labeled[name].name} has the same stem. Keep one of the two.")
            text = texts.get(name)
            if text is not None:
                labeled[name] = file
            pairs.append((split, file, file.relative_to(images).as_posix(), text))
        unused = texts.keys() - labeled.keys() - {"classes", "train", "labels"}
        left_out += [source.name(file) for name, file in texts.items() if name in unused]

    def draw() -> Iterator[LabeledImage]:
        boxes = 0
        for split, image, name, text in pairs:
            objects, of_image = ([], 0) if text is None else _objects(source, text, ids)
            boxes += of_image
            yield LabeledImage(
                image=image,
                name=name,
                where=source.name(text or image),
                split=split,
                objects=objects,
                annotated=text is not None,
            )
        if boxes:
            has = counted(boxes, "object has", "objects have")
            found.notices.append(f"{has} a box and no outline: all pixels of the box get the class.")

    found = LabeledImages(
        names=names,
        images=draw(),
        large_first=True,
        rule="smaller objects lie on top",
        notices=_unused(source, folders),
        left_out=left_out,
    )
    return found


def _objects(source: Source, file: pathlib.Path, ids: list[int]) -> tuple[list[LabeledObject], int]:
    """The objects of an image, and how many of them are boxes."""
    objects, boxes = [], 0
    for number, line in enumerate(source.text(file).splitlines(), 1):
        if not line.strip():
            continue
        where = f"{source.name(file)}, line {number}"
        try:
            class_, values = int(line.split()[0]), np.array([float(word) for word in line.split()[1:]])
        except ValueError as error:
            raise InputError(f"{where}: is not a class and numbers: {line[:60]!r}. Export the labels again.") from error
        if not 0 <= class_ < len(ids):
            raise InputError(
                f"{where}: the class {class_} is not among the {len(ids)} names. Add its name to the list."
            )
        if (
            not np.isfinite(values).all()
            or len(values) < 4
            or len(values) % 2
            or (len(values) != 4 and len(values) < 6)
        ):
            raise InputError(f"{where}: has {len(values)} numbers after the class, and needs x y for each point.")
        if np.abs(values).max() > 4:
            raise InputError(
                f"{where}: holds {values[np.abs(values).argmax()]:g}, and coordinates are shares of the width and "
                "height, from 0 to 1. Divide pixels by them."
            )
        if len(values) == 4:  # A box: its center, width and height.
            x, y, width, height = values
            points = rectangle(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
            boxes += 1
        else:
            points = values.reshape(-1, 2)
        objects.append(LabeledObject(id_=ids[class_], draw=functools.partial(_stamp, points, where)))
    return objects, boxes


def _stamp(points: np.ndarray, where: str, height: int, width: int) -> Stamp:
    return polygon_stamp([points * [width, height]], height, width, where=where)


def _class_names(source: Source) -> tuple[list[str], str]:
    """The names of the classes in order, and the file that lists them."""
    for folder in (source.root, source.root / "labels"):
        for name in _NAMES:
            if is_file(folder / name):
                path = source.inside(name, folder, source.shown)
                text = source.text(path)
                plain = name.endswith((".txt", ".names"))
                names = [line.strip() for line in text.splitlines() if line.strip()] if plain else yaml_names(text)
                if not names:
                    raise InputError(f"{source.name(path)}: lists no names. Write names: [first, second, ...] into it.")
                return names, source.name(path)
    raise InputError(
        f"{source.shown}: the names of the classes are missing. Put data.yaml with names: [first, second, ...], or "
        "classes.txt with one name per line, into the folder."
    )


def yaml_names(text: str) -> list[str]:
    """The names in a data.yaml, as a list on one or more lines or as numbered rows, without a YAML library."""
    match = re.search(r"^names[ \t]*:[ \t]*", text, re.M)
    if not match:
        return []
    rest = text[match.end() :]
    if rest[:1] in ("[", "{"):
        end = rest.find("]" if rest[0] == "[" else "}")
        inner = rest[1:end] if end > 0 else ""
        words = [word.strip() for word in _FLOW.findall(inner) if word.strip()]
        if rest[0] == "[":
            return [_plain(word) for word in words]
        return _numbered([tuple(part.strip() for part in word.split(":", 1)) for word in words])
    rows = []
    for line in rest.splitlines()[1:]:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not line.startswith((" ", "\t", "-")):
            break
        rows.append(line.strip())
    if all(row.startswith("-") for row in rows):
        return [_plain(row[1:]) for row in rows]
    return _numbered([tuple(part.strip() for part in row.split(":", 1)) for row in rows])


def _numbered(rows: list[tuple[str, ...]]) -> list[str]:
    """Names by number, if they are numbered from 0."""
    names = {int(row[0]): _plain(row[1]) for row in rows if len(row) == 2 and row[0].isdecimal()}
    return [names[number] for number in sorted(names)] if sorted(names) == list(range(len(rows))) else []


def _plain(word: str) -> str:
    """A YAML word without its quotes or the comment behind it."""
    word = word.strip()
    if word[:1] in ("'", '"'):
        end = word.rfind(word[0])
        inner = word[1:end]
        if word[0] == "'":
            return inner.replace("''", "'")
        try:
            return str(ast.literal_eval(word[: end + 1]))
        except (SyntaxError, ValueError):
            return inner
    return re.sub(r"\s+#.*", "", word).strip()


FORMAT = Format(
    name="yolo",
    signs="images/ and labels/ with a .txt per image (class x1 y1 x2 y2 ...), and data.yaml with names",
    recognize=_recognize,
    read=_read,
)
