"""Mapillary Vistas: palette masks, and a configuration with the names."""

import pathlib
from collections.abc import Iterator

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.conversion.formats import mask_folders
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.labeled_image import VOID, LabeledImage, LabeledImages
from keras_seg.data.conversion.source import Source, is_file
from keras_seg.data.index.reading import read_mask

_VERSIONS = ("v2.0", "v1.2")
_SPLITS = {"training": "train", "validation": "val"}


def _versions(source: Source) -> list[str]:
    return [] if source.file else [v for v in _VERSIONS if is_file(source.root / f"config_{v}.json")]


def _recognize(source: Source) -> str | None:
    versions = _versions(source)
    return f"config_{versions[0]}.json" if versions else None


def _read(source: Source) -> LabeledImages:
    versions = source.required(_versions(source), "has no config_v1.2.json or config_v2.0.json. Check the format.")
    present = [v for v in versions if any((source.root / s / v / "labels").is_dir() for s in _SPLITS)]
    if not present:
        raise InputError(f"{source.shown}: has no training/{versions[0]}/labels/. Unpack the release again.")
    version = present[0]
    where = f"config_{version}.json"
    rows = source.json(source.inside(where, source.root, source.shown)).get("labels")
    if not isinstance(rows, list) or len(rows) < 3 or not all(isinstance(r, dict) and "name" in r for r in rows):
        raise InputError(f"{where}: has no list labels of names. Use the file of the release.")
    names = [str(row["name"]) for row in rows]
    # The last class is void.
    ignored = [place for place, name in enumerate(names) if name.startswith("void--") and name.endswith("unlabeled")]
    ignored = ignored or [len(names) - 1]
    kept = [place for place in range(len(names)) if place not in ignored]
    classes = {**dict.fromkeys(ignored, VOID), **{place: id_ for id_, place in enumerate(kept)}}
    if len({names[place] for place in kept}) != len(kept):
        raise InputError(f"{where}: a class name occurs twice. Use the file of the release.")
    colors = tuple(mask_folders.checked_color(rows[place].get("color", ()), where) for place in kept)
    things = [classes[place] for place in kept if rows[place].get("instances")]
    found = LabeledImages(names=tuple(names[place] for place in kept), colors=colors, images=iter(()))
    if len(present) > 1:
        found.notices.append(f"The labels of {version} are used, and those of {present[1]} are not.")

    def objects(mask: pathlib.Path, where: str) -> np.ndarray:
        path = mask.parent.with_name("instances") / mask.name
        if not is_file(path):
            raise InputError(f"{where}: instances/{mask.name} is missing. Unpack the release again.")
        # 256 times the class and the number of the object.
        values = read_mask(source.inside(path.name, path.parent, where)).astype("int32")
        table = np.full(256, VOID)
        table[list(classes)] = list(classes.values())
        class_ = table[np.minimum(values // 256, 255)]
        return np.where(np.isin(class_, things), values + 1, np.where(class_ == VOID, VOID, 0)).astype("int32")

    def images() -> Iterator[LabeledImage]:
        for name, split in _SPLITS.items():
            files = source.files(source.root / name / "images")
            masks = source.files(source.root / name / version / "labels", (".png",))
            yield from mask_folders.images_of(source, found, files, masks, split=split, read=classes, instances=objects)

    found.images = images()
    return found


FORMAT = Format(
    name="mapillary",
    signs="config_v1.2.json or config_v2.0.json (Mapillary Vistas)",
    recognize=_recognize,
    read=_read,
    misread=True,
)
