"""The report on a model of separate objects."""

import time
from collections.abc import Sequence

import keras
import numpy as np

from keras_seg._page.blocks import Charts, Pictures, Section, Table, Text
from keras_seg._page.charts import line_chart
from keras_seg._text import counted
from keras_seg._types import Progress
from keras_seg.data import InstanceIndex
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.evaluation.batching import each_prediction, labeled_objects
from keras_seg.evaluation.instances import check_settings, without_void
from keras_seg.evaluation.packed_maps import PackedMaps
from keras_seg.inference.objects.instances import instances
from keras_seg.metrics.instance_score import THRESHOLDS, instance_counts
from keras_seg.metrics.segment_matching import instance_ious, score_of_counts
from keras_seg.report.examination import Examination, Settings, examined, interval_over_images, passed, points
from keras_seg.report.object_recall import by_side, recall_chart
from keras_seg.report.shown_images import chosen, photo_row
from keras_seg.visualization.instance_panel import LEGEND, TITLES, instance_row

_HEIGHT = 360


def examine_instances(
    model: keras.Model, index: InstanceIndex, *, settings: Settings = None, most: int = 200, progress: Progress = None
) -> Examination:
    """Examine an instance model on labeled images, in one pass.

    Args:
        model: keras.Model with three output channels, background, body and border.
        index: `data.InstanceIndex` of images that the model was not trained on.
        settings: dict or None. Tuned arguments of `inference.instances`. Defaults to None.

    Other arguments: those of `examine_semantic`.

    Returns:
        An `Examination`: instance score with its interval, score per overlap, recall by size, and images.

    Raises:
        InputError: the model does not have three channels, has several outputs or predicts NaN, or a setting is
            unknown.
    """
    began = time.perf_counter()
    checked, shown = check_settings(settings), examined(index, most)
    labeled = labeled_objects(shown, split=None, ignore_class=None, batch_size=4)
    counts: np.ndarray = np.zeros((len(shown), len(THRESHOLDS), 3), "int64")
    maps, recalls = PackedMaps(), []
    for position, ids, probabilities in each_prediction(model, labeled, channels=3, progress=progress):
        true, predicted = without_void(ids, instances(probabilities, **checked))
        counts[position] = instance_counts(true, predicted)
        recalls.append(_recalls(true, predicted))
        maps[position] = predicted.astype("int32")
    of_images = score_of_counts(counts)
    ends = interval_over_images(of_images[:, None], lambda sums: sums[:, 0] / len(shown))
    found, extra, missed = (int(value) for value in counts[:, 0].sum(axis=0))
    return Examination(
        **passed(shown, index, began),
        summary=(
            f"Instance score is {points(of_images.mean())} on {counted(len(shown), 'image')}{ends}: {found:,} of "
            f"{counted(found + missed, 'object')} were found, and {extra:,} predicted objects are false."
        ),
        facts=(
            (points(of_images.mean()), "instance score"),
            (points(found / (found + missed)) if found + missed else "none", "recall, % of objects"),
            (points(found / (found + extra)) if found + extra else "none", "precision, % of objects"),
            (f"{len(shown):,}", "images examined"),
        ),
        sections=(
            Section(title="Objects", blocks=(_charts(counts, recalls), Text(text=_EXPLAINED, soft=True))),
            Section(title="Images", blocks=(_images(shown, of_images, maps),)),
        ),
    )


_EXPLAINED = (
    "An object is found if its intersection over union with a predicted one exceeds a threshold, 0.5 for the recall by "
    "size; the instance score is the mean over the thresholds of found / (found + missed + false)."
)


def _recalls(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """float (objects, 2): the side of each true object, and 1 if it was found or 0."""
    _, iou = instance_ious(true, predicted)
    sizes = np.unique(true[true > 0], return_counts=True)[1]
    found = (iou > 0.5).any(axis=1) if iou.size else np.zeros(len(sizes), bool)
    return np.stack([np.sqrt(sizes), found.astype("float64")], axis=1)


def _charts(counts: np.ndarray, recalls: Sequence[np.ndarray]) -> Charts:
    by_threshold = [float(score_of_counts(counts[:, [place]]).mean()) for place in range(len(THRESHOLDS))]
    curve = line_chart(
        [("score", [(t, 100 * value) for t, value in zip(THRESHOLDS, by_threshold, strict=True)])],
        title="Score, %",
        x_label="intersection over union that counts as found",
        dots=True,
        description=f"From {points(by_threshold[0])} percent at 0.5 to {points(by_threshold[-1])} percent at 0.95.",
    )
    rows = tuple((f"{t:g}", points(value)) for t, value in zip(THRESHOLDS, by_threshold, strict=True))
    headings = ("overlap", "score, %")
    numbers = Table(caption="Numbers: score by overlap", headings=headings, rows=rows, numbers=(1,), folded=True)
    bins = by_side(np.concatenate(recalls))
    bars = recall_chart(bins, title="Objects found, %")
    of_sizes = tuple((name, points(recall), f"{count:,}") for name, count, recall, _ in bins)
    headings = ("side, pixels", "found, %", "objects")
    sizes = Table(caption="Numbers: recall by size", headings=headings, rows=of_sizes, numbers=(1, 2), folded=True)
    return Charts(items=((curve, numbers), (bars, sizes)))


def _images(index: InstanceIndex, scores: np.ndarray, maps: PackedMaps) -> Pictures:
    store, rows = DecodedStore(index), []
    for name, position in chosen(scores):
        image, ids = store.get(position)
        drawn = instance_row(image, ids.astype("int64"), maps[position].astype("int64"), height=_HEIGHT)
        file = index.pairs[position].image.name
        score = f"Instance score {points(float(scores[position]))}"
        rows.append(photo_row(name, file, drawn, titles=TITLES, score=score))
    return Pictures(
        rows=tuple(rows), legend=tuple(("#{:02x}{:02x}{:02x}".format(*color), label) for label, color in LEGEND)
    )
