"""The pictures of docs/index.md: street scenes of CamVid with the predictions of a trained run.

    python docs/figures/landing.py RUN $KERAS_SEG_DATA/camvid

RUN is the output folder of `keras-seg train`: see "CamVid from scratch in fifteen minutes" in docs/benchmarks.md.
"""

import argparse
import json
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from PIL import Image

import keras_seg as ks

OUT = pathlib.Path(__file__).parents[1] / "images" / "landing.jpg"
SCENES = (10, 45, 80)  # Positions in the val split, far apart in the video.
GAP = 6


def main():
    """Read the arguments, predict, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    arguments = parser.parse_args()

    labels = json.loads((arguments.run / "labels.json").read_text(encoding="utf-8"))
    model = keras.saving.load_model(arguments.run / "model.keras")
    index = ks.data.scan_folder(arguments.data, split="val", num_classes=len(labels["names"]), ignore_class=11)
    columns = []
    for number in SCENES:
        image = ks.data.read_image(index.pairs[number].image)
        ids = ks.inference.predict_classes(model, image[None])[0]
        seen = ks.visualization.overlay(image, ids, len(labels["names"]))
        columns.append(np.concatenate([image, np.full((GAP, image.shape[1], 3), 255, "uint8"), seen]))
    gap = np.full((columns[0].shape[0], GAP, 3), 255, "uint8")
    row = np.concatenate([part for column in columns for part in (column, gap)][:-1], axis=1)
    picture = Image.fromarray(row)
    picture.resize((1200, round(1200 * picture.height / picture.width)), Image.LANCZOS).save(OUT, quality=82)


if __name__ == "__main__":
    main()
