"""The report on a model whose classes may overlap."""

import time

import keras

from keras_seg._labels.class_bits import packed
from keras_seg._page.blocks import Pictures, Section
from keras_seg._text import counted
from keras_seg._types import Progress
from keras_seg.data import MultiLabelIndex
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.evaluation.multilabel import MultiLabelEvaluation, evaluate_multilabel, predicted_classes
from keras_seg.report.class_table import class_table, hex_color
from keras_seg.report.examination import Examination, Settings, examined, passed, points
from keras_seg.report.shown_images import chosen, photo_row
from keras_seg.visualization import palette
from keras_seg.visualization.prediction_panel import TITLES, prediction_row


def examine_multilabel(
    model: keras.Model, index: MultiLabelIndex, *, settings: Settings = None, most: int = 200, progress: Progress = None
) -> Examination:
    """Examine a model of overlapping classes on labeled images.

    Args:
        model: keras.Model with a channel per class.
        index: `data.MultiLabelIndex` of images that the model was not trained on.
        settings: unused: nothing is tuned for this task. Defaults to None.

    Other arguments: those of `examine_semantic`.

    Returns:
        An `Examination`: IoU per class with intervals, precision and recall, and images.

    Raises:
        InputError: the model and the data have different classes, the model has several outputs or predicts NaN.
    """
    began = time.perf_counter()
    shown = examined(index, most)
    result = evaluate_multilabel(model, shown, progress=progress)
    interval = result.mean_iou_interval()
    ends = "" if interval is None else " (95 % interval {} to {})".format(*map(points, interval))
    pixels = result.counts[..., 1, :].sum(axis=(0, 2))
    columns = result.by_class("precision"), result.by_class("recall"), pixels / max(1, result.counts[:, 0].sum())
    blocks = class_table(result.class_names, result.iou, result.iou_intervals(), columns)
    return Examination(
        **passed(shown, index, began),
        summary=f"Mean IoU of classes that may overlap is {points(result.mean_iou)} on "
        f"{counted(len(shown), 'image')}{ends}.",
        facts=(
            (points(result.mean_iou), "mean IoU"),
            (points(result.to_dict()["mean_dice"]), "mean Dice"),
            (f"{len(shown):,}", "images examined"),
        ),
        sections=(
            Section(title="Classes", blocks=tuple(blocks)),
            Section(title="Images", blocks=(_images(model, shown, result),)),
        ),
    )


def _images(model: keras.Model, index: MultiLabelIndex, result: MultiLabelEvaluation) -> Pictures:
    store, colors, rows = DecodedStore(index), palette(index.num_classes), []
    of_images = result.image_scores
    for name, position in chosen(of_images):
        image, truth = store.get(position)
        prediction = packed(predicted_classes(model, image))
        drawn = prediction_row(image, truth, prediction, colors=colors, overlapping=True)
        file = index.pairs[position].image.name
        score = f"Mean IoU {points(float(of_images[position]))}"
        rows.append(photo_row(name, file, drawn, titles=TITLES, score=score))
    legend = [(hex_color(color), class_) for class_, color in zip(index.class_names, colors, strict=True)]
    return Pictures(rows=tuple(rows), legend=tuple(legend))
