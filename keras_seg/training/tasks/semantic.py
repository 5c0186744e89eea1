"""Semantic segmentation: one class per pixel."""

import importlib.util
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from PIL import Image

from keras_seg import _validation, data, evaluation, inference, report, visualization
from keras_seg._types import PathLike
from keras_seg.data.index.example_groups import group_keys
from keras_seg.evaluation.choose_postprocessing import least_images
from keras_seg.evaluation.logit_adjustment import choose_logit_adjustment, offsets
from keras_seg.evaluation.postprocessing_choice import chosen_postprocessing
from keras_seg.inference.predict_classes import class_ids
from keras_seg.metrics.ratios import defined
from keras_seg.metrics.scores import MEANS
from keras_seg.surgery.shift_logits import shift_logits
from keras_seg.training.hosts.group import Group
from keras_seg.training.tasks.class_widths import class_widths
from keras_seg.training.tasks.score_table import ScoreTable, percent, score_bar
from keras_seg.training.tasks.task import Decoding, Head, Pictures, Report, Task, decided_orientation, examples

if TYPE_CHECKING:
    import tensorflow as tf

    from keras_seg.training.plan import Plan

_TUNED_ON = 200


class SemanticTask(Task):
    """One class per pixel, ranked by mean IoU."""

    name = "semantic"
    index_type = data.FolderIndex
    scores = ("mean_iou", "pixel_accuracy")
    score_label = "mean IoU"
    _examination = staticmethod(report.examine_semantic)
    mask_requirement = "masks that hold the id of a class at every pixel"
    class_id_masks = True

    def scan(self, path: PathLike, *, split: str | None = None, **options: Any) -> data.FolderIndex:
        """As `data.scan_folder`."""
        self._refuse(options, "components")
        return data.scan_folder(path, split=split, **options)

    def scan_like(self, path: PathLike, like: data.FolderIndex, *, split: str | None = None) -> data.FolderIndex:
        """With the encoding of the other index."""
        return data.scan_folder(
            path,
            split=split,
            encoding=like.encoding,
            channels=like.channels,
            exif_orientation=decided_orientation(like.exif_orientation),
        )

    def rescan(self, path: PathLike, schema: Mapping, *, channels: int, split: str | None = None) -> data.FolderIndex:
        """With the encoding of the run, whose names a label file of the folder may order otherwise."""
        if "reading" in schema:
            encoding = data.LabelEncoding(**schema["reading"])
            turning = decided_orientation(schema.get("exif_orientation"))
            return data.scan_folder(path, split=split, encoding=encoding, channels=channels, exif_orientation=turning)
        # A run of an earlier version kept the classes only.
        return data.scan_folder(
            path,
            split=split,
            num_classes=len(schema["names"]),
            ignore_class=tuple(schema["ignore_class"]) or None,
            class_names=schema["names"],
            channels=channels,
        )

    def label_schema(self, index: data.FolderIndex) -> dict:
        """The class names, the ignored labels, and how masks are read."""
        return {
            "names": list(index.class_names),
            "ignore_class": list(index.ignore_class),
            "reading": index.encoding.get_config(),
            "exif_orientation": index.exif_orientation,
            "image_range": index.image_range,
        }

    def class_statistics(self, index: data.FolderIndex) -> dict:
        """From the pixel counts of the index."""
        pixels = index.class_pixels.astype("float64")
        shares = pixels / max(1.0, pixels.sum())
        return {
            "num_classes": index.num_classes,
            "ignore_class": list(index.ignore_class),
            "class_names": list(index.class_names),
            "class_share": {name: float(share) for name, share in zip(index.class_names, shares, strict=True)},
            "class_width": class_widths(index),
        }

    def example_counts(self, index: data.FolderIndex) -> np.ndarray:
        """Pixels per class."""
        return index.pixel_counts

    def plan_choices(self, facts: Mapping) -> list[tuple[str, str, Any, tuple[str, ...]]]:
        """Whether the model has one channel."""
        return [("binary", "a channel per class unless one is asked for", False, ("num_classes",))]

    def head(self, plan: "Plan") -> Head:
        """A softmax over the classes, or the probability of the second of two."""
        if not plan.get("binary"):
            return super().head(plan)
        facts = plan.fingerprint
        if facts["num_classes"] != 2 or {0, 1} & set(facts["ignore_class"]):
            rule = f"needs two classes that are not ignored, and there are: {', '.join(facts['class_names'][:6])}"
            _validation.fail("binary", rule, True, "Leave it out.")
        return Head(1, "sigmoid")

    def targets(self, dataset: "tf.data.Dataset", index: Any, plan: "Plan") -> "tf.data.Dataset":
        """The masks themselves."""
        return dataset

    def adjust(self, model: keras.Model, index: Any, plan: "Plan") -> dict:
        """Takes class weights back in the logits, as far as that gains; see `choose_logit_adjustment`."""
        weights, channels = plan.get("class_weights"), self.head(plan).channels
        if not weights or not shift_logits(model, [0.0] * channels):
            return {}
        found = choose_logit_adjustment(model, index, weights)
        if found.gain is None:
            return {}
        shift_logits(model, offsets(weights, found.strength, channels=channels))
        gain = [found.gain.value, found.gain.low, found.gain.high]
        return {"logit_adjustment": {"strength": found.strength, "gain": gain}}

    def tune(self, model: keras.Model, index: Any) -> dict:
        """As `evaluation.choose_postprocessing`; empty where there are too few images, or SciPy is missing."""
        # Those that are predicted: a small group may have none of them.
        sample = index.sample(_TUNED_ON)
        if len(set(group_keys(sample, sample.group_by))) < least_images() or not self.can_tune():
            return {}
        return evaluation.choose_postprocessing(model, sample, images=_TUNED_ON).decoding

    def can_tune(self) -> bool:
        """Whether SciPy is installed."""
        return importlib.util.find_spec("scipy") is not None

    def evaluate(
        self, model: keras.Model, index: Any, *, settings: Mapping | None = None, progress: Report | None = None
    ) -> Any:
        """An `evaluation.Evaluation`, with the postprocessing of the settings."""
        clean = chosen_postprocessing(settings)
        return evaluation.evaluate(model, index, postprocessing=clean, progress=progress)

    def shared_scores(self, model: keras.Model, index: Any, group: Group) -> dict:
        """Each process evaluates its share of the images; their confusion matrices are added."""
        if group.count == 1:
            return self.quick_scores(model, index)
        share = range(group.process, len(index), group.count)
        classes = len(index.class_names)
        own = self.evaluate(model, index.subset(share)).confusion if share else np.zeros((classes, classes), "int64")
        confusion = sum(group.gathered(own))
        return {name: defined(MEANS[name](confusion, ignore_class=index.ignore_class)) for name in self.scores}

    def table(self, evaluation: Any) -> ScoreTable:
        """IoU and share of the pixels per class, and the means."""
        pixels = evaluation.confusion.sum(axis=1)
        rows = zip(evaluation.class_names, evaluation.iou, pixels / max(1, pixels.sum()), strict=True)
        details = []
        for place, (name, iou, share) in enumerate(rows):
            missing = "ignored" if place in evaluation.ignore_class else "absent"
            details.append((name, missing if iou != iou else percent(iou), f"{percent(share)} %", score_bar(iou)))
        summary = evaluation.to_dict()
        interval = summary["mean_iou_interval"]
        ends = "" if interval is None else "{} to {} (95 %)".format(*map(percent, interval))
        others = {
            "pixel accuracy": "pixel_accuracy",
            "mean accuracy": "mean_accuracy",
            "frequency-weighted IoU": "frequency_weighted_iou",
            "mean Dice": "mean_dice",
        }
        return ScoreTable(
            headings=("class", "IoU", "pixels", ""),
            details=tuple(details),
            score=("mean IoU", percent(summary["mean_iou"]), "", ends),
            others=tuple((label, percent(summary[name]), "", "") for label, name in others.items()),
        )

    def panel(self, model: keras.Model, index: Any, positions: Sequence[int], settings: Mapping) -> Image.Image:
        """Image, truth, prediction and wrong pixels."""
        images, masks = examples(index, positions)
        clean = chosen_postprocessing(settings)
        predictions = [clean(inference.predict_classes(model, image[None])[0]) for image in images]
        options = {"ignore_class": index.ignore_class, "class_names": index.class_names}
        return visualization.prediction_panel(images, masks, predictions, **options)

    def draw(self, scores: np.ndarray, image: np.ndarray, decoding: Decoding) -> Pictures:
        """Class ids in a palette PNG, or one of 16 bits with more than 256 classes; the classes' colors as overlay."""
        ids = chosen_postprocessing(decoding.settings)(class_ids(scores, decoding.kind))
        mask = ids.astype("uint8" if len(decoding.names) <= 256 else "uint16")
        colors = visualization.palette(len(decoding.names))
        picture = Image.fromarray(mask)
        if mask.dtype == "uint8":
            picture.putpalette(colors.tobytes())
        return picture, Image.fromarray(visualization.overlay(image, mask, colors))
