"""The interface of a task."""

import abc
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import keras
import numpy as np
from PIL import Image

from keras_seg import _validation, data
from keras_seg._types import ArrayLike, PathLike
from keras_seg.data import class_weights as weights_of_shares
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.evaluation.batching import spread
from keras_seg.inference.output_kind import check_finite
from keras_seg.metrics.ratios import defined
from keras_seg.report import Examination
from keras_seg.training.hosts.group import Group
from keras_seg.training.tasks.class_masks import ClassMasks
from keras_seg.training.tasks.score_table import ScoreTable

if TYPE_CHECKING:
    import tensorflow as tf

    from keras_seg.training.plan import Plan

# Called with (images done, images in total).
Report = Callable[[int, int | None], None]

# A mask, or the masks of overlapping classes, and an overlay on the image.
Pictures = tuple[Image.Image | ClassMasks, Image.Image]

# Enough images to estimate each class's share to a few percent of its value.
_SHARES_FROM = 32


class Decoding(NamedTuple):
    """How a model's output becomes a mask.

    Attributes:
        settings: decoding thresholds, as `Task.tune` returns them.
        names: names of the model's channels.
        kind: what the scores are; see `inference.output_kind`.
    """

    settings: Mapping
    names: Sequence[str]
    kind: str = "unknown"


class Head(NamedTuple):
    """What a model ends in, and how its losses read the output.

    Attributes:
        channels: int. Channels of the output.
        activation: "softmax" or "sigmoid".
        mode: the `mode` of the losses.
    """

    channels: int
    activation: str = "softmax"
    mode: str = "auto"


class Task(abc.ABC):
    """Defines how masks are read, which targets the model learns, and how its output is tuned, evaluated and drawn.

    Training and the commands depend on a task only through this class. An index is what `scan` returns: a `FolderIndex`
    or an `InstanceIndex`. Settings are a JSON-ready dict of decoding thresholds, as `tune` returns it.

    Attributes:
        name: str. The name in plans and in `fingerprint(task=)`.
        index_type: class of the index that `scan` returns.
        scores: tuple of str. Names of the scores in the log, keys of `evaluate(...).to_dict()`. The first ranks models.
        score_label: str. What the first score is called in text.
        mask_requirement: str. What the masks of a data folder must hold.
        class_id_masks: bool. Whether predicted masks hold the class with the highest score, so that images larger than
            memory can be predicted tile by tile.
        overlapping: bool. Whether a pixel may have several classes: its predictions are folders with a mask per class.
        requires: tuple of str. Modules that evaluation needs beyond the package's own requirements.
        light_strides: pair of ints. Decoder stride with a backbone that a CPU trains in minutes, on large and on small
            images.
        stride_reason: str. Why these strides, for the plan; may be empty.
        largest_crop: int. Longest side of a training crop that is chosen by rule.
        crop_reason: str. Why this size, for the plan; may be empty.
    """

    name: ClassVar[str]
    index_type: ClassVar[type[data.FolderIndex | data.InstanceIndex | data.MultiLabelIndex]]
    scores: ClassVar[tuple[str, ...]]
    score_label: ClassVar[str]
    # `report.examine_...` of the task.
    _examination: ClassVar[Callable[..., Examination]]
    mask_requirement: ClassVar[str]
    class_id_masks: ClassVar[bool] = False
    overlapping: ClassVar[bool] = False
    requires: ClassVar[tuple[str, ...]] = ()
    light_strides: ClassVar[tuple[int, int]] = (4, 2)
    stride_reason: ClassVar[str] = ""
    largest_crop: ClassVar[int] = 512
    crop_reason: ClassVar[str] = ""

    def check_installed(self) -> None:
        """Fail before hours of training if a package that evaluation needs is missing."""
        for module in self.requires:
            _validation.optional_import(module, "instances", f"`task={self.name!r}`")

    def splits(self, path: PathLike) -> tuple[str, ...]:
        """The splits of a data folder, as `data.find_splits` returns them."""
        return data.find_splits(path)

    @abc.abstractmethod
    def scan(self, path: PathLike, *, split: str | None = None, **options: Any) -> Any:
        """The index of a folder. Options that were not given are left out."""

    @abc.abstractmethod
    def scan_like(self, path: PathLike, like: Any, *, split: str | None = None) -> Any:
        """The index of a folder whose masks are read as those of the index `like` are."""

    @abc.abstractmethod
    def rescan(self, path: PathLike, schema: Mapping, *, channels: int, split: str | None = None) -> Any:
        """The index of a folder whose masks are read as the `label_schema` of a run says."""

    @abc.abstractmethod
    def label_schema(self, index: Any) -> dict:
        """The content of labels.json: names of the model's channels, and how masks are read."""

    @abc.abstractmethod
    def class_statistics(self, index: Any) -> dict:
        """`num_classes`, `ignore_class`, `class_names` and `class_share` of the targets."""

    @abc.abstractmethod
    def example_counts(self, index: Any) -> np.ndarray:
        """int array (examples, kinds). Pixels per class or objects per image, to choose varied images by."""

    def plan_choices(self, facts: Mapping) -> list[tuple[str, str, Any, tuple[str, ...]]]:
        """Choices that only this task's plans hold: (name, rule, value, names of the facts that the rule used)."""
        return []

    def head(self, plan: "Plan") -> Head:
        """What the model of a plan ends in: a softmax over the classes."""
        return Head(plan.fingerprint["num_classes"])

    def class_weights(self, facts: Mapping) -> tuple[str, list[float] | None, tuple[str, ...]]:
        """The weights of the classes in the cross-entropy: (rule, value, names of the facts that the rule used)."""
        rule = "one over the square root of the class's share, scaled so that an average pixel has weight 1"
        return rule, weights_of_shares(list(facts["class_share"].values()), rule="square_root"), ("class_share",)

    @abc.abstractmethod
    def targets(self, dataset: "tf.data.Dataset", index: Any, plan: "Plan") -> "tf.data.Dataset":
        """The dataset (image, mask) of `from_folder` as (image, target)."""

    def adjust(self, model: keras.Model, index: Any, plan: "Plan") -> dict:
        """Change the scores of the trained model, in place, where validation images show a gain; what was changed."""
        return {}

    def tune(self, model: keras.Model, index: Any) -> dict:
        """Decoding settings chosen on validation images: thresholds or postprocessing; empty if there are none."""
        return {}

    def can_tune(self) -> bool:
        """Whether there are settings to choose, and what the choice needs is installed."""
        return False

    def shared_choices(self, plan: "Plan") -> dict[str, Any]:
        """The choices of a plan that models must share for the mean of their outputs to have a meaning."""
        return {}

    @abc.abstractmethod
    def evaluate(
        self, model: keras.Model, index: Any, *, settings: Mapping | None = None, progress: Report | None = None
    ) -> Any:
        """The evaluation of a model: an object with `to_dict()`."""

    def quick_scores(self, model: keras.Model, index: Any) -> dict:
        """Scores for the log during training: `evaluate(...).to_dict()`, or a faster estimate with the same names."""
        return self.evaluate(model, index).to_dict()

    def shared_scores(self, model: keras.Model, index: Any, group: Group) -> dict:
        """`scores` of `quick_scores`, None where undefined, in every process of a group; the first process evaluates.

        Args:
            model: keras.Model of this process.
            index: of all the images.
            group: `Group`.
        """
        found = self.quick_scores(model, index) if group.first else {}
        if group.count == 1:
            return found
        values = group.gathered(np.array([found.get(name, np.nan) for name in self.scores], "float64"))[0]
        return {name: defined(value) for name, value in zip(self.scores, values.tolist(), strict=True)}

    @abc.abstractmethod
    def table(self, evaluation: Any) -> ScoreTable:
        """An evaluation as a table of text."""

    def examine(
        self, model: keras.Model, index: Any, *, settings: Mapping | None = None, progress: Report | None = None
    ) -> Examination:
        """The parts of the report that need predictions."""
        return self._examination(model, index, settings=settings, progress=progress)

    @abc.abstractmethod
    def panel(self, model: keras.Model, index: Any, positions: Sequence[int], settings: Mapping) -> Image.Image:
        """A picture of some examples with truth and prediction."""

    @abc.abstractmethod
    def draw(self, scores: np.ndarray, image: np.ndarray, decoding: Decoding) -> Pictures:
        """The mask that is predicted for an image, and an overlay of it on the image.

        Args:
            scores: float array (height, width, channels). The model's output.
            image: array (height, width, channels).
            decoding: `Decoding` of the scores.
        """

    def mask_names(self, schema: Mapping) -> Sequence[str] | None:
        """The names of the ids in predicted masks, by the `label_schema` of a run; None for object numbers."""
        return schema["names"]

    def _refuse(self, options: Mapping, *names: str) -> None:
        """Fail if an option was given that does not apply to this task."""
        for name in names:
            if options.get(name) is not None:
                _validation.fail(name, f"does not apply to `task={self.name!r}`", options[name], f"Drop `{name}`.")


def predict_one(model: keras.Model, image: ArrayLike) -> np.ndarray:
    """The model's output (height, width, channels) for an image (height, width, channels).

    Raises:
        InputError: the output holds NaN, which would become the first class, or none.
    """
    scores = np.asarray(model.predict_on_batch(np.asarray(image, "float32")[None]))[0]
    check_finite(scores, "The scores of `model`", allow_infinity=True)
    return scores


def decided_orientation(exif_orientation: str | None) -> str | None:
    """The choice for a scan of other data: "apply" may be a default that no image of the first data decided."""
    return None if exif_orientation == "apply" else exif_orientation


def examples(index: Any, positions: Sequence[int]) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
    """Images and labels at some positions of an index."""
    store = DecodedStore(index)
    images, labels = zip(*(store.get(int(position)) for position in positions), strict=True)
    return images, labels


def class_shares(
    index: Any, target: Callable[[np.ndarray], np.ndarray], names: Sequence[str], *, varied: np.ndarray
) -> dict[str, float]:
    """The share of each class of `target(labels)` in a sample of the examples; negative labels are excluded.

    Where few examples hold objects or edges, an even sample may have none of them. They are sampled apart from the
    others, and each sample counts as much as the examples that it stands for.

    Args:
        index: a `FolderIndex` or an `InstanceIndex`.
        target: callable. Returns an integer array for the labels of an example.
        names: sequence of str. One name per class.
        varied: bool array (examples,). Which examples may hold other classes than the first.
    """
    counts = np.zeros(len(names))
    parts = [index.subset(np.flatnonzero(kind)) for kind in (varied, ~varied) if kind.any()]
    samples = [part.sample(_SHARES_FROM) for part in parts]
    times = np.array([_pixels(part) / _pixels(sample) for part, sample in zip(parts, samples, strict=True)])
    for sample, factor in zip(samples, times / times.min(), strict=True):
        for position in range(len(sample)):
            values = target(sample._scanned_labels(position))
            counts += factor * np.bincount(values[values >= 0], minlength=len(names))
    # A class that is missing from the sample is rare, not impossible.
    shares = np.maximum(counts, 1) / np.maximum(counts, 1).sum()
    return {name: float(share) for name, share in zip(names, shares, strict=True)}


def tuning_sample(index: Any, count: int, *, varied: np.ndarray) -> Any:
    """The index of `count` evenly spread examples, of which a quarter at least are varied if there are as many.

    Thresholds that are chosen on examples without objects or edges alone would be those that find nothing.

    Args:
        index: a `FolderIndex` or an `InstanceIndex`.
        count: int. Examples at most.
        varied: bool array (examples,). Which examples hold objects or edges.
    """
    even = spread(len(index), count)
    rich, plain = np.flatnonzero(varied), np.flatnonzero(~varied)
    least = min(len(rich), math.ceil(len(even) / 4))
    if varied[even].sum() >= least:
        return index.subset(even)
    chosen = [rich[spread(len(rich), least)], plain[spread(len(plain), len(even) - least)]]
    return index.subset(np.sort(np.concatenate(chosen)))


def _pixels(index: Any) -> int:
    return sum(height * width for height, width in index.sizes)
