"""Models compared on the same images."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from keras_seg import _validation
from keras_seg.evaluation.boundaries import BoundaryEvaluation
from keras_seg.evaluation.instances import InstanceEvaluation
from keras_seg.evaluation.multilabel import MultiLabelEvaluation
from keras_seg.evaluation.semantic import Evaluation
from keras_seg.metrics import Interval
from keras_seg.metrics.bootstrap import draw_images, interval_of, numbers_of
from keras_seg.metrics.ratios import defined

AnyEvaluation: TypeAlias = Evaluation | MultiLabelEvaluation | InstanceEvaluation | BoundaryEvaluation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Comparison:
    """Models on the same images. `str(comparison)` is a table.

    Attributes:
        names: tuple of str. The models; the first is the one that the others are compared with.
        class_names: tuple of str; empty unless classes were evaluated.
        images: int. Number of images.
        score_name: str. The score that models are compared by, such as "mean IoU".
        scores: tuple of `metrics.Interval`, one per model.
        differences: tuple of `metrics.Interval`, one per model after the first: its score minus that of the first,
            paired by images.
        iou: float array (models, classes); NaN for a class that is ignored or occurs nowhere.
        notices: tuple of str. What is to be known of the images: `training.compare_runs` names what the scan found, and
            which runs were trained on them.
    """

    names: tuple[str, ...]
    class_names: tuple[str, ...]
    images: int
    score_name: str
    scores: tuple[Interval, ...]
    differences: tuple[Interval, ...]
    iou: np.ndarray
    notices: tuple[str, ...] = ()

    @property
    def verdicts(self) -> tuple[str, ...]:
        """ "better", "worse" or "unclear" for each model after the first: unclear where the interval holds 0."""
        return tuple(
            "better" if found.low > 0 else "worse" if found.high < 0 else "unclear" for found in self.differences
        )

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """(name, score, its interval, difference, its interval, verdict) of each model as text, in percent."""
        rows = [(self.names[0], *_ends(self.scores[0], ""), "", "", "first")]
        for name, score, difference, verdict in zip(
            self.names[1:], self.scores[1:], self.differences, self.verdicts, strict=True
        ):
            rows.append((name, *_ends(score, ""), *_ends(difference, "+"), verdict))
        return rows

    def to_dict(self) -> dict[str, Any]:
        """All results as a JSON-ready dict; None for a class that is ignored or occurs nowhere, and for no score."""
        models = []
        for place, name in enumerate(self.names):
            of_classes = zip(self.class_names, self.iou[place], strict=True)
            models.append(
                {
                    "name": name,
                    self.score_name.lower().replace(" ", "_"): numbers_of(self.scores[place]),
                    "difference": None if place == 0 else numbers_of(self.differences[place - 1]),
                    "verdict": None if place == 0 else self.verdicts[place - 1],
                    "iou": {class_: defined(value) for class_, value in of_classes},
                }
            )
        facts = {"images": self.images, "level": self.scores[0].level, "notices": list(self.notices)}
        return {**facts, "models": models}

    def __str__(self) -> str:
        level = f"{100 * self.scores[0].level:g} %"
        lines = [("", self.score_name, level, "difference", level, ""), *self.rows]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join([*(line.rstrip() for line in table), f"{self.images} images, paired.", *self.notices])


def compare(
    evaluations: Mapping[str, AnyEvaluation], *, samples: int = 1000, seed: int = 0, level: float = 0.95
) -> Comparison:
    """Compare the evaluations of models on the same images.

    The difference of each model from the first has a paired bootstrap interval: images that are hard for both do not
    widen it. If it excludes 0, the difference is more than the choice of images.

    Args:
        evaluations: dict from a model's name to its `Evaluation`, two or more; or to its `MultiLabelEvaluation`,
            `InstanceEvaluation` or `BoundaryEvaluation`. Classes are matched by their names.

    Other arguments: those of `metrics.paired_difference`.

    Returns:
        A `Comparison`.

    Raises:
        InputError: there are fewer than two, they are of several kinds, do not have or ignore the same classes, have
            other tolerances of edges, or are not of the same two or more images with the same masks; or something else
            is among them.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> images = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3))
        >>> batches = [(images, (images[..., 0] > 128).astype("int32"))]
        >>> models = {name: ks.models.UNet(num_classes=2, filters=4, depth=1) for name in ("one", "other")}
        >>> results = {name: ks.evaluation.evaluate(model, batches) for name, model in models.items()}
        >>> ks.evaluation.compare(results).images
        4
    """
    if not isinstance(evaluations, Mapping):
        fix = 'Name the models, as in {"first": ..., "second": ...}.'
        _validation.fail("evaluations", "must be a dict of evaluations by name", type(evaluations).__name__, fix)
    if len(evaluations) < 2:
        _validation.fail("evaluations", "must hold at least two models", list(evaluations))
    # Names may be paths or numbers, which have no length in a table and are no text in JSON.
    named = {str(name): [_checked(name, found)] for name, found in evaluations.items()}
    if len(named) < len(evaluations):
        _validation.fail("evaluations", "must have names that differ as text", list(evaluations))
    return compare_means(named, samples=samples, seed=seed, level=level)


def _checked(name: Any, found: Any) -> AnyEvaluation:
    if not isinstance(found, AnyEvaluation):
        # Those of folds hold the evaluation of all images.
        inner = isinstance(getattr(found, "evaluation", None), AnyEvaluation)
        fix = "Pass its `evaluation`." if inner else "Pass what `evaluate` returns, or one of its kind."
        _validation.fail("evaluations", "must hold evaluations", f"{name}: {type(found).__name__}", fix)
    return found


def compare_means(
    evaluations: Mapping[str, Sequence[AnyEvaluation]], *, samples: int = 1000, seed: int = 0, level: float = 0.95
) -> Comparison:
    """Compare models that were trained several times: as `compare`, by the mean score over the trainings of each.

    Args:
        evaluations: dict from a model's name to the evaluations of its trainings, one or more.

    Other arguments: those of `metrics.paired_difference`.

    Raises:
        InputError: as for `compare`, except that a single model has no differences.
    """
    flat = [(name, found) for name, several in evaluations.items() for found in several]
    (first_name, first), *others = flat
    orders = {id(first): list(range(len(_classes(first))))}
    _check_images(first_name, first)
    for name, other in others:
        if type(other) is not type(first):
            found = f"{first_name}: {first.score_name}, {name}: {other.score_name}"
            _validation.fail("evaluations", "must be of one kind", found)
        _check_images(name, other)
        order = orders[id(other)] = _order(first_name, _classes(first), name, _classes(other))
        _check_ignored(first_name, _ignored(first), name, _ignored(other))
        _check_tolerance(first_name, first, name, other)
        truth = other.image_truth[:, order] if _classes(other) else other.image_truth
        _check_same_images(first_name, first.image_truth, name, truth)
    drawn = draw_images(first.images, samples, seed, level)
    once = np.ones((1, first.images))

    def mean_scores(weights: np.ndarray) -> list[np.ndarray]:
        return [
            np.mean([one.scores_of_samples(weights) for one in several], axis=0) for several in evaluations.values()
        ]

    drawn_scores, values = mean_scores(drawn), [float(of_all[0]) for of_all in mean_scores(once)]
    return Comparison(
        names=tuple(evaluations),
        class_names=tuple(_classes(first)),
        images=first.images,
        score_name=first.score_name,
        scores=tuple(interval_of(*pair, level) for pair in zip(values, drawn_scores, strict=True)),
        differences=tuple(
            interval_of(value - values[0], of_samples - drawn_scores[0], level)
            for value, of_samples in zip(values[1:], drawn_scores[1:], strict=True)
        ),
        iou=np.stack(
            [np.mean([_iou(one, orders[id(one)]) for one in several], axis=0) for several in evaluations.values()]
        ),
    )


def _iou(evaluation: AnyEvaluation, order: Sequence[int]) -> np.ndarray:
    return evaluation.iou[order] if isinstance(evaluation, (Evaluation, MultiLabelEvaluation)) else np.zeros(0)


def _classes(evaluation: AnyEvaluation) -> tuple[str, ...]:
    return tuple(evaluation.class_names) if isinstance(evaluation, (Evaluation, MultiLabelEvaluation)) else ()


def _check_images(name: str, evaluation: AnyEvaluation) -> None:
    kept = not isinstance(evaluation, Evaluation) or evaluation.image_confusion is not None
    if not kept or evaluation.images < 2:
        rule = "must hold evaluations of two images or more, with the matrix of each"
        _validation.fail("evaluations", rule, f"{name}: {evaluation.images} images")


def _order(first_name: str, first: Sequence[str], name: str, other: Sequence[str]) -> list[int]:
    """Where the classes of the first model stand among those of another."""
    if sorted(first) != sorted(other):
        only = sorted(set(first) ^ set(other))
        rule = f"must have the same classes; {', '.join(map(repr, only[:6]))} belong to {first_name} or {name} alone"
        fix = "Compare models of the same classes."
        _validation.fail("evaluations", rule, f"{len(first)} and {len(other)} classes", fix)
    return [list(other).index(class_) for class_ in first]


def _ignored(evaluation: AnyEvaluation) -> list[str]:
    """The classes whose pixels are ignored."""
    ignored = evaluation.ignore_class if isinstance(evaluation, Evaluation) else ()
    return sorted(name for place, name in enumerate(_classes(evaluation)) if place in ignored)


def _check_ignored(first_name: str, first: Sequence[str], name: str, other: Sequence[str]) -> None:
    """Their means must be over the same classes, whether the masks hold the ignored ones or not."""
    if first != other:
        found = f"{first_name}: {', '.join(first) or 'none'}, {name}: {', '.join(other) or 'none'}"
        fix = "Evaluate with one `ignore_class`."
        _validation.fail("evaluations", "must ignore the same classes", found, fix)


def _check_tolerance(first_name: str, first: AnyEvaluation, name: str, other: AnyEvaluation) -> None:
    """Lines that may lie farther from the edges score higher, whatever the model."""
    if not isinstance(first, BoundaryEvaluation) or not isinstance(other, BoundaryEvaluation):
        return
    if first.tolerance_ratio != other.tolerance_ratio:
        found = f"{first_name}: {first.tolerance_ratio:g}, {name}: {other.tolerance_ratio:g}"
        fix = "Evaluate with one `tolerance_ratio`."
        _validation.fail("evaluations", "must have the same tolerance of edges", found, fix)


def _check_same_images(first_name: str, first: np.ndarray, name: str, other: np.ndarray) -> None:
    if len(first) != len(other):
        found = f"{first_name}: {len(first)} images, {name}: {len(other)}"
        _validation.fail("evaluations", "must be of the same images", found, "Evaluate on the same data.")
    if (first != other).any():
        rule = f"must be of the same masks; {first_name} and {name} count different pixels or objects in them"
        _validation.fail("evaluations", rule, "other masks", "Read the masks the same way, with one `ignore_class`.")


def _ends(interval: Interval, sign: str) -> tuple[str, str]:
    """A score and its interval as text; "none" and "" where no class occurs and none is predicted."""
    value, low, high = (
        "" if np.isnan(item) else f"{100 * item:{sign}.1f}" for item in (interval.value, interval.low, interval.high)
    )
    return value or "none", f"{low} to {high}" if low else ""
