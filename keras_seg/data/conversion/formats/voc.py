"""Pascal VOC's folders, also as CVAT's "Segmentation mask 1.1" and LabelMe's labelme2voc.py write them."""

import pathlib
from collections.abc import Iterator

import numpy as np

from keras_seg._decoding.decode import file_facts
from keras_seg._validation import InputError
from keras_seg.data.conversion.formats import mask_folders
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.labeled_image import VOID, LabeledImage, LabeledImages
from keras_seg.data.conversion.source import Source, is_file, split_in
from keras_seg.data.index.file_listing import EXTENSIONS
from keras_seg.data.index.reading import read_mask
from keras_seg.data.index.unicode_names import nfc

_NAMES = [
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
]
_BORDER = 255
_MASKS, _OBJECTS = "SegmentationClass", "SegmentationObject"
_LABEL_MAP = "labelmap.txt"
# What LabelMe's labelme2voc.py lists the classes in. It has the colors of the data set.
_CLASS_NAMES = "class_names.txt"


def voc_color(id_: int) -> tuple[int, int, int]:
    """The color of a class in the palette of the data set: its bits, three by three, from the highest bit down."""
    red = green = blue = 0
    for place in range(8):
        bits = id_ >> (3 * place)
        red |= (bits & 1) << (7 - place)
        green |= (bits >> 1 & 1) << (7 - place)
        blue |= (bits >> 2 & 1) << (7 - place)
    return red, green, blue


def _root(source: Source) -> pathlib.Path | None:
    if source.file:
        return None
    inner = source.folders()
    deeper = source.folders(inner["VOCdevkit"]) if "VOCdevkit" in inner else {}
    found = [folder for folder in (source.root, *inner.values(), *deeper.values()) if (folder / _MASKS).is_dir()]
    if len(found) > 1:
        raise InputError(f"{source.shown}: holds {found[0].name} and {found[1].name}. Pass one of the two.")
    return found[0] if found else None


def _recognize(source: Source) -> str | None:
    root = _root(source)
    return None if root is None else f"{source.name(root / _MASKS)}/"


def _unusable(source: Source) -> str | None:
    """Why files of boxes are refused: one XML file per image."""
    for file in source.label_files(".xml"):
        with open(file, "rb") as stream:
            if b"<annotation>" in stream.read(4096):
                return (
                    f"{source.name(file)}: holds the boxes of objects, and masks need their outlines. Label the "
                    f"outlines; the masks of Pascal VOC lie in {_MASKS}/."
                )
    return None


class _Classes:
    """Names, colors and ids, from labelmap.txt or class_names.txt, or those of the data set."""

    def __init__(self, source: Source, root: pathlib.Path) -> None:
        self.listed = is_file(root / _LABEL_MAP)
        self.file = next((name for name in (_LABEL_MAP, _CLASS_NAMES) if is_file(root / name)), None)
        if self.listed:
            rows = _label_map(source, source.inside(_LABEL_MAP, root, source.shown))
        else:
            listed = _class_names(source, root) if self.file else _NAMES
            rows = [(name, voc_color(id_)) for id_, name in enumerate(listed)]
        where = self.file or source.shown
        names, colors = [name for name, _ in rows], [color for _, color in rows]
        self.names, self.colors, by_value, self.by_color = mask_folders.background_first(names, colors, where)
        if not self.listed:
            self.by_color |= {voc_color(_BORDER): VOID}
        self.by_value = {_BORDER: VOID, **by_value}

    def read(self, path: pathlib.Path, where: str) -> np.ndarray:
        """The classes of a mask: by color, except for values without a palette and for the data set's own files."""
        mode = file_facts(path, "mask").mode
        if mode in ("L", "1", "I", "I;16") or (mode == "P" and not self.listed):
            return mask_folders.mapped_ids(path, where, self.by_value)
        return mask_folders.mapped_colors(path, where, self.by_color)


def _class_names(source: Source, root: pathlib.Path) -> list[str]:
    lines = source.text(source.inside(_CLASS_NAMES, root, source.shown)).splitlines()
    names = [line.strip() for line in lines if line.strip()]
    if len(names) > _BORDER:
        raise InputError(f"{_CLASS_NAMES}: lists {len(names)} classes, and masks hold at most {_BORDER}. Merge some.")
    return names


def _label_map(source: Source, path: pathlib.Path) -> list[tuple[str, tuple[int, int, int]]]:
    rows = []
    for number, line in enumerate(source.text(path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        where, parts = f"{source.name(path)}, line {number}", line.split(":")
        try:
            color = [int(value) for value in parts[1].split(",")]
        except (ValueError, IndexError) as error:
            raise InputError(f"{where}: is not of the form name:red,green,blue::. Correct it.") from error
        rows.append((parts[0].strip(), mask_folders.checked_color(color, where)))
    return rows


def _read(source: Source) -> LabeledImages:
    root = source.required(_root(source), f"has no folder {_MASKS}/. Check the format.")
    classes = _Classes(source, root)
    found = LabeledImages(
        names=classes.names, colors=classes.colors, images=iter(()), has_objects=(root / _OBJECTS).is_dir()
    )
    if classes.file is None:
        found.notices.append(f"There is no {_LABEL_MAP}: classes have the names of Pascal VOC.")
    items = _listed(source, root, found)

    def images() -> Iterator[LabeledImage]:
        for split, stem, mask in items:
            where = source.name(mask)
            names = [f"{stem}{extension}" for extension in (".jpg", *EXTENSIONS, ".JPG", ".JPEG", ".PNG")]
            bases = [root / "JPEGImages", root / "images", root]
            tries = (source.first_file(name, bases, where) for name in names)
            objects = root / _OBJECTS / mask.relative_to(root / _MASKS)
            yield LabeledImage(
                image=next((path for path in tries if path), None),
                name=f"{stem}.jpg",
                where=where,
                split=split,
                mask=lambda mask=mask, where=where: classes.read(mask, where),
                instances=lambda objects=objects, where=where: _objects(source, objects, where),
            )

    found.images = images()
    return found


def _listed(source: Source, root: pathlib.Path, found: LabeledImages) -> list[tuple[str | None, str, pathlib.Path]]:
    """(split, stem, mask) from the lists of the splits, or of all masks."""
    masks = {
        nfc(mask.relative_to(root / _MASKS).with_suffix("").as_posix()): mask
        for mask in source.tree(root / _MASKS, (".png",))
    }
    lists = {file.stem: file for file in source.files(root / "ImageSets" / "Segmentation", (".txt",))}
    splits = {name: file for name, file in lists.items() if split_in(name) and name.lower() != "trainval"}
    if not splits:
        splits = {name: lists[name] for name in ("trainval", "default") if name in lists}
    items: list[tuple[str | None, str, pathlib.Path]] = []
    seen: dict[str, str] = {}
    for name, file in splits.items():
        lines = [nfc(line.strip()) for line in source.text(file).splitlines() if line.strip()]
        for line in lines:
            if line in seen:
                raise InputError(f"{source.name(file)}: lists {line}, as {seen[line]} does. Keep it in one split.")
            seen[line] = source.name(file)
            if line in masks:
                items.append((None if name in ("trainval", "default") else split_in(name), line, masks[line]))
            else:
                found.left_out.append(line)
    if splits:
        if unlisted := len(masks.keys() - seen.keys()):
            found.notices.append(f"{unlisted} masks are in no list of ImageSets/Segmentation, and are left out.")
        return items
    return [(None, stem, mask) for stem, mask in masks.items()]


def _objects(source: Source, path: pathlib.Path, where: str) -> np.ndarray:
    """The numbers of the objects. CVAT paints them in the palette's colors."""
    if not is_file(path):
        raise InputError(f"{where}: {_OBJECTS}/{path.name} is missing. Add it, or convert without objects.")
    path = source.inside(path.name, path.parent, where)
    colored = file_facts(path, "mask").mode in ("RGB", "RGBA")
    values = read_mask(path, colors={voc_color(id_): id_ for id_ in range(256)} if colored else None)
    return np.where(values == _BORDER, VOID, values.astype("int32"))


FORMAT = Format(
    name="voc",
    signs="SegmentationClass/ with JPEGImages/ (Pascal VOC, CVAT's Segmentation mask 1.1 with labelmap.txt, or "
    "LabelMe's masks with class_names.txt)",
    recognize=_recognize,
    read=_read,
    images_elsewhere=True,
    unusable=_unusable,
)
