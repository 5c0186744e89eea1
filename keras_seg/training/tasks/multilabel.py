"""Classes that may overlap: one channel per class."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from PIL import Image

from keras_seg import data, evaluation, report, visualization
from keras_seg._labels.class_bits import packed
from keras_seg._types import PathLike
from keras_seg.evaluation.multilabel import above_threshold, predicted_classes
from keras_seg.training.tasks.class_masks import ClassMasks
from keras_seg.training.tasks.class_widths import class_widths
from keras_seg.training.tasks.score_table import ScoreTable, percent, score_bar
from keras_seg.training.tasks.task import Decoding, Head, Pictures, Report, Task, decided_orientation, examples
from keras_seg.visualization.class_sets import overlay_classes

if TYPE_CHECKING:
    import tensorflow as tf

    from keras_seg.training.plan import Plan


class MultiLabelTask(Task):
    """Classes of which a pixel may have several or none, ranked by mean IoU."""

    name = "multilabel"
    index_type = data.MultiLabelIndex
    scores = ("mean_iou", "mean_dice")
    score_label = "mean IoU"
    _examination = staticmethod(report.examine_multilabel)
    mask_requirement = "one black and white mask per class, in a folder for each class"
    overlapping = True

    def scan(self, path: PathLike, *, split: str | None = None, **options: Any) -> data.MultiLabelIndex:
        """As `data.scan_multilabel`."""
        self._refuse(options, "num_classes", "ignore_class", "components")
        return data.scan_multilabel(path, split=split, **options)

    def scan_like(
        self, path: PathLike, like: data.MultiLabelIndex, *, split: str | None = None
    ) -> data.MultiLabelIndex:
        """With the classes of the other index."""
        return self.rescan(path, self.label_schema(like), channels=like.channels, split=split)

    def rescan(
        self, path: PathLike, schema: Mapping, *, channels: int, split: str | None = None
    ) -> data.MultiLabelIndex:
        """With the classes of the run."""
        turning = decided_orientation(schema["exif_orientation"])
        return data.scan_multilabel(
            path, split=split, class_names=schema["names"], channels=channels, exif_orientation=turning
        )

    def label_schema(self, index: data.MultiLabelIndex) -> dict:
        """The classes."""
        return {
            "task": self.name,
            "names": list(index.class_names),
            "ignore_class": [],
            "exif_orientation": index.exif_orientation,
            "image_range": index.image_range,
        }

    def class_statistics(self, index: data.MultiLabelIndex) -> dict:
        """From the pixel counts of the index; shares of all pixels, so that their sum may be above or below one."""
        pixels = float(np.prod(np.array(index.sizes), axis=1).sum())
        shares = index.pixel_counts.sum(axis=0) / max(1.0, pixels)
        return {
            "num_classes": index.num_classes,
            "ignore_class": [],
            "class_names": list(index.class_names),
            "class_share": {name: float(share) for name, share in zip(index.class_names, shares, strict=True)},
            "class_width": class_widths(index, overlapping=True),
        }

    def example_counts(self, index: data.MultiLabelIndex) -> np.ndarray:
        """Pixels per class."""
        return index.pixel_counts

    def head(self, plan: "Plan") -> Head:
        """A sigmoid per class."""
        return Head(plan.fingerprint["num_classes"], "sigmoid", "multilabel")

    def class_weights(self, facts: Mapping) -> tuple[str, list[float] | None, tuple[str, ...]]:
        """None: a weight would apply to a whole channel, with its negatives."""
        return "all classes weigh the same: each is a channel of its own, with its own negatives", None, ()

    def targets(self, dataset: "tf.data.Dataset", index: Any, plan: "Plan") -> "tf.data.Dataset":
        """One channel per class, made after augmentation of one map that holds the classes as bits."""
        return data.add_multilabel_targets(dataset, index.num_classes)

    def evaluate(
        self, model: keras.Model, index: Any, *, settings: Mapping | None = None, progress: Report | None = None
    ) -> Any:
        """An `evaluation.MultiLabelEvaluation`."""
        return evaluation.evaluate_multilabel(model, index, progress=progress)

    def table(self, evaluation: Any) -> ScoreTable:
        """IoU and share of the pixels per class, and the means."""
        summary, counts = evaluation.to_dict(), evaluation.counts.sum(axis=0)
        shares = counts[:, 1].sum(axis=-1) / np.maximum(1, counts.sum(axis=(1, 2)))
        details = [
            (name, "absent" if iou != iou else percent(iou), f"{percent(share)} %", score_bar(iou))
            for name, iou, share in zip(evaluation.class_names, evaluation.iou, shares, strict=True)
        ]
        interval = summary["mean_iou_interval"]
        ends = "" if interval is None else "{} to {} (95 %)".format(*map(percent, interval))
        others = (("mean Dice", "mean_dice"), ("mean precision", "mean_precision"), ("mean recall", "mean_recall"))
        return ScoreTable(
            headings=("class", "IoU", "pixels", ""),
            details=tuple(details),
            score=("mean IoU", percent(summary["mean_iou"]), "", ends),
            others=tuple((label, percent(summary[name]), "", "") for label, name in others),
        )

    def panel(self, model: keras.Model, index: Any, positions: Sequence[int], settings: Mapping) -> Image.Image:
        """Image, truth, prediction and wrong pixels."""
        images, truths = examples(index, positions)
        predictions = [packed(predicted_classes(model, image)) for image in images]
        names = index.class_names
        return visualization.prediction_panel(images, truths, predictions, class_names=names, overlapping=True)

    def draw(self, scores: np.ndarray, image: np.ndarray, decoding: Decoding) -> Pictures:
        """A folder with a black and white mask per class; the mean color of a pixel's classes as overlay."""
        found = above_threshold(scores, decoding.kind)
        colors = visualization.palette(len(decoding.names))
        return ClassMasks(found, decoding.names), Image.fromarray(overlay_classes(image, packed(found), colors))
