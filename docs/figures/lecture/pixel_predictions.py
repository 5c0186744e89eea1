"""A per-pixel prediction, its cross-entropy and its intersections over unions."""

import keras
import numpy as np
from canvas import BLUE, GRAY, ORANGE, SHAPE_COLORS, VERMILION, canvas, ink, show

import keras_seg as ks


def blurred_shift(mask, classes, shift=3, width=5):
    """Probabilities of a model whose predictions are shifted to the lower right and blurred."""
    moved = np.pad(mask, ((shift, 0), (shift, 0)), mode="edge")[:-shift, :-shift]
    one_hot = np.eye(classes)[moved][None]
    return np.asarray(keras.layers.AveragePooling2D(width, 1, padding="same")(one_hot)) * 0.97 + 0.03 / classes


def draw():
    """Ground truth, prediction, cross-entropy and overlap."""
    image, mask = ks.data.shapes_scene(12, image_size=(96, 96))
    present = np.unique(mask)
    names = [ks.data.SHAPE_NAMES[number] for number in present]
    truth, colors = np.searchsorted(present, mask), SHAPE_COLORS[present]
    probabilities = blurred_shift(truth, len(present))
    predicted = probabilities[0].argmax(-1)
    surprise = np.asarray(ks.losses.Crossentropy(reduction="none")(truth[None], probabilities))[0]

    figure, axes = canvas(3, 2, 5.9)
    show(axes[0, 0], image, "the image")
    show(axes[0, 1], ks.visualization.colorize(truth, colors), "ground truth: one class per pixel")
    show(axes[1, 0], ks.visualization.colorize(predicted, colors), "a prediction, 3 pixels off")
    show(axes[1, 1], surprise, f"cross-entropy, mean {surprise.mean():.2f}", cmap="cividis")

    chosen = 1 + int(np.argmax([np.sum(truth == number) for number in range(1, len(present))]))
    here, there = truth == chosen, predicted == chosen
    overlap = np.select([here & there, here, there], [1, 2, 3], 0)
    shades = np.array([GRAY, BLUE, ORANGE, VERMILION])
    iou = np.sum(here & there) / np.sum(here | there)
    show(axes[2, 0], ks.visualization.colorize(overlap, shades), f"{names[chosen]}: IoU {iou:.2f}")
    for number, name in enumerate(("true positive", "false negative", "false positive"), start=1):
        axes[2, 0].plot([], [], "s", color=ink(shades[number]), label=name)
    axes[2, 0].legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2, handletextpad=0, columnspacing=0.7)

    metric = ks.metrics.PerClassIoU(num_classes=len(present))
    metric.update_state(truth[None], probabilities)
    scores = np.array([float(score) for score in metric.result().values()])
    accuracy = float(np.mean(truth == predicted))
    places = np.arange(len(present))[::-1]
    axes[2, 1].barh(places, scores, color=[ink(color) for color in colors], edgecolor="0.4", linewidth=0.5)
    for place, score in zip(places, scores, strict=True):
        axes[2, 1].text(score - 0.02, place, f"{score:.2f}", ha="right", va="center", fontsize=8)
    axes[2, 1].axvline(accuracy, color="0", linewidth=1)
    axes[2, 1].set_yticks(places, names)
    axes[2, 1].set(xlim=(0, 1.0), xticks=(0, 0.5, 1))
    axes[2, 1].set_title(f"IoU per class, mean {scores.mean():.2f};\npixel accuracy (line) {accuracy:.2f}")
    return figure
