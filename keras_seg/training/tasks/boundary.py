"""Boundary detection: the edges between classes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from PIL import Image

from keras_seg import data, evaluation, report, visualization
from keras_seg._types import PathLike
from keras_seg.data import BOUNDARY_CLASSES
from keras_seg.data.targets.boundary_targets import edges_of
from keras_seg.training.tasks.border_task import BorderTask
from keras_seg.training.tasks.score_table import ScoreTable, percent
from keras_seg.training.tasks.semantic import SemanticTask
from keras_seg.training.tasks.task import (
    Decoding,
    Pictures,
    Report,
    Task,
    class_shares,
    examples,
    predict_one,
    tuning_sample,
)

if TYPE_CHECKING:
    import tensorflow as tf

    from keras_seg.training.plan import Plan

_TUNED_ON = 16
_LINE = (255, 80, 0)


class BoundaryTask(BorderTask, SemanticTask):
    """The edges between the classes of semantic masks, ranked by the F score of thinned lines."""

    name = "boundary"
    scores = ("boundary_f_score", "precision")
    score_label = "boundary F score"
    _examination = staticmethod(report.examine_boundaries)
    class_id_masks = False
    requires = ("skimage.morphology", "scipy.ndimage")
    # SemanticTask's compare the model's channels with the classes of the masks; this model's are edges and the rest.
    adjust, shared_scores = Task.adjust, Task.shared_scores

    def rescan(self, path: PathLike, schema: Mapping, *, channels: int, split: str | None = None) -> data.FolderIndex:
        """With the classes of the run's masks."""
        return super().rescan(path, {**schema, "names": schema["mask_names"]}, channels=channels, split=split)

    def label_schema(self, index: data.FolderIndex) -> dict:
        """The channels of the model, and the classes of the masks."""
        return {
            "task": self.name,
            "names": list(BOUNDARY_CLASSES),
            "ignore_class": list(index.ignore_class),
            "mask_names": list(index.class_names),
            "reading": index.encoding.get_config(),
            "exif_orientation": index.exif_orientation,
            "image_range": index.image_range,
        }

    def class_statistics(self, index: data.FolderIndex) -> dict:
        """For edges and everything else."""

        def edges(mask: np.ndarray) -> np.ndarray:
            return edges_of(mask, 2, index.ignore_class)

        return {
            "num_classes": len(BOUNDARY_CLASSES),
            "ignore_class": [-1] if index.ignore_class else [],
            "class_names": list(BOUNDARY_CLASSES),
            "class_share": class_shares(index, edges, BOUNDARY_CLASSES, varied=_with_edges(index)),
        }

    def targets(self, dataset: "tf.data.Dataset", index: Any, plan: "Plan") -> "tf.data.Dataset":
        """Edges, made after augmentation so that every crop has lines of the same width."""
        return data.add_boundary_targets(dataset, width=plan["border_width"], ignore_class=index.ignore_class or None)

    def tune(self, model: keras.Model, index: Any) -> dict:
        """The threshold with the best F score on images of which a quarter at least have edges."""
        sample = tuning_sample(index, _TUNED_ON, varied=_with_edges(index))
        return {"threshold": evaluation.evaluate_boundaries(model, sample).best_threshold}

    def evaluate(
        self, model: keras.Model, index: Any, *, settings: Mapping | None = None, progress: Report | None = None
    ) -> Any:
        """An `evaluation.BoundaryEvaluation`."""
        return evaluation.evaluate_boundaries(model, index, **(settings or {}), progress=progress)

    def quick_scores(self, model: keras.Model, index: Any) -> dict:
        """At one threshold."""
        return evaluation.evaluate_boundaries(model, index, thresholds=()).to_dict()

    def table(self, evaluation: Any) -> ScoreTable:
        """F score, precision and recall of the edges."""
        results = evaluation.to_dict()
        others = [(name, percent(results[name])) for name in ("precision", "recall")]
        return ScoreTable(
            headings=(f"edges, tolerance {100 * results['tolerance_ratio']:.2f} % of the diagonal", ""),
            details=(),
            score=("boundary F score", percent(results["boundary_f_score"])),
            others=(*others, ("threshold", f"{results['threshold']:g}")),
        )

    def panel(self, model: keras.Model, index: Any, positions: Sequence[int], settings: Mapping) -> Image.Image:
        """Image, true edges, probability and lines."""
        images, masks = examples(index, positions)
        probabilities = [predict_one(model, image)[..., 1] for image in images]
        lines = [evaluation.boundary_lines(probability, **settings) for probability in probabilities]
        truths = [edges_of(mask, 1, index.ignore_class) for mask in masks]
        return visualization.boundary_panel(images, truths, probabilities, lines=lines)

    def mask_names(self, schema: Mapping) -> Sequence[str]:
        """1 on the lines, elsewhere 0, which is the background."""
        return ("background", "boundary")

    def draw(self, scores: np.ndarray, image: np.ndarray, decoding: Decoding) -> Pictures:
        """The lines as 1 in a palette PNG; the same lines as overlay."""
        lines = evaluation.boundary_lines(scores[..., 1], **decoding.settings)
        picture = Image.fromarray(lines.astype("uint8"))
        picture.putpalette(bytes((0, 0, 0, *_LINE)))
        return picture, Image.fromarray(visualization.outlines(image, lines.astype("int32"), color=_LINE))


def _with_edges(index: data.FolderIndex) -> np.ndarray:
    """bool array (examples,). Which masks hold more than one class."""
    return index.presence.sum(axis=1) > 1
