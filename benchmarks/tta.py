"""Gain and cost of test-time augmentation on CamVid: the table of docs/tta.md.

    python benchmarks/tta.py RUN/model.keras $KERAS_SEG_DATA/camvid

Each row is the plain model with that augmentation, on the 101 images of the val split at 360x480; gains with paired
bootstrap intervals over the images, time as the median over the images of the ratio to the plain model, alternating.
Writes docs/tta.json and the table of docs/tta.md.
"""

import argparse
import datetime
import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import page_tables

import keras_seg as ks
from keras_seg.inference import Brightness, Scale, Shift

TRANSFORMS = ("d4", Scale(0.75, 1.25, 1.5), Shift(4), Brightness(0.9, 1.1))


def measure(model, data, images):
    """The report as a dict: each transform alone, d4, the usual flip with scales, and the recommended combination."""
    index = ks.data.scan_folder(data, split="val", num_classes=11, ignore_class=11, check_images=False)
    index = index.subset(range(images)) if images else index

    def report_progress(done, total):
        if done % 10 == 0:
            print(f"{done} of {total} images", flush=True)

    first = ks.evaluation.tta_report(model, index, transforms=TRANSFORMS, progress=report_progress)
    print(first, flush=True)
    groups = {}
    for name, transforms in {"d4": "d4", "usual": ("hflip", Scale(0.75, 1.25))}.items():
        report = ks.evaluation.tta_report(model, index, transforms=transforms, progress=report_progress)
        print(report, flush=True)
        groups[name] = report.together.to_dict()
    return {**first.to_dict(), "groups": groups}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument(
        "--images", type=int, help="use only the first images, to try it out; prints, but writes nothing"
    )
    arguments = parser.parse_args()
    result = measure(keras.saving.load_model(arguments.model), arguments.data, arguments.images)
    result["date"] = datetime.date.today().isoformat()
    page_tables.publish("tta.json", result, trial=page_tables.tta if arguments.images else None)


if __name__ == "__main__":
    main()
