"""Four losses over two numbers: the probabilities predicted for foreground and background pixels."""

import numpy as np
from canvas import VERMILION, canvas, ink

import keras_seg as ks

FOREGROUND, PIXELS = 5, 100
AXIS = np.linspace(0.01, 0.99, 34)
LOSSES = {
    "cross-entropy": ks.losses.Crossentropy(reduction="none"),
    "cross-entropy, balanced": ks.losses.Crossentropy(class_weights=(100 / 190, 10), reduction="none"),
    "soft IoU": ks.losses.SoftIoU(per_image=True, reduction="none"),
}


def surfaces():
    """Each loss, and a sum of two, over (probability on background, probability on foreground).

    For each pair there is one image of 100 pixels, 5 of them foreground; all of them are one batch.
    """
    background, foreground = np.meshgrid(AXIS, AXIS, indexing="ij")
    inside = np.arange(PIXELS) < FOREGROUND
    y_pred = np.where(inside, foreground[..., None], background[..., None]).reshape(-1, 10, 10, 1).astype("float32")
    y_true = np.broadcast_to(inside.reshape(1, 10, 10), y_pred.shape[:3]).astype("int32")
    found = {}
    for name, loss in LOSSES.items():
        values = np.asarray(loss(y_true, y_pred)).reshape(len(y_pred), -1)
        found[name] = values.mean(1).reshape(background.shape)
    found["cross-entropy + soft IoU"] = found["cross-entropy"] + found["soft IoU"]
    return found


def draw():
    """Contours; the cross marks a model that predicts background everywhere."""
    figure, axes = canvas(2, 2, 4.4, sharex=True, sharey=True)
    for axis, (name, surface) in zip(axes.flat, surfaces().items(), strict=True):
        levels = np.linspace(0, min(surface.max(), 2.4), 17)
        axis.contourf(AXIS, AXIS, surface, levels, cmap="cividis", extend="max")
        axis.contour(AXIS, AXIS, surface, levels, colors="w", linewidths=0.4)
        axis.plot(0.03, 0.03, "X", color=ink(VERMILION), markeredgecolor="w", markersize=9)
        axis.plot(0.97, 0.03, "*", color="w", markeredgecolor="0", markersize=12)
        axis.set_title(f"{name}\nat the cross: {surface[0, 0]:.2f}")
        axis.set(xticks=(0, 0.5, 1), yticks=(0, 0.5), ylim=(0.01, 0.6))
    figure.supxlabel("predicted foreground probability of foreground pixels", fontsize=9)
    figure.supylabel("... of background pixels", fontsize=9)
    return figure
