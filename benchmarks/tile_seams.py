"""The effect of tiles on CamVid: differences between neighboring tiles and from the whole image, and the mean IoU.

python benchmarks/tile_seams.py $KERAS_SEG_DATA/camvid RUN/model.keras

Predicts the val split whole and in tiles of 160x160 at several overlaps, writes docs/tiling.json and the table of
docs/tiling.md.
"""

import argparse
import os
import pathlib
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import page_tables

CLASSES, VOID = 11, 11
SETTINGS = {
    "gaussian, 0": {"overlap": 0},
    "gaussian, 0.25": {"overlap": 0.25},
    "gaussian, 0.5": {"overlap": 0.5},
    "constant, 0.5": {"overlap": 0.5, "blend": "constant"},
    "crop, 0.5": {"overlap": 0.5, "blend": "crop"},
}
PARTS = ("neighbors", "whole", "near_seams", "far_from_seams")


def matrix(truth, ids):
    counted = truth < CLASSES
    pairs = truth[counted].astype("int64") * CLASSES + ids[counted]
    return np.bincount(pairs, minlength=CLASSES**2).reshape(CLASSES, CLASSES)


def pooled(reports):
    """Means over all pixels of all images, from the means per image."""
    found = {}
    for part in PARTS:
        parts = [getattr(report, part) for report in reports if getattr(report, part).pixels]
        if not parts:
            found[part] = None
            continue
        pixels = np.array([item.pixels for item in parts])
        found[part] = {
            name: float(np.average([getattr(item, name) for item in parts], weights=pixels))
            for name in ("mean_abs_difference", "class_disagreement")
        }
    return found


def measure(data, model, tile, limit):
    import keras

    import keras_seg as ks

    model = keras.saving.load_model(model)
    index = ks.data.scan_folder(data, split="val", num_classes=CLASSES, ignore_class=VOID)
    pairs = index.pairs[:limit]
    images = [ks.data.read_image(pair.image) for pair in pairs]
    truths = [ks.data.read_mask(pair.mask) for pair in pairs]
    start = time.perf_counter()
    whole = [matrix(t, ks.inference.predict_classes(model, i[None])[0]) for t, i in zip(truths, images, strict=True)]
    seconds = time.perf_counter() - start
    result = {
        "images": len(images),
        "tile": tile,
        "mean_iou_whole": float(ks.metrics.scores.mean_iou(sum(whole))),
        "seconds_whole": seconds,
        "receptive_field": ks.analysis.receptive_field(model).size,
        "rows": {},
    }
    for name, settings in SETTINGS.items():
        predictor = ks.inference.TiledPredictor(model, tile, **settings)
        reports = [ks.inference.seam_report(predictor, image, whole=True) for image in images]
        start = time.perf_counter()
        tiled = [matrix(t, predictor.predict(i).argmax(-1)) for t, i in zip(truths, images, strict=True)]
        seconds = time.perf_counter() - start
        difference = ks.metrics.paired_difference(tiled, whole)
        result["rows"][name] = {
            "tiles": reports[0].tiles,
            "shared": reports[0].overlap,
            **pooled(reports),
            "mean_iou": float(ks.metrics.scores.mean_iou(sum(tiled))),
            "mean_iou_difference": [difference.value, difference.low, difference.high],
            "seconds": seconds,
        }
        print(name, result["rows"][name], flush=True)
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--tile", type=int, default=160)
    parser.add_argument("--limit", type=int)
    arguments = parser.parse_args()
    result = measure(arguments.data, arguments.model, arguments.tile, arguments.limit)
    if arguments.limit is not None:
        print("\n".join(page_tables.tile_seams(result)))
        return
    page_tables.publish("tiling.json", result)


if __name__ == "__main__":
    main()
