"""Checks of what a model predicts, and the class ids of its scores."""

from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._graph import functional_graph


def single_output(model: keras.Model) -> Any:
    """The output of a functional model that has one."""
    outputs = functional_graph(model).outputs
    if len(outputs) != 1:
        names = ", ".join(getattr(model, "output_names", None) or [output.name for output in outputs])
        fix = "Pass keras.Model(model.inputs, model.outputs[0]), with the output that holds the scores."
        _validation.fail("model", "must have one output", f"outputs {names}", fix)
    return outputs[0]


def check_finite(scores: np.ndarray) -> None:
    """Refuse scores of NaN. Infinite ones have an order and are scores."""
    if scores.dtype.kind == "f" and np.isnan(scores).any():
        pixels = int(np.isnan(scores).any(axis=-1).sum())
        fix = "Its weights may hold NaN: load an earlier checkpoint, or train with a smaller learning rate."
        _validation.fail("model", "predicts NaN", f"a model with NaN at {pixels} pixels of a batch", fix)


def class_ids(scores: np.ndarray, kind: str | None) -> np.ndarray:
    """The class with the highest score at each pixel, int32; for one channel, whether it exceeds its threshold.

    The threshold is 0 for logits and 0.5 for probabilities. `kind` is that of `output_kind`.
    """
    if scores.shape[-1] == 1:
        return (scores[..., 0] > (0.0 if kind == "logits" else 0.5)).astype("int32")
    return scores.argmax(-1).astype("int32")
