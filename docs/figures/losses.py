"""The plots of docs/losses.md, computed with the package: value and gradient against the prediction.

pip install "keras-seg[tensorflow,boundary,docs]"
python docs/figures/losses.py
"""

import os
import pathlib

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import tensorflow as tf

import keras_seg as ks

OUT = pathlib.Path(__file__).parents[1] / "images" / "losses"

# Ten by ten pixels, ten of them foreground. The correct label has a probability of 0.6 to 0.95 at all pixels but one.
SIDE, FOREGROUND = 10, 10
LABELS = np.zeros(SIDE * SIDE, "int32")
LABELS[:FOREGROUND] = 1
OTHERS = np.linspace(0.6, 0.95, SIDE * SIDE)[(np.arange(SIDE * SIDE) * 37) % (SIDE * SIDE)]
AXIS = np.linspace(0.005, 0.995, 199)
FIRST, LAST = 0, SIDE * SIDE - 1  # one pixel of the foreground, one of the background
LINES = ((FIRST, "foreground pixel", "#00695c", "-"), (LAST, "background pixel", "#e65100", "--"))

LOSSES = {
    "crossentropy": ("Crossentropy", ks.losses.Crossentropy),
    "focal_crossentropy": ("FocalCrossentropy, gamma 2", ks.losses.FocalCrossentropy),
    "ohem_crossentropy": ("OHEMCrossentropy, fraction 0.25", ks.losses.OHEMCrossentropy),
    "soft_iou": ("SoftIoU", ks.losses.SoftIoU),
    "soft_dice": ("SoftDice", ks.losses.SoftDice),
    "tversky": ("Tversky, alpha 0.3, beta 0.7", ks.losses.Tversky),
    "focal_tversky": ("Tversky with exponent 0.75", lambda **a: ks.losses.Tversky(exponent=0.75, **a)),
    "generalized_dice": ("GeneralizedDice of two classes", ks.losses.GeneralizedDice),
    "lovasz_softmax": ("LovaszSoftmax", ks.losses.LovaszSoftmax),
    "lovasz_hinge": ("LovaszHinge", ks.losses.LovaszHinge),
}


def curve(make, pixel, softmax):
    """Loss and its gradient by one pixel's logit, as the probability of its correct label goes from 0 to 1."""
    loss = make(from_logits=True)
    signs = 2.0 * LABELS - 1
    values, slopes = [], []
    for p in AXIS:
        right = OTHERS.copy()
        right[pixel] = p
        logits = tf.constant(signs * np.log(right / (1 - right)))
        with tf.GradientTape() as tape:
            tape.watch(logits)
            image = tf.reshape(logits, (1, SIDE, SIDE, 1))
            y_pred = tf.concat([tf.zeros_like(image), image], -1) if softmax else image
            value = loss(LABELS.reshape(1, SIDE, SIDE), y_pred)
        values.append(float(value))
        # Toward the correct label, and times the number of pixels, so that values compare with a single pixel's loss.
        slopes.append(float(tape.gradient(value, logits)[pixel]) * signs[pixel] * LABELS.size)
    return values, slopes


def plot(name, title, make):
    """Value and gradient of one loss, side by side."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.5), layout="constrained")
    for pixel, label, color, style in LINES:
        values, slopes = curve(make, pixel, softmax=name == "generalized_dice")
        left.plot(AXIS, values, style, color=color, label=label)
        right.plot(AXIS, slopes, style, color=color, label=label)
    left.set(title=title, xlabel="probability of the correct label", ylabel="loss")
    right.set(title="gradient by the logit of that label, x 100", xlabel="probability of the correct label")
    right.axhline(0, color="0.6", linewidth=0.8)
    left.legend(frameon=False, fontsize="small", loc="upper right")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.title.set_fontsize("medium")
    figure.savefig(OUT / f"{name}.png", dpi=100, metadata={"Software": None})
    plt.close(figure)


def plot_weights():
    """U-Net's weight map over four discs."""
    y, x = np.mgrid[:64, :112]
    centers = ((20, 24, 17), (22, 62, 18), (46, 41, 9), (40, 94, 11))
    mask = np.zeros(y.shape, "uint8")
    for row, column, radius in centers:
        mask[(y - row) ** 2 + (x - column) ** 2 < radius**2] = 1
    weights = ks.data.boundary_weights(mask, w0=10, sigma=5)
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 2.3), layout="constrained")
    left.imshow(mask, cmap="gray", interpolation="nearest")
    left.set_title("mask", fontsize="medium")
    drawn = right.imshow(weights, cmap="viridis", interpolation="nearest")
    right.set_title("boundary_weights(mask, w0=10, sigma=5)", fontsize="medium")
    figure.colorbar(drawn, ax=right)
    for axes in (left, right):
        axes.set_axis_off()
    figure.savefig(OUT / "boundary_weights.png", dpi=100, metadata={"Software": None})
    plt.close(figure)


def main():
    """Write all plots."""
    OUT.mkdir(parents=True, exist_ok=True)
    for name, (title, make) in LOSSES.items():
        plot(name, title, make)
    plot_weights()


if __name__ == "__main__":
    main()
