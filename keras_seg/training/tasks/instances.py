"""Instance segmentation: separate objects."""

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from PIL import Image

from keras_seg import data, evaluation, inference, report, visualization
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data import INSTANCE_CLASSES
from keras_seg.data.targets.instance_targets import instance_classes
from keras_seg.evaluation.tune_instances import TUNED_ON
from keras_seg.training.tasks.border_task import BorderTask
from keras_seg.training.tasks.score_table import ScoreTable, percent
from keras_seg.training.tasks.task import (
    Decoding,
    Pictures,
    Report,
    class_shares,
    decided_orientation,
    examples,
    predict_one,
    tuning_sample,
)

if TYPE_CHECKING:
    import tensorflow as tf

    from keras_seg.training.plan import Plan

# Where objects hardly touch, a class of the pixels between them would be almost empty and get an extreme weight.
_MIN_TOUCHING_SHARE = 0.005


class InstancesTask(BorderTask):
    """Background, body and border of objects, joined by a watershed and ranked by the instance score."""

    name = "instances"
    index_type = data.InstanceIndex
    scores = ("instance_score", "panoptic_quality")
    score_label = "instance score"
    _examination = staticmethod(report.examine_instances)
    mask_requirement = (
        "maps that number the objects of an image, folders of one mask per object, or black and white masks"
    )
    requires = ("skimage.segmentation", "scipy.ndimage")

    def splits(self, path: PathLike) -> tuple[str, ...]:
        """As `data.find_instance_splits`."""
        return data.find_instance_splits(path)

    def scan(self, path: PathLike, *, split: str | None = None, **options: Any) -> data.InstanceIndex:
        """As `data.scan_instances`."""
        self._refuse(options, "num_classes", "class_names")
        return data.scan_instances(path, split=split, **options)

    def scan_like(self, path: PathLike, like: data.InstanceIndex, *, split: str | None = None) -> data.InstanceIndex:
        """With the ignored labels of the other index; masks of the other kind are refused."""
        return _scan_kind(
            path,
            split=split,
            components=like.components,
            given=like.components_given,
            ignore_class=like.file_ignore_class,
            channels=like.channels,
            exif_orientation=decided_orientation(like.exif_orientation),
        )

    def rescan(self, path: PathLike, schema: Mapping, *, channels: int, split: str | None = None) -> data.InstanceIndex:
        """With the ignored labels of the run; masks of the other kind are refused."""
        return _scan_kind(
            path,
            split=split,
            components=schema["components"],
            given=schema["components_given"],
            ignore_class=schema["ignore_class"],
            channels=channels,
            exif_orientation=decided_orientation(schema.get("exif_orientation")),
        )

    def label_schema(self, index: data.InstanceIndex) -> dict:
        """The channels of the model, and how masks are read."""
        return {
            "task": self.name,
            "names": list(INSTANCE_CLASSES),
            "ignore_class": list(index.file_ignore_class),
            "components": index.components,
            "components_given": index.components_given,
            "exif_orientation": index.exif_orientation,
            "image_range": index.image_range,
        }

    def class_statistics(self, index: data.InstanceIndex) -> dict:
        """For background, body and border; also the share of pixels between touching objects, and objects per image."""
        varied = index.object_counts > 0
        shares = class_shares(index, instance_classes, INSTANCE_CLASSES, varied=varied)
        touching = shares["border"]
        if touching < _MIN_TOUCHING_SHARE:
            outlined = functools.partial(instance_classes, outlines=True)
            shares = class_shares(index, outlined, INSTANCE_CLASSES, varied=varied)
        return {
            "num_classes": len(INSTANCE_CLASSES),
            "ignore_class": list(index.ignore_class),
            "class_names": list(INSTANCE_CLASSES),
            "class_share": shares,
            "seam_share": touching,
            "median_objects": float(np.median(index.object_counts)),
        }

    def example_counts(self, index: data.InstanceIndex) -> np.ndarray:
        """Objects per image."""
        return index.object_counts[:, None]

    def plan_choices(self, facts: Mapping) -> list[tuple[str, str, Any, tuple[str, ...]]]:
        """The width of the borders, and where they run."""
        rule = (
            "borders are the pixels between touching objects, or all outlines where those are under "
            f"{_MIN_TOUCHING_SHARE:.1%} of the pixels"
        )
        outlines = ("outlines", rule, facts["seam_share"] < _MIN_TOUCHING_SHARE, ("seam_share",))
        return [*super().plan_choices(facts), outlines]

    def targets(self, dataset: "tf.data.Dataset", index: Any, plan: "Plan") -> "tf.data.Dataset":
        """Background, body and border, made after augmentation so that every crop has borders of the same width."""
        return data.add_instance_targets(dataset, border_width=plan["border_width"], outlines=plan["outlines"])

    def tune(self, model: keras.Model, index: Any) -> dict:
        """As `evaluation.tune_instances` on images of which a quarter at least have objects."""
        sample = tuning_sample(index, TUNED_ON, varied=index.object_counts > 0)
        return evaluation.tune_instances(model, sample, images=TUNED_ON).settings

    def evaluate(
        self, model: keras.Model, index: Any, *, settings: Mapping | None = None, progress: Report | None = None
    ) -> Any:
        """An `evaluation.InstanceEvaluation`."""
        return evaluation.evaluate_instances(model, index, settings=settings, progress=progress)

    def table(self, evaluation: Any) -> ScoreTable:
        """Counts of true and false detections, and the scores."""
        results = evaluation.to_dict()
        counts = {name.replace("_", " "): name for name in ("true_positives", "false_negatives", "false_positives")}
        others = ("panoptic_quality", "segmentation_quality", "recognition_quality", "precision", "recall")
        return ScoreTable(
            headings=("objects at IoU above 0.5", ""),
            details=tuple((label, str(results[name])) for label, name in counts.items()),
            score=("instance score", percent(results["instance_score"])),
            others=tuple((name.replace("_", " "), percent(results[name])) for name in others),
        )

    def panel(self, model: keras.Model, index: Any, positions: Sequence[int], settings: Mapping) -> Image.Image:
        """Image, outlines of true and predicted objects, and how they match."""
        images, truths = examples(index, positions)
        predictions = [inference.instances(predict_one(model, image), **settings) for image in images]
        return visualization.instance_panel(images, truths, predictions)

    def mask_names(self, schema: Mapping) -> None:
        """None: masks hold object numbers."""

    def draw(self, scores: np.ndarray, image: np.ndarray, decoding: Decoding) -> Pictures:
        """The numbers of the objects in a PNG of 16 bits; their outlines as overlay."""
        ids = inference.instances(scores, **decoding.settings)
        if ids.max(initial=0) > np.iinfo("uint16").max:
            raise InputError(
                f"{ids.max()} objects are more than a PNG of 16 bits can number. Cut the image into parts, or save "
                "the array of inference.instances."
            )
        return Image.fromarray(ids.astype("uint16")), Image.fromarray(visualization.outlines(image, ids))


def _scan_kind(
    path: PathLike,
    *,
    split: str | None,
    components: bool,
    given: bool,
    ignore_class: Sequence[int],
    channels: int,
    exif_orientation: str | None,
) -> data.InstanceIndex:
    """The index of a folder whose masks must be of the same kind as those of the training data."""
    index = data.scan_instances(
        path,
        split=split,
        components=components if given else None,
        ignore_class=tuple(ignore_class) or None,
        channels=channels,
        exif_orientation=exif_orientation,
    )
    # Folders of objects, and files of at most one object, mean the same in either reading.
    same = all(pair.mask.is_dir() for pair in index.pairs) or index.object_counts.max() <= 1
    if index.components != components and not same:
        kinds = ("maps that number objects", "black and white masks")
        raise InputError(
            f"{index.path}: holds {kinds[index.components]}, and the training data {kinds[components]}. Give masks of "
            "one kind, or train with `components=True` or `components=False` if both are of that kind."
        )
    return index
