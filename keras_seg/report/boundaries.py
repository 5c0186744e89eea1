"""The report on a boundary model."""

import time
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_seg._page.blocks import Charts, Pictures, Section, Table
from keras_seg._page.charts import line_chart
from keras_seg._text import counted
from keras_seg._types import Progress
from keras_seg.data import FolderIndex
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.data.targets.boundary_targets import edges_of
from keras_seg.evaluation import BoundaryEvaluation, boundary_lines, evaluate_boundaries
from keras_seg.report.examination import Examination, Settings, examined, interval_over_images, passed, points
from keras_seg.report.shown_images import chosen, photo_row
from keras_seg.visualization.boundary_panel import LEGEND, TITLES, boundary_row

_HEIGHT = 360


def examine_boundaries(
    model: keras.Model, index: FolderIndex, *, settings: Settings = None, most: int = 200, progress: Progress = None
) -> Examination:
    """Examine a boundary model on labeled images.

    Args:
        model: keras.Model with two output channels, inside and boundary.
        index: `data.FolderIndex` of images that the model was not trained on.
        settings: dict or None. The tuned `threshold`. Defaults to None.

    Other arguments: those of `examine_semantic`.

    Returns:
        An `Examination`: F score with its interval, precision and recall per threshold, and images.

    Raises:
        InputError: the model does not have two channels, has several outputs or predicts NaN.
    """
    began = time.perf_counter()
    shown = examined(index, most)
    result = evaluate_boundaries(model, shown, **(settings or {}), progress=progress)
    at = result.thresholds.index(result.threshold)
    of_images = _f_score(result.counts[:, at])
    counts = result.counts[:, at].astype("float64")
    ends = interval_over_images(counts, _f_score)
    return Examination(
        **passed(shown, index, began),
        summary=(
            f"Boundary F score is {points(result.f_score)} on {counted(len(shown), 'image')}{ends}: "
            f"{points(result.precision)} % of the predicted lines lie at an edge, and {points(result.recall)} % of the "
            "edges have a line."
        ),
        facts=(
            (points(result.f_score), "boundary F score"),
            (points(result.precision), "precision"),
            (points(result.recall), "recall"),
            (f"{result.threshold:g}", "threshold"),
        ),
        sections=(
            Section(title="Thresholds", blocks=(_curves(result),)),
            Section(title="Images", blocks=(_images(model, shown, of_images, settings or {}),)),
        ),
    )


def _f_score(counts: np.ndarray) -> np.ndarray:
    """F scores of counts (..., 4) as `BoundaryEvaluation` has them."""
    lines, found_lines, edges, found_edges = np.moveaxis(np.asarray(counts, "float64"), -1, 0)
    precision = np.where(lines > 0, found_lines / np.maximum(lines, 1), 1.0)
    recall = np.where(edges > 0, found_edges / np.maximum(edges, 1), 1.0)
    return 2 * precision * recall / np.maximum(precision + recall, 1e-12)


def _curves(result: BoundaryEvaluation) -> Charts:
    rows = zip(result.thresholds, result.precisions, result.recalls, result.f_scores, strict=True)
    table = tuple((f"{t:g}", points(p), points(r), points(f)) for t, p, r, f in rows)
    series = [
        (name, [(t, float(v)) for t, v in zip(result.thresholds, values, strict=True)])
        for name, values in (("precision", result.precisions), ("recall", result.recalls))
    ]
    best = f"The best F score is at the threshold {result.best_threshold:g}."
    label = "threshold of the probability"
    chart = line_chart(series, title="Lines", x_label=label, limits=(0, 1), dots=True, description=best)
    numbers = Table(
        caption="Numbers: precision and recall per threshold",
        headings=("threshold", "precision", "recall", "F score"),
        rows=table,
        numbers=(1, 2, 3),
        folded=True,
    )
    return Charts(items=((chart, numbers),))


def _images(model: keras.Model, index: FolderIndex, scores: np.ndarray, settings: Mapping[str, Any]) -> Pictures:
    store, rows = DecodedStore(index), []
    for name, position in chosen(scores):
        image, mask = store.get(position)
        probability = np.asarray(model.predict_on_batch(np.asarray(image, "float32")[None]))[0, ..., 1]
        line = boundary_lines(probability, **settings)
        truth = edges_of(mask, 1, index.ignore_class)
        drawn = boundary_row(image, truth, probability, line=line, height=_HEIGHT)
        file = index.pairs[position].image.name
        score = f"F score {points(float(scores[position]))}"
        rows.append(photo_row(name, file, drawn, titles=TITLES, score=score))
    return Pictures(
        rows=tuple(rows), legend=tuple(("#{:02x}{:02x}{:02x}".format(*color), label) for label, color in LEGEND)
    )
