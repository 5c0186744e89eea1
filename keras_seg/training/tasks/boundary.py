"""The edges between classes."""

import numpy as np
from PIL import Image

from keras_seg import _validation, data, evaluation, visualization
from keras_seg.data import BOUNDARY_CLASSES
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.data.targets.boundary_targets import edges_of
from keras_seg.training.tasks.scores_of import scores_of
from keras_seg.training.tasks.semantic import SemanticTask
from keras_seg.training.tasks.target_shares import target_shares

_TUNED_ON = 16
_LINE = (255, 80, 0)


class BoundaryTask(SemanticTask):
    """Where the edges between the classes of semantic masks run, judged by the F score of thinned lines."""

    name = "boundary"
    scores = ("boundary_f_score", "precision")

    def check_installed(self):
        """scikit-image and SciPy."""
        _validation.optional_import("skimage.morphology", "instances", "--task boundary")
        _validation.optional_import("scipy.ndimage", "instances", "--task boundary")

    def scan_again(self, path, split, labels, channels):
        """With the classes of the run's masks."""
        return super().scan_again(path, split, {**labels, "names": labels["mask_names"]}, channels)

    def labels(self, index):
        """The channels of the net, and the classes of the masks."""
        return {
            "task": self.name,
            "names": list(BOUNDARY_CLASSES),
            "ignore_class": list(index.ignore_class),
            "mask_names": list(index.class_names),
        }

    def class_facts(self, index):
        """Of edges and what lies between."""
        return {
            "num_classes": len(BOUNDARY_CLASSES),
            "ignore_class": [-1] if index.ignore_class else [],
            "class_names": list(BOUNDARY_CLASSES),
            "class_share": target_shares(index, lambda mask: edges_of(mask, 2, index.ignore_class), BOUNDARY_CLASSES),
        }

    def targets(self, dataset, index, plan):
        """Edges, made after augmentation, so that a line is as wide in every crop."""
        return data.add_boundary_targets(dataset, width=plan["border_width"], ignore_class=index.ignore_class or None)

    def tune(self, model, index):
        """The threshold of the best F score."""
        some = index.subset(np.unique(np.linspace(0, len(index) - 1, min(_TUNED_ON, len(index))).astype(int)))
        return {"threshold": evaluation.evaluate_boundaries(model, some).best_threshold}

    def evaluate(self, model, index, settings=None, progress=None):
        """An `evaluation.BoundaryEvaluation`."""
        return evaluation.evaluate_boundaries(model, index, **(settings or {}), progress=progress)

    def check_in(self, model, index):
        """At one threshold."""
        return evaluation.evaluate_boundaries(model, index, thresholds=()).to_dict()

    def panel(self, model, index, positions, settings):
        """Image, true edges, probability and lines."""
        store = DecodedStore(index)
        images, masks = zip(*(store.get(position) for position in positions), strict=True)
        probabilities = [scores_of(model, image)[..., 1] for image in images]
        lines = [evaluation.boundary_lines(probability, **settings) for probability in probabilities]
        truths = [edges_of(mask, 1, index.ignore_class) for mask in masks]
        return visualization.boundary_panel(images, truths, probabilities, lines=lines)

    def draw(self, scores, image, settings, names):
        """The lines, 1 in a palette PNG; the same over the image."""
        lines = evaluation.boundary_lines(scores[..., 1], **settings)
        picture = Image.fromarray(lines.astype("uint8"))
        picture.putpalette(bytes((0, 0, 0, *_LINE)))
        return picture, Image.fromarray(visualization.outlines(image, lines.astype("int32"), color=_LINE))
