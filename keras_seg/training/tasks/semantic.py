"""A class for every pixel."""

from PIL import Image

from keras_seg import data, evaluation, inference, visualization
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.inference.predict_classes import class_ids
from keras_seg.training.tasks.task import Task


class SemanticTask(Task):
    """A class for every pixel, judged by the mean IoU."""

    name = "semantic"
    scores = ("mean_iou", "pixel_accuracy")
    expects = "masks that hold the id of a class at every pixel"

    def splits(self, path):
        """As `data.find_splits`."""
        return data.find_splits(path)

    def scan(self, path, split=None, like=None, **options):
        """As `data.scan_folder`."""
        options = self.refuse(options, "components")
        if like is not None:
            options = {"encoding": like.encoding, "channels": options.get("channels") or like.channels}
        return data.scan_folder(path, split=split, **options)

    def scan_again(self, path, split, labels, channels):
        """With the classes of the run."""
        return data.scan_folder(
            path,
            split=split,
            num_classes=len(labels["names"]),
            ignore_class=tuple(labels["ignore_class"]) or None,
            class_names=labels["names"],
            channels=channels,
        )

    def labels(self, index):
        """The names of the classes, and the labels that do not count."""
        return {"names": list(index.class_names), "ignore_class": list(index.ignore_class)}

    def class_facts(self, index):
        """As the scan found them."""
        pixels = index.class_pixels.astype("float64")
        shares = pixels / max(1.0, pixels.sum())
        return {
            "num_classes": index.num_classes,
            "ignore_class": list(index.ignore_class),
            "class_names": list(index.class_names),
            "class_share": {name: float(share) for name, share in zip(index.class_names, shares, strict=True)},
        }

    def targets(self, dataset, index, plan):
        """The masks themselves."""
        return dataset

    def evaluate(self, model, index, settings=None, progress=None):
        """An `evaluation.Evaluation`."""
        return evaluation.evaluate(model, index, progress=progress)

    def panel(self, model, index, positions, settings):
        """Image, truth, prediction and wrong pixels."""
        store = DecodedStore(index)
        images, masks = zip(*(store.get(position) for position in positions), strict=True)
        predictions = [inference.predict_classes(model, image[None])[0] for image in images]
        return visualization.prediction_panel(images, masks, predictions, class_names=index.class_names)

    def draw(self, scores, image, settings, names):
        """Ids in a palette PNG, of 16 bits with more than 256 classes; the classes' colors over the image."""
        mask = class_ids(scores).astype("uint8" if len(names) <= 256 else "uint16")
        return class_pictures(image, mask, names)


def class_pictures(image, mask, names):
    """A mask of class ids as a file, and its colors over the image."""
    colors = visualization.palette(len(names))
    picture = Image.fromarray(mask)
    if mask.dtype == "uint8":
        picture.putpalette(colors.tobytes())
    return picture, Image.fromarray(visualization.overlay(image, mask, colors))
