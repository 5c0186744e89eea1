"""Predicted masks as polygons: a GeoJSON file per image, or one COCO file of all images."""

import json
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from keras_seg import _files, inference
from keras_seg.inference import Polygon, polygons
from keras_seg.training.predicted_masks import PredictedMask

FORMATS = ("geojson", "coco")
FOLDER, COCO = "polygons", "coco.json"


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
    wanted = None if names is None else {i: name for i, name in enumerate(names) if name.lower() != "background"}
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
    """Write `coco.json`, in the form of COCO's instance annotations. Images of an earlier file are kept.

    A region without holes is a polygon, one with holes run lengths: COCO's polygons have no holes.

    Args: see `write_geojson`.

    Returns:
        The file.
    """
    path = out / COCO
    written = {mask.name for mask in masks}
    images, annotations = _kept(path, written)
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
    categories = [{"id": id_, "name": name} for id_, name in ({1: "object"} if names is None else names).items()]
    numbered = [{"id": number, **annotation} for number, annotation in enumerate(annotations, 1)]
    _files.write_text(path, json.dumps({"images": images, "annotations": numbered, "categories": categories}) + "\n")
    return path


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


def _kept(path: pathlib.Path, written: set[str]) -> tuple[list[dict], list[dict]]:
    if not path.exists():
        return [], []
    content = json.loads(path.read_text(encoding="utf-8"))
    images = [image for image in content["images"] if image["file_name"] not in written]
    ids = {image["id"] for image in images}
    annotations = [
        {key: value for key, value in annotation.items() if key != "id"}
        for annotation in content["annotations"]
        if annotation["image_id"] in ids
    ]
    return images, annotations
