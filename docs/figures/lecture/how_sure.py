"""The uncertainty of a mean IoU: different seeds, and different images."""

import json
import pathlib

import numpy as np
from canvas import BLUE, GRAY, VERMILION, canvas, ink
from nets import cells, unet

import keras_seg as ks

RUNS = pathlib.Path(__file__).parents[2] / "class_imbalance.json"
COUNTS = (3, 6, 12, 24, 48)


def draw():
    """Three seeds of five losses above; intervals that narrow with the number of images below."""
    figure, axes = canvas(2, 1, 5.0)
    runs = json.loads(RUNS.read_text())["runs"]
    names = list(dict.fromkeys(run["loss"] for run in runs))
    for place, name in enumerate(names[::-1]):
        scores = [100 * np.mean([*run["iou"].values()]) for run in runs if run["loss"] == name]
        axes[0, 0].plot((min(scores), max(scores)), (place, place), color=ink(GRAY), linewidth=6, zorder=0)
        axes[0, 0].plot(scores, [place] * len(scores), "o", color=ink(BLUE), markersize=5)
    axes[0, 0].set_yticks(range(len(names)), names[::-1])
    axes[0, 0].set(xlabel="mean IoU, %", ylim=(-0.6, len(names) - 0.4))
    axes[0, 0].set_title("same model and data, three seeds each")

    images, classes = cells(range(3000, 3000 + COUNTS[-1]))
    suite = ks.metrics.MetricSuite(num_classes=3, keep_images=True)
    suite.update_state(classes, unet().predict_on_batch(images))
    matrices = np.asarray(suite.image_matrices)
    for place, count in enumerate(COUNTS):
        interval = ks.metrics.confidence_interval(matrices[:count])
        below, above = interval.value - interval.low, interval.high - interval.value
        axes[1, 0].errorbar(
            place, 100 * interval.value, [[100 * below], [100 * above]], fmt="o", color=ink(VERMILION), capsize=4
        )
    axes[1, 0].set_xticks(range(len(COUNTS)), COUNTS)
    axes[1, 0].set(xlabel="test images", ylabel="mean IoU, %", xlim=(-0.5, len(COUNTS) - 0.5))
    axes[1, 0].set_title("same model, 95 % bootstrap interval")
    return figure
