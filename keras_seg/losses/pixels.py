"""Predictions and labels in the one form that all losses compute with."""

import contextvars
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._labels import reading
from keras_seg._labels.sample_weights import sample_weights
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.losses.reduction import checked_class_weights, class_weight_vector, compute_dtype

MODES = ("auto", "multiclass", "binary", "multilabel")

# Whether a loss has cast its predictions from float16, so that `read` no longer sees it.
cast_from_half: contextvars.ContextVar[bool] = contextvars.ContextVar("keras_seg_cast_from_half", default=False)


class Options(NamedTuple):
    """The arguments that all losses share and that say how labels and predictions are read; see `SegmentationLoss`."""

    from_logits: bool
    ignore_class: IgnoreClass
    class_weights: Sequence[float] | str | None
    mode: str


class Pixels(NamedTuple):
    """The inputs of a loss, checked; `read` makes them."""

    mode: str
    """"multiclass", "binary" or "multilabel"."""
    scores: Any
    """Probabilities or logits, (batch, height, width, channels), float32 or float64."""
    labels: reading.Labels
    """One label per pixel with "multiclass", otherwise one per channel of a pixel."""
    weights: Any
    """Sample weights (batch, 1, 1) or (batch, height, width), or None."""
    class_weights: Any
    """(channels,), or (background, foreground) with "binary"; None for no weights."""
    ignored: tuple
    """Ids of excluded classes and void pixels."""
    from_logits: bool
    """Whether `scores` are logits."""
    half_precision: bool
    """Whether the predictions came as float16, in which gradients overflow early."""

    @property
    def by_channel(self) -> bool:
        """Whether each channel is a separate yes or no."""
        return self.mode != "multiclass"

    @property
    def channels(self) -> int:
        """Number of channels of the predictions: the classes, or 1 with "binary"."""
        return self.scores.shape[-1]

    def probabilities(self) -> Tensor:
        """(batch, height, width, channels)."""
        if not self.from_logits:
            return self.scores
        return ops.sigmoid(self.scores) if self.by_channel else ops.softmax(self.scores, axis=-1)

    def target(self) -> Tensor:
        """Labels (batch, height, width, channels), zero where they are ignored."""
        return reading.one_hot(self.labels, self.channels, self.scores.dtype)

    def hard_target(self) -> Tensor:
        """`target` with the largest of soft labels, or those of one half and more, as 1 and the others as 0."""
        target = self.target()
        if self.labels.dense is None:
            return target
        if self.by_channel:
            return ops.cast(target >= 0.5, target.dtype)
        hard = ops.one_hot(ops.argmax(target, axis=-1), self.channels, dtype=target.dtype)
        return hard * ops.expand_dims(ops.cast(self.labels.valid, target.dtype), -1)

    def mask(self, weights: Tensor = None) -> Tensor:
        """The weight of each pixel, 0 where it is ignored: (batch, height, width, 1), or by channel."""
        mask = ops.cast(self.labels.valid, self.scores.dtype)
        if len(mask.shape) == 3:
            mask = ops.expand_dims(mask, -1)
        return mask if weights is None else mask * ops.expand_dims(weights, -1)

    def counted_classes(self) -> Tensor:
        """Weights (channels,) of the classes in a mean over classes, 0 for ignored ones."""
        if self.class_weights is not None and self.mode == "binary":
            _validation.fail(
                "class_weights",
                'has no meaning for the one class of mode="binary" in a loss that is a mean over classes',
                "two weights",
                "Pass None; Tversky(alpha=..., beta=...) weighs false positives against false negatives.",
            )
        # Multi-label masks hold no class ids, so `ignore_class` cannot select a channel.
        by_id = self.mode == "multiclass" or self.labels.ids is not None
        kept = [float(not (by_id and index in self.ignored)) for index in range(self.channels)]
        kept = ops.convert_to_tensor(kept, dtype=self.scores.dtype)
        return kept if self.class_weights is None else kept * self.class_weights


def resolve_mode(mode: str, y_pred: Tensor) -> str:
    """The mode that "auto" stands for, checked against the predictions."""
    shape = tuple(y_pred.shape)
    if len(shape) != 4 or shape[-1] is None or shape[-1] < 1:
        _validation.fail(
            "y_pred",
            "must have the shape (batch, height, width, channels): one channel for each class, or one for binary masks",
            shape,
        )
    if mode == "auto":
        return "binary" if shape[-1] == 1 else "multiclass"
    if mode == "binary" and shape[-1] != 1:
        _validation.fail(
            "y_pred",
            'must have one channel with mode="binary"',
            shape,
            'A softmax over two classes is mode="multiclass", independent channels are mode="multilabel".',
        )
    return mode


def check_predictions(y_pred: Tensor, *, from_logits: bool) -> None:
    """In eager mode, predictions must be numbers, and probabilities must lie in [0, 1]; a graph cannot raise.

    Training steps are not checked on any backend: on PyTorch, which has no graph, gradients tell them from others.
    """
    if getattr(y_pred, "requires_grad", False):
        return
    if from_logits:
        valid = ops.all(y_pred == y_pred)
    else:
        slack = reading.PROBABILITY_SLACK
        # False for NaN too.
        valid = ops.all(ops.logical_and(y_pred >= -slack, y_pred <= 1 + slack))
    if not reading.is_concrete(valid) or valid:
        return
    values = ops.convert_to_numpy(y_pred)
    # No assignment inside the condition: AutoGraph, which reads this function too, does not know them.
    nan = values != values
    if nan.any():
        _validation.fail(
            "y_pred",
            f"holds NaN in {int(nan.sum())} of {values.size} places",
            "NaN",
            "Look for a learning rate that is too high, or NaN in the images.",
        )
    _validation.fail(
        "y_pred",
        "must be probabilities in [0, 1] with from_logits=False",
        f"values from {values.min():.4g} to {values.max():.4g}",
        "Pass from_logits=True for a model without softmax or sigmoid at its end.",
    )


def in_half_precision(y_pred: Tensor) -> bool:
    """Whether predictions are float16, or were before a loss cast them: gradients go back to float16."""
    return cast_from_half.get() or keras.backend.standardize_dtype(y_pred.dtype) == "float16"


def read(y_true: Tensor, y_pred: Tensor, sample_weight: Tensor, options: Options) -> Pixels:
    """The arguments of a loss as `Pixels`, all checked."""
    from_logits = _validation.boolean("from_logits", options.from_logits)
    mode = _validation.one_of("mode", options.mode, MODES)
    ignored = _validation.ignored_classes(options.ignore_class)
    class_weights = checked_class_weights(options.class_weights)
    y_true, y_pred = reading.tensors(y_true, y_pred)
    half_precision = in_half_precision(y_pred)
    dtype = compute_dtype(y_pred)
    mode = resolve_mode(mode, y_pred)
    y_pred = ops.cast(y_pred, dtype)
    channels = y_pred.shape[-1]
    if class_weights is not None:
        class_weights = class_weight_vector(class_weights, 2 if mode == "binary" else channels, dtype)
    ids = len(y_true.shape) == 3 or (len(y_true.shape) == 4 and y_true.shape[-1] == 1)
    if mode == "multiclass" or (mode == "multilabel" and ids and channels > 1):
        labels = reading.read(y_true, y_pred, ignored, dtype)
        if set(range(channels)) <= set(ignored):
            _validation.fail("ignore_class", f"must leave one of the {channels} classes to learn", ignored)
    else:
        labels = reading.read_channels(y_true, y_pred, ignored, dtype)
    check_predictions(y_pred, from_logits=from_logits)
    weights = sample_weights(sample_weight, y_pred, dtype)
    return Pixels(
        mode=mode,
        scores=y_pred,
        labels=labels,
        weights=weights,
        class_weights=class_weights,
        ignored=ignored,
        from_logits=from_logits,
        half_precision=half_precision,
    )
