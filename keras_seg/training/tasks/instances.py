"""Objects, told apart."""

import numpy as np
from PIL import Image

from keras_seg import _validation, data, evaluation, inference, visualization
from keras_seg._validation import InputError
from keras_seg.data import INSTANCE_CLASSES
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.training.tasks.scores_of import scores_of
from keras_seg.training.tasks.seams import FEWEST_SEAMS
from keras_seg.training.tasks.target_shares import target_shares
from keras_seg.training.tasks.task import Task


class InstancesTask(Task):
    """Background, body and border of objects, put together by a watershed and judged by the instance score."""

    name = "instances"
    scores = ("instance_score", "panoptic_quality")
    expects = "maps that number the objects of an image, a folder of one mask an object, or black and white masks"

    def check_installed(self):
        """scikit-image and SciPy."""
        _validation.optional_import("skimage.segmentation", "instances", "--task instances")
        _validation.optional_import("scipy.ndimage", "instances", "--task instances")

    def splits(self, path):
        """As `data.find_instance_splits`."""
        return data.find_instance_splits(path)

    def scan(self, path, split=None, like=None, **options):
        """As `data.scan_instances`."""
        options = self.refuse(options, "num_classes", "class_names")
        if like is None:
            return data.scan_instances(path, split=split, **options)
        options = {**options, "ignore_class": like.file_ignore_class or None}
        options.pop("components", None)
        return _scan_like(path, split, like.components, like.components_given, **options)

    def scan_again(self, path, split, labels, channels):
        """Read as the run's data; maps of the other kind are refused."""
        ignored = tuple(labels["ignore_class"]) or None
        options = {"ignore_class": ignored, "channels": channels}
        return _scan_like(path, split, labels["components"], labels["components_given"], **options)

    def labels(self, index):
        """The channels of the net, and how maps are read."""
        return {
            "task": self.name,
            "names": list(INSTANCE_CLASSES),
            "ignore_class": list(index.file_ignore_class),
            "components": index.components,
            "components_given": index.components_given,
        }

    def class_facts(self, index):
        """Of background, body and border."""
        shares = target_shares(index, lambda ids: data.instance_targets(ids).classes, INSTANCE_CLASSES)
        seams = shares["border"]
        if seams < FEWEST_SEAMS:
            shares = target_shares(
                index, lambda ids: data.instance_targets(ids, outlines=True).classes, INSTANCE_CLASSES
            )
        return {
            "num_classes": len(INSTANCE_CLASSES),
            "ignore_class": list(index.ignore_class),
            "class_names": list(INSTANCE_CLASSES),
            "class_share": shares,
            "seam_share": seams,
            "median_objects": float(np.median(index.object_counts)),
        }

    def targets(self, dataset, index, plan):
        """Background, body and border, made after augmentation, so that a border is as wide in every crop."""
        return data.add_instance_targets(dataset, border_width=plan["border_width"], outlines=plan["outlines"])

    def tune(self, model, index):
        """As `evaluation.tune_instances`."""
        return evaluation.tune_instances(model, index).settings

    def evaluate(self, model, index, settings=None, progress=None):
        """An `evaluation.InstanceEvaluation`."""
        return evaluation.evaluate_instances(model, index, settings=settings, progress=progress)

    def panel(self, model, index, positions, settings):
        """Image, outlines of true and predicted objects, and which were found."""
        store = DecodedStore(index)
        images, truths = zip(*(store.get(position) for position in positions), strict=True)
        predictions = [inference.instances(scores_of(model, image), **settings) for image in images]
        return visualization.instance_panel(images, truths, predictions)

    def draw(self, scores, image, settings, names):
        """The numbers of the objects in a PNG of 16 bits; their outlines over the image."""
        ids = inference.instances(scores, **settings)
        if ids.max(initial=0) > np.iinfo("uint16").max:
            raise InputError(
                f"{ids.max()} objects are more than a PNG of 16 bits can number. Cut the image into parts, or take "
                "inference.instances and numpy.save."
            )
        return Image.fromarray(ids.astype("uint16")), Image.fromarray(visualization.outlines(image, ids))


def _scan_like(path, split, components, given, **options):
    """The index of a folder whose masks must be of the kind of the training data's."""
    index = data.scan_instances(path, split=split, components=components if given else None, **options)
    # Folders of objects, and files of at most one, say the same in either reading.
    same = all(pair.mask.is_dir() for pair in index.pairs) or index.object_counts.max() <= 1
    if index.components != components and not same:
        kinds = ("maps that number objects", "black and white masks")
        raise InputError(
            f"{index.path}: holds {kinds[index.components]}, and the training data {kinds[components]}. "
            "Give masks of one kind, or train with --components or --no-components if both are of that."
        )
    return index
