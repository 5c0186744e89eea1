"""Gray images and masks of two classes as nnU-Net reads and predicts them."""

import json

import numpy as np
from PIL import Image

NAME = "Dataset001_Data"


def write(data, work, classes):
    """Write train/ of `data` as a dataset of nnU-Net into `work`/raw, and the images of val/ into `work`/images."""
    raw, images = work / "raw" / NAME, work / "images"
    for folder in (raw / "imagesTr", raw / "labelsTr", images):
        folder.mkdir(parents=True, exist_ok=True)
    names = _names(data, "train")
    for name in names:
        Image.open(data / "train" / "images" / name).save(raw / "imagesTr" / name.replace(".png", "_0000.png"))
        Image.open(data / "train" / "masks" / name).save(raw / "labelsTr" / name)
    for name in _names(data, "val"):
        Image.open(data / "val" / "images" / name).save(images / name.replace(".png", "_0000.png"))
    content = {
        "channel_names": {"0": "gray"},
        # Its name for class 0.
        "labels": {"background": 0, **{name: number for number, name in enumerate(classes) if number}},
        "numTraining": len(names),
        "file_ending": ".png",
    }
    (raw / "dataset.json").write_text(json.dumps(content, indent=1), encoding="utf-8")


def result(data, work, classes):
    """The scores of the predictions, and what `MinutesTrainer` noted of the training."""
    matrix = np.zeros((len(classes),) * 2, "int64")
    for name in _names(data, "val"):
        mask = np.asarray(Image.open(data / "val" / "masks" / name)).astype(int)
        predicted = np.asarray(Image.open(work / "predictions" / name)).astype(int)
        pairs = np.bincount(mask.ravel() * len(classes) + predicted.ravel(), minlength=len(classes) ** 2)
        matrix += pairs.reshape(matrix.shape)
    hits = np.diag(matrix)
    iou = hits / (matrix.sum(0) + matrix.sum(1) - hits)
    (noted,) = (work / "results").rglob("minutes.json")
    return {
        **json.loads(noted.read_text(encoding="utf-8")),
        "mean_iou": iou.mean(),
        "pixel_accuracy": hits.sum() / matrix.sum(),
        "iou": dict(zip(classes, iou.tolist(), strict=True)),
    }


def _names(data, split):
    return sorted(path.name for path in (data / split / "images").iterdir())
