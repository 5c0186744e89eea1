"""The figures of docs/metrics.md: values of the metrics as a prediction gets worse.

python docs/figures/metrics.py  (rewrites docs/images/metrics/)
"""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

import keras_seg as ks

OUT = pathlib.Path(__file__).parents[1] / "images" / "metrics"
SIDE = 200
# Distinguishable without color vision, and on white and on dark pages.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))


def square(margin, shift=0):
    """Ids (1, 200, 200): a square, `margin` pixels from the border, shifted to the right."""
    ids = np.zeros((1, SIDE, SIDE), "int32")
    ids[:, margin : SIDE - margin, margin + shift : SIDE - margin + shift] = 1
    return ids


def of_square(metric, true, predicted):
    """The score of the square's class."""
    metric.update_state(true, predicted)
    result = metric.result()
    return float(list(result.values())[1] if isinstance(result, dict) else result)


def curves(makers, true, predictions):
    """{name: values}, with a new metric per prediction."""
    return {name: [of_square(make(), true, predicted) for predicted in predictions] for name, make in makers.items()}


def draw(axis, x, values, xlabel):
    """Lines {name: y} over x."""
    for (name, y), color, dash in zip(values.items(), COLORS, DASHES, strict=False):
        axis.plot(x, y, color=color, linestyle=dash, linewidth=1.8, label=name)
    axis.set(xlabel=xlabel, ylim=(-0.03, 1.03))
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8, framealpha=0.9)


def figure(name, width, *panels):
    """Write docs/images/metrics/`name`.svg from panels, which are functions of an axis."""
    made, axes = plt.subplots(1, len(panels), figsize=(width, 3.4), squeeze=False, layout="constrained")
    for axis, panel in zip(axes[0], panels, strict=True):
        panel(axis)
    made.savefig(OUT / f"{name}.svg", metadata={"Date": None})
    plt.close(made)


def overlap():
    """Metrics computed from the confusion matrix."""
    metrics, per = ks.metrics, {"num_classes": 2, "per_class": True}
    means = {
        "PixelAccuracy": lambda: metrics.PixelAccuracy(2),
        "MeanAccuracy": lambda: metrics.MeanAccuracy(2),
        "FrequencyWeightedIoU": lambda: metrics.FrequencyWeightedIoU(2),
        "MeanIoU": lambda: metrics.MeanIoU(2),
    }
    square_only = {
        "IoU": lambda: metrics.PerClassIoU(2),
        "Dice": lambda: metrics.Dice(**per),
        "Precision": lambda: metrics.Precision(**per),
        "Recall": lambda: metrics.Recall(**per),
    }
    true, shifts = square(70), list(range(0, 71, 2))
    moved = [square(70, shift) for shift in shifts]
    growth = list(range(-30, 31, 2))
    resized = [square(70 - step) for step in growth]

    def shift_panel(axis):
        draw(axis, shifts, curves(means, true, moved), "shift of a square of side 60, pixels")
        axis.set_title("means over both classes", fontsize=10)

    def growth_panel(axis):
        draw(axis, growth, curves(square_only, true, resized), "outward shift of each side, pixels")
        axis.set_title("the class of the square", fontsize=10)

    figure("overlap", 9, shift_panel, growth_panel)


def boundary():
    """The same shift of a small and of a large square."""
    per = {"num_classes": 2, "per_class": True}
    kinds = {
        "IoU": lambda: ks.metrics.PerClassIoU(2),
        "BoundaryIoU": lambda: ks.metrics.BoundaryIoU(**per),
        "TrimapIoU(width=5)": lambda: ks.metrics.TrimapIoU(**per),
        "BoundaryFScore": lambda: ks.metrics.BoundaryFScore(**per),
    }

    def panel(margin):
        shifts = list(range(17))

        def draw_panel(axis):
            side = SIDE - 2 * margin
            values = curves(kinds, square(margin), [square(margin, shift) for shift in shifts])
            draw(axis, shifts, values, f"shift of a square of side {side}, pixels")

        return draw_panel

    figure("boundary", 9, panel(85), panel(40))


def calibration():
    """Calibrated probabilities, made overconfident and underconfident."""
    random = np.random.default_rng(0)
    logits = random.standard_normal((1, SIDE, SIDE, 5)) * 2
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    # Labels are drawn from the probabilities, so that at temperature 1 these are calibrated.
    true = (p.cumsum(axis=-1) > random.random((1, SIDE, SIDE, 1))).argmax(axis=-1)
    temperatures = np.round(np.geomspace(0.25, 4, 33), 3)
    values, diagrams = [], {}
    for temperature in temperatures:
        metric = ks.metrics.ExpectedCalibrationError(5, from_logits=True)
        metric.update_state(true, (logits / temperature).astype("float32"))
        values.append(float(metric.result()))
        if temperature in (0.5, 1.0, 2.0):
            diagrams[f"temperature {temperature:g}"] = metric.diagram()

    def error(axis):
        draw(axis, temperatures, {"ExpectedCalibrationError": values}, "logits divided by (temperature)")
        axis.set(xscale="log", ylim=(0, 0.4))
        axis.set_xticks([0.25, 0.5, 1, 2, 4], ["0.25", "0.5", "1", "2", "4"])
        axis.minorticks_off()

    def reliability(axis):
        for (name, diagram), color, dash in zip(diagrams.items(), COLORS, DASHES, strict=False):
            axis.plot(diagram["confidence"], diagram["accuracy"], color=color, linestyle=dash, marker=".", label=name)
        axis.plot([0, 1], [0, 1], color="#7f7f7f", linewidth=0.8)
        axis.set(xlabel="confidence", ylabel="accuracy", xlim=(0.15, 1.02), ylim=(0, 1.03))
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)

    figure("calibration", 9, error, reliability)


def instances():
    """One instance that is shifted away."""
    true, shifts = square(90)[0], list(range(21))
    moved = [square(90, shift)[0] for shift in shifts]

    def quality(predicted):
        return ks.metrics.panoptic_quality((true, true), (predicted, predicted), num_classes=2).quality[1]

    def panel(axis):
        values = {
            "IoU": [(true & p).sum() / (true | p).sum() for p in moved],
            "instance_score": [ks.metrics.instance_score(true, p) for p in moved],
            "panoptic_quality": [quality(p) for p in moved],
        }
        draw(axis, shifts, values, "shift of a square of side 20, pixels")
        axis.set_xticks(shifts[::4])

    figure("instances", 5, panel)


def main():
    """All figures."""
    plt.rcParams.update({"svg.hashsalt": "keras_seg", "font.size": 9})
    OUT.mkdir(parents=True, exist_ok=True)
    overlap()
    boundary()
    calibration()
    instances()


if __name__ == "__main__":
    main()
