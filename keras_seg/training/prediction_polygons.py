"""Predicted masks as polygons: a GeoJSON file per image, or one COCO file of all images."""

import json
import operator
import pathlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from keras_seg import _files, _validation, inference
from keras_seg._decoding.geo_raster import GeoRaster, is_geo_raster
from keras_seg._text import read_text
from keras_seg._validation import InputError
from keras_seg.inference import Polygon, polygons
from keras_seg.training.predicted_masks import PredictedMask
from keras_seg.training.prediction_file import PredictionFile

FORMATS = ("geojson", "coco")
FOLDER, COCO = "polygons", "coco.json"
# Bytes of a COCO file that are read.
_LARGEST = 10**10


def write_polygons(
    masks: Sequence[PredictedMask], out: pathlib.Path, names: Sequence[str] | None, *, format: str
) -> pathlib.Path:
    """Write the regions of predicted masks.

    Args:
        masks: the predicted masks. Those of rasters are left out, which may be larger than memory, except for
            georeferenced ones as GeoJSON: they are written in the coordinates of their CRS.
        out: folder of the predictions.
        names: one per class; a class called background is not written. None for masks of object numbers.
        format: "geojson" or "coco".

    Returns:
        The folder or file.
    """
    wanted = _wanted(names)
    for mask in masks:
        if mask.on_map and format == "geojson" and names is not None:
            path = (out / FOLDER / mask.name).with_suffix(".geojson")
            ignore = [id_ for id_ in range(len(names)) if wanted is not None and id_ not in wanted]
            inference.write_polygons(mask.path, path, class_names=names, ignore=ignore, overwrite=True)
    write = {"geojson": write_geojson, "coco": write_coco}[format]
    return write([mask for mask in masks if not mask.raster], out, wanted)


def write_geojson(masks: Sequence[PredictedMask], out: pathlib.Path, names: Mapping[int, str] | None) -> pathlib.Path:
    """Write a FeatureCollection per image to `polygons/`, in pixels: x to the right, y down.

    Args:
        masks: the predicted masks.
        out: folder of the predictions.
        names: dict from the class ids to write to their names; None for masks of object numbers.

    Returns:
        The folder.
    """
    for mask in masks:
        features = [
            {
                "type": "Feature",
                "properties": _properties(region, names),
                "geometry": {"type": "Polygon", "coordinates": [_closed(ring) for ring in region.rings]},
            }
            for region in _regions(mask.label_maps(names), names)
        ]
        path = (out / FOLDER / mask.name).with_suffix(".geojson")
        _files.write_text(path, json.dumps({"type": "FeatureCollection", "features": features}) + "\n")
    return out / FOLDER


def write_coco(masks: Sequence[PredictedMask], out: pathlib.Path, names: Mapping[int, str] | None) -> pathlib.Path:
    """Write `coco.json`, in the form of COCO's instance annotations.

    What an earlier file holds of other images is kept, and so is what it says about the whole.

    A region without holes is a polygon, one with holes run lengths: COCO's polygons have no holes.

    Args: see `write_geojson`.

    Returns:
        The file.

    Raises:
        InputError: as for `check_coco`.
    """
    path = out / COCO
    content = _kept(path, {mask.name for mask in masks}, _categories(names))
    images, annotations = content["images"], content["annotations"]
    for mask in masks:
        maps = mask.label_maps(names)
        height, width = maps[0].shape
        id_ = max((image["id"] for image in images), default=0) + 1
        images.append({"id": id_, "file_name": mask.name, "height": height, "width": width})
        for region in _regions(maps, names):
            x, y = region.rings[0].min(axis=0).tolist()
            right, bottom = region.rings[0].max(axis=0).tolist()
            annotations.append(
                {
                    "image_id": id_,
                    "category_id": 1 if names is None else region.label,
                    "segmentation": _segmentation(region, height, width),
                    "area": region.pixels,
                    "bbox": [x, y, right - x, bottom - y],
                    "iscrowd": 0,
                }
            )
    numbered = [{"id": number, **annotation} for number, annotation in enumerate(annotations, 1)]
    _files.write_text(path, json.dumps({**content, "annotations": numbered}) + "\n")
    return path


def check_geojson(files: Sequence[PredictionFile]) -> None:
    """Fail where the masks to come cannot become polygons, before anything is predicted.

    Args:
        files: what is predicted.

    Raises:
        InputError: a map has control points in the place of a transform.
        ImportError: SciPy, which finds the regions of images, or pyogrio, which writes those of maps, is missing.
    """
    _check_installed(file.overlay is not None for file in files)
    for image in (file.image for file in files if is_geo_raster(file.mask)):
        _validation.optional_import("pyogrio", "geo", "Writing polygons")
        try:
            map_ = GeoRaster(image)
        except InputError:
            continue  # It is not predicted either, and named then.
        map_.check_grid()


def check_coco(out: pathlib.Path, written: Collection[str], names: Sequence[str] | None) -> None:
    """Fail where images cannot be added to the `coco.json` that is there, before anything is predicted.

    Args:
        out: folder of the predictions.
        written: the names of the images to come, as tables name them: they replace those of the same name.
        names: one per class; None for masks of object numbers.

    Raises:
        InputError: the file is no COCO file, cannot be read, or has annotations of other images and other categories.
        ImportError: SciPy, which finds the regions of images, is missing.
    """
    _check_installed(written)
    _kept(out / COCO, written, _categories(_wanted(names)))


def _check_installed(images: Iterable[Any]) -> None:
    """Fail where there are images, and `polygons` lacks what it finds their regions with."""
    if any(images):
        _validation.optional_import("scipy.ndimage", "boundary", "Writing polygons")


def _wanted(names: Sequence[str] | None) -> dict[int, str] | None:
    return None if names is None else {i: name for i, name in enumerate(names) if name.lower() != "background"}


def _categories(names: Mapping[int, str] | None) -> list[dict[str, Any]]:
    return [{"id": id_, "name": name} for id_, name in ({1: "object"} if names is None else names).items()]


def _regions(maps: Sequence[np.ndarray], names: Mapping[int, str] | None) -> Iterator[Polygon]:
    for labels in maps:
        left_out = [0] if names is None else sorted(set(np.unique(labels).tolist()) - set(names))
        yield from polygons(labels, ignore=left_out)


def _properties(region: Polygon, names: Mapping[int, str] | None) -> dict[str, Any]:
    if names is None:
        return {"object": region.label, "pixels": region.pixels}
    return {"class_id": region.label, "class": names[region.label], "pixels": region.pixels}


def _closed(ring: np.ndarray) -> list[list[int]]:
    """Rings of GeoJSON end where they begin."""
    return [*ring.tolist(), ring[0].tolist()]


def _segmentation(region: Polygon, height: int, width: int) -> Any:
    if len(region.rings) == 1:
        return [region.rings[0].ravel().tolist()]
    columns = region.filled(height, width).T.ravel()
    ends = np.flatnonzero(np.diff(columns)) + 1
    counts = np.diff(np.concatenate([[0], ends, [columns.size]])).tolist()
    return {"size": [height, width], "counts": [0, *counts] if columns[0] else counts}


def _kept(path: pathlib.Path, written: Collection[str], categories: list[dict[str, Any]]) -> dict[str, Any]:
    """The content of an earlier file, without the images that are written again and the numbers of annotations."""
    if not path.exists():
        return {"images": [], "annotations": [], "categories": categories}
    text = read_text(path, largest=_LARGEST)
    try:
        content = json.loads(text)
        images = [image for image in content["images"] if image["file_name"] not in written]
        ids = {operator.index(image["id"]) for image in images}
        annotations = [
            {key: value for key, value in annotation.items() if key != "id"}
            for annotation in content["annotations"]
            if annotation["image_id"] in ids
        ]
        same = _names_by_id(content["categories"]) == _names_by_id(categories)
    except (ValueError, KeyError, TypeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else "it has another form"
        raise InputError(
            f"{path}: is no COCO file to which images can be added ({reason}). Move it, or choose another folder."
        ) from error
    if annotations and not same:
        raise InputError(
            f"{path}: its annotations of other images have other categories than the model. Move it, or choose another "
            "folder."
        )
    kept = {"images": images, "annotations": annotations}
    return {**content, **kept} if same else {**content, **kept, "categories": categories}


def _names_by_id(categories: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    return {category["id"]: category["name"] for category in categories}
