"""Models compared on the same images."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg.evaluation.semantic import Evaluation
from keras_seg.metrics import Interval, confidence_interval, paired_difference, scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Models on the same images. `str(comparison)` is a table.

    Attributes:
        names: tuple of str. The models; the first is the one that the others are compared with.
        class_names: tuple of str.
        images: int. Number of images.
        mean_iou: tuple of `metrics.Interval`, one per model.
        differences: tuple of `metrics.Interval`, one per model after the first: its mean IoU minus that of the first,
            paired by images.
        iou: float array (models, classes); NaN for a class that occurs nowhere.
    """

    names: tuple[str, ...]
    class_names: tuple[str, ...]
    images: int
    mean_iou: tuple[Interval, ...]
    differences: tuple[Interval, ...]
    iou: np.ndarray

    @property
    def verdicts(self) -> tuple[str, ...]:
        """ "better", "worse" or "unclear" for each model after the first: unclear where the interval holds 0."""
        return tuple(
            "better" if found.low > 0 else "worse" if found.high < 0 else "unclear" for found in self.differences
        )

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """(name, mean IoU, its interval, difference, its interval, verdict) of each model as text, in percent."""
        rows = [(self.names[0], *_ends(self.mean_iou[0], ""), "", "", "first")]
        for name, score, difference, verdict in zip(
            self.names[1:], self.mean_iou[1:], self.differences, self.verdicts, strict=True
        ):
            rows.append((name, *_ends(score, ""), *_ends(difference, "+"), verdict))
        return rows

    def to_dict(self) -> dict[str, Any]:
        """All results as a JSON-ready dict; None for a class that occurs nowhere."""
        models = []
        for place, name in enumerate(self.names):
            of_classes = zip(self.class_names, self.iou[place], strict=True)
            models.append(
                {
                    "name": name,
                    "mean_iou": _numbers(self.mean_iou[place]),
                    "difference": None if place == 0 else _numbers(self.differences[place - 1]),
                    "verdict": None if place == 0 else self.verdicts[place - 1],
                    "iou": {class_: None if np.isnan(value) else float(value) for class_, value in of_classes},
                }
            )
        return {"images": self.images, "level": self.mean_iou[0].level, "models": models}

    def __str__(self) -> str:
        level = f"{100 * self.mean_iou[0].level:g} %"
        lines = [("", "mean IoU", level, "difference", level, ""), *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([*(line.rstrip() for line in table), f"{self.images} images, paired."])


def compare(
    evaluations: Mapping[str, Evaluation], *, samples: int = 1000, seed: int = 0, level: float = 0.95
) -> Comparison:
    """Compare the evaluations of models on the same images.

    The difference of each model from the first has a paired bootstrap interval: images that are hard for both do not
    widen it. If it excludes 0, the difference is more than the choice of images.

    Args:
        evaluations: dict from a model's name to its `Evaluation`, two or more. Classes are matched by their names.

    Other arguments: those of `metrics.paired_difference`.

    Returns:
        A `Comparison`.

    Raises:
        InputError: there are fewer than two, they do not have the same classes, or are not of the same two or more
            images with the same masks.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> images = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3))
        >>> batches = [(images, (images[..., 0] > 128).astype("int32"))]
        >>> models = {name: ks.models.UNet(num_classes=2, filters=4, depth=1) for name in ("one", "other")}
        >>> results = {name: ks.evaluation.evaluate(model, batches) for name, model in models.items()}
        >>> ks.evaluation.compare(results).images
        4
    """
    if len(evaluations) < 2:
        _validation.fail("evaluations", "must hold at least two models", list(evaluations))
    (first_name, first), *others = evaluations.items()
    matrices = {first_name: _of_images(first_name, first)}
    for name, other in others:
        order = _order(first_name, first.class_names, name, other.class_names)
        own = _of_images(name, other)[:, order][:, :, order]
        _check_same_images(first_name, matrices[first_name], name, own)
        matrices[name] = own
    options: dict[str, Any] = {"samples": samples, "seed": seed, "level": level}
    return Comparison(
        names=tuple(evaluations),
        class_names=tuple(first.class_names),
        images=first.images,
        mean_iou=tuple(confidence_interval(of_images, **options) for of_images in matrices.values()),
        differences=tuple(paired_difference(matrices[name], matrices[first_name], **options) for name, _ in others),
        iou=np.stack([scores.iou_per_class(of_images.sum(axis=0)) for of_images in matrices.values()]),
    )


def _of_images(name: str, evaluation: Evaluation) -> np.ndarray:
    if evaluation.image_confusion is None or evaluation.images < 2:
        rule = "must hold evaluations of two images or more, with the matrix of each"
        _validation.fail("evaluations", rule, f"{name}: {evaluation.images} images")
    return np.asarray(evaluation.image_confusion)


def _order(first_name: str, first: Sequence[str], name: str, other: Sequence[str]) -> list[int]:
    """Where the classes of the first model stand among those of another."""
    if sorted(first) != sorted(other):
        only = sorted(set(first) ^ set(other))
        rule = f"must have the same classes; {', '.join(map(repr, only[:6]))} belong to {first_name} or {name} alone"
        fix = "Compare models of the same classes."
        _validation.fail("evaluations", rule, f"{len(first)} and {len(other)} classes", fix)
    return [list(other).index(class_) for class_ in first]


def _check_same_images(first_name: str, first: np.ndarray, name: str, other: np.ndarray) -> None:
    if len(first) != len(other):
        found = f"{first_name}: {len(first)} images, {name}: {len(other)}"
        _validation.fail("evaluations", "must be of the same images", found, "Evaluate on the same data.")
    if (first.sum(axis=2) != other.sum(axis=2)).any():
        rule = f"must be of the same masks; {first_name} and {name} count different pixels of the classes"
        _validation.fail("evaluations", rule, "other masks", "Read the masks the same way, with one `ignore_class`.")


def _ends(interval: Interval, sign: str) -> tuple[str, str]:
    value, low, high = (f"{100 * item:{sign}.1f}" for item in (interval.value, interval.low, interval.high))
    return value, f"{low} to {high}"


def _numbers(interval: Interval) -> dict[str, float]:
    return {"value": interval.value, "low": interval.low, "high": interval.high}
