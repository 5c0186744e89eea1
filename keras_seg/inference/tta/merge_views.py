"""The layer that merges the score maps of the views of test-time augmentation."""

from collections.abc import Sequence
from typing import Any, NoReturn

import keras
from keras import ops

from keras_seg import _ops, _validation
from keras_seg._types import Tensor
from keras_seg.inference.tta.view import View

MERGES = ("mean", "geometric_mean", "max", "tsharpen")
UNCERTAINTIES = ("entropy", "variance", "disagreement")
KINDS = ("softmax", "sigmoid", "logits")
# A single pass that is sure of the opposite must not outvote all others in a product.
_FLOOR = 1e-7


@keras.saving.register_keras_serializable("keras_seg")
class MergeViews(keras.layers.Layer):
    """Score maps of views brought back to the image and merged.

    Args:
        groups: sequence of sequences of `View`, or of their lists: the views of each batch of score maps.
        order: sequence of ints. The position of each view, group after group, in the sums, so that the result equals
            that of one pass at a time.
        kind: "softmax", "sigmoid" or "logits". The kind of scores that are merged.
        merge: one of `MERGES`.
        uncertainty: None or one of `UNCERTAINTIES`.
        activation: None, or "softmax" or "sigmoid" where the model gives logits and probabilities are merged.
        assumed: bool. Whether `kind` is an assumption, because the model does not show it. Defaults to False.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Call arguments:
        inputs: the list `[images, maps of the first group, ...]`; only the size of the images is used.

    Output shape: `(batch, height, width, classes)`; with `uncertainty` a pair of that and `(batch, height, width, 1)`.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[Any]],
        order: Sequence[int],
        kind: str,
        *,
        merge: str = "mean",
        uncertainty: str | None = None,
        activation: str | None = None,
        assumed: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.groups = tuple(
            tuple(view if isinstance(view, View) else View.from_list(view) for view in group) for group in groups
        )
        self.order = tuple(order)
        self.kind = _validation.one_of("kind", kind, KINDS)
        self.merge = _validation.one_of("merge", merge, MERGES)
        self.uncertainty = uncertainty
        self.activation = activation
        self.assumed = assumed

    def call(self, inputs: list[Tensor]) -> Any:
        images, *batches = inputs
        size = _ops.spatial_size(images)
        maps = []
        for views, scores in zip(self.groups, batches, strict=True):
            scores = ops.cast(scores, self.compute_dtype)
            _check_aligned(views[0], size, scores)
            if self.activation is not None:
                scores = ops.softmax(scores) if self.activation == "softmax" else ops.sigmoid(scores)
            parts: Any = ops.split(scores, len(views), axis=0) if len(views) > 1 else [scores]
            maps += [view.undo(part, size) for view, part in zip(views, parts, strict=True)]
        maps = [scores for _, scores in sorted(zip(self.order, maps, strict=True), key=lambda pair: pair[0])]
        merged = self._merged(maps)
        return merged if self.uncertainty is None else (merged, self._uncertainty(maps, merged))

    def _merged(self, maps: Sequence[Tensor]) -> Tensor:
        if self.merge == "mean":
            return _mean(maps)
        merge = {"geometric_mean": _geometric_mean, "max": _largest, "tsharpen": _mean_of_roots}[self.merge]
        for_it: Any = merge(maps)
        if self.kind == "logits":
            return for_it
        if self.kind == "softmax":
            return for_it / ops.maximum(ops.sum(for_it, axis=-1, keepdims=True), _FLOOR)
        # One probability stands for two classes, p and 1 - p, which are merged alike.
        against = merge([1 - scores for scores in maps])
        return for_it / ops.maximum(for_it + against, _FLOOR)

    def _uncertainty(self, maps: Sequence[Tensor], merged: Tensor) -> Tensor:
        if self.uncertainty == "variance":
            mean = _mean(maps)
            return ops.mean(_mean([ops.square(scores - mean) for scores in maps]), axis=-1, keepdims=True)
        if self.uncertainty == "disagreement":
            decided = self._decisions(merged)
            apart = ops.abs(decided - _mean([self._decisions(scores) for scores in maps]))
            if self._exclusive(merged):
                share: Any = ops.sum(apart, axis=-1, keepdims=True)
                return share / 2
            return ops.mean(apart, axis=-1, keepdims=True)
        p: Any = merged
        if self.kind == "logits":
            p = ops.softmax(merged) if self._exclusive(merged) else ops.sigmoid(merged)
        if self._exclusive(merged):
            return ops.sum(_nll(p), axis=-1, keepdims=True)
        return ops.mean(_nll(p) + _nll(1 - p), axis=-1, keepdims=True)

    def _exclusive(self, scores: Tensor) -> bool:
        """Whether the channels are classes that exclude one another."""
        return self.kind != "sigmoid" and scores.shape[-1] > 1

    def _decisions(self, scores: Tensor) -> Tensor:
        if self._exclusive(scores):
            return ops.one_hot(ops.argmax(scores, axis=-1), scores.shape[-1], dtype=self.compute_dtype)
        return ops.cast(scores > (0.0 if self.kind == "logits" else 0.5), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        (batch, height, width, _), first = input_shape[0], input_shape[1]
        merged = (batch, height, width, first[-1])
        return merged if self.uncertainty is None else (merged, (batch, height, width, 1))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "groups": [[view.to_list() for view in group] for group in self.groups],
            "order": list(self.order),
            "kind": self.kind,
            "merge": self.merge,
            "uncertainty": self.uncertainty,
            "activation": self.activation,
            "assumed": self.assumed,
        }


def _check_aligned(view: View, size: tuple[Any, Any], scores: Tensor) -> None:
    """Refuse a map of a view that is known to have another size than the view."""
    if not all(isinstance(n, int) for n in size):
        return
    seen, have = view.size(tuple(size)), tuple(scores.shape[1:3])
    if all(isinstance(n, int) for n in have) and have != seen:
        fail_unaligned(seen, have)


def fail_unaligned(seen: tuple[Any, ...], have: tuple[Any, ...]) -> NoReturn:
    """The error about a model whose map has another size than its image."""
    _validation.fail(
        "model",
        "must give a map of the size of its image, so that the maps of the views can be merged pixel by pixel",
        f"a model that gives {have[0]}x{have[1]} for {seen[0]}x{seen[1]}",
        'Build it with padding="same", or end it in keras_seg.layers.CropLike or ResizeLike of its map and its image.',
    )


def _mean(maps: Sequence[Tensor]) -> Tensor:
    return sum(maps[1:], maps[0]) / len(maps)


def _geometric_mean(maps: Sequence[Tensor]) -> Tensor:
    return ops.exp(_mean([ops.log(ops.maximum(scores, _FLOOR)) for scores in maps]))


def _largest(maps: Sequence[Tensor]) -> Tensor:
    largest = maps[0]
    for scores in maps[1:]:
        largest = ops.maximum(largest, scores)
    return largest


def _mean_of_roots(maps: Sequence[Tensor]) -> Tensor:
    # Rounding may leave a resized probability below 0.
    return _mean([ops.sqrt(ops.maximum(scores, 0)) for scores in maps])


def _nll(p: Tensor) -> Tensor:
    """The negative log-likelihood of each probability, weighted by it: a term of the entropy."""
    return -p * ops.log(ops.maximum(p, _FLOOR))
