"""Heads that a model is trained with and that its run leaves out: their losses and targets."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_seg import _validation, losses
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.data.targets.boundary_targets import edges_of
from keras_seg.data.targets.target_pipeline import mapped, targets_of
from keras_seg.models import registry
from keras_seg.models.parts.heads import AUX_BORDER, MAIN
from keras_seg.training.tasks import Task

# What the originals weigh the losses of these heads by, beside 1 for the main output.
_WEIGHTS = {"UNetPlusPlus": 1.0, "BiSeNetV2": 1.0, "DeepLabV3": 0.5, "FCN": 0.5}
_WEIGHT, _BORDER_WEIGHT = 0.4, 20.0
# Pixels of the lines between classes, on either side, as in PIDNet.
_BORDER_WIDTH = 2
# PIDNet's authors weigh the pixels on a line, and those off it, by the share of the other kind in the batch.
_BORDER_BALANCE = (0.05, 0.95)


def has_border(model: str) -> bool:
    """Whether one of these heads finds the borders between classes, which only masks of classes have."""
    return model == "PIDNet"


def aux_rule(model: str, kind: Task) -> tuple[str, bool]:
    """(rule, whether a model is trained with auxiliary heads) for its name and a task."""
    if model not in registry.names() or "aux" not in registry.arguments(model):
        return f"no: {model} has no auxiliary heads", False
    if has_border(model) and not kind.class_id_masks:
        return f"no: a head of {model} finds the borders between classes, which `task={kind.name!r}` lacks", False
    if has_border(model) and importlib.util.find_spec("scipy") is None:
        return f'no: a head of {model} finds borders, which needs SciPy (pip install "keras-seg[boundary]")', False
    return f"yes: {model} was published with auxiliary heads, which the finished model lacks", True


def losses_of(model: keras.Model, name: str, loss: keras.losses.Loss) -> dict[str, Any]:
    """`loss` and `loss_weights` to compile a model with: the same loss for each output that scores the classes.

    Args:
        model: keras.Model. With or without heads for training.
        name: str. Its name in `models.names()`.
        loss: of the main output.
    """
    if not isinstance(model.output, Mapping):
        return {"loss": loss}
    weight = _WEIGHTS.get(name, _WEIGHT)
    weights = {MAIN: 1.0, AUX_BORDER: _BORDER_WEIGHT}
    border = losses.Crossentropy(ignore_class=-1, class_weights=_BORDER_BALANCE)
    return {
        "loss": {key: border if key == AUX_BORDER else loss for key in model.output},
        "loss_weights": {key: weights.get(key, weight) for key in model.output},
    }


def target_per_output(model: keras.Model, dataset: Any, ignore_class: IgnoreClass) -> Any:
    """The dataset (image, target) with the target of each output of a model by its name."""
    if not isinstance(model.output, Mapping):
        return dataset
    names, ignored = list(model.output), _validation.ignored_classes(ignore_class)
    if AUX_BORDER in names:
        edges_of(np.zeros((1, 1), int), _BORDER_WIDTH, ignored)  # Fails here if SciPy is missing.
    edges = targets_of(dataset, lambda mask: edges_of(mask, _BORDER_WIDTH, ignored), "int32")

    def spread(image: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return image, {name: edges(target) if name == AUX_BORDER else target for name in names}

    return mapped(dataset, spread)


def random_targets(model: keras.Model, labels: np.ndarray) -> Any:
    """`labels` for each output of a model by its name, and any for borders, to time a step."""
    if not isinstance(model.output, Mapping):
        return labels
    return {name: labels % 2 if name == AUX_BORDER else labels for name in model.output}
