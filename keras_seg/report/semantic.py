"""The report on a model of one class per pixel: semantic, binary and single-channel."""

import time
from collections.abc import Sequence

import keras
import numpy as np

from keras_seg._page.blocks import Block, Cell, Charts, PictureRow, Pictures, Section, Table, Text
from keras_seg._page.charts import bar_chart, line_chart
from keras_seg._text import counted
from keras_seg._types import Progress
from keras_seg.data import FolderIndex
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.evaluation import Calibration, fit_temperature
from keras_seg.evaluation.batching import each_prediction, labeled_classes, output_channels
from keras_seg.evaluation.image_matrix import image_matrix
from keras_seg.evaluation.packed_maps import PackedMaps
from keras_seg.evaluation.postprocessing_choice import chosen_postprocessing
from keras_seg.inference.output_kind import class_ids, output_kind
from keras_seg.metrics import ConfusionMatrix, confidence_interval, iou_intervals, scores
from keras_seg.report import error_distance, object_recall
from keras_seg.report.class_table import class_table, hex_color
from keras_seg.report.examination import Examination, Settings, examined, passed, points
from keras_seg.report.postprocessing import cleaned_words, postprocessing_blocks
from keras_seg.report.shown_images import chosen, picture
from keras_seg.visualization import palette
from keras_seg.visualization.prediction_panel import TITLES, prediction_row

# Numbers that the temperature is fitted on: pixels times classes. More pixels no longer move it.
_SAMPLED = 2_000_000
_LARGEST_MATRIX = 24
_MOST_CONFUSIONS = 8
_LEAST_PROBABILITY = 1e-9


def examine_semantic(
    model: keras.Model,
    index: FolderIndex,
    *,
    settings: Settings = None,
    most: int = 200,
    seed: int = 0,
    progress: Progress = None,
) -> Examination:
    """Examine a semantic segmentation model on labeled images, in one pass.

    Args:
        model: keras.Model with one output of scores.
        index: `data.FolderIndex` of images that the model was not trained on.
        settings: dict, such as decoding.json of a run: its "postprocessing" is a `PostprocessingChoice.to_dict`.
            Defaults to None, for no postprocessing.
        most: int. Largest number of images; of more, evenly spread ones are taken. Defaults to 200.
        seed: int. Of the bootstrap and of the pixels that the temperature is fitted on. Defaults to 0.
        progress: as for `evaluation.evaluate`. Defaults to None.

    Returns:
        An `Examination`: IoU per class with intervals, confusion matrix, errors by distance from the edges, recall by
        size, calibration, the postprocessing that was tried, and the best, median and worst images.

    Raises:
        InputError: the model and the data have different classes, the model has several outputs or predicts NaN.
    """
    began = time.perf_counter()
    shown, clean = examined(index, most), chosen_postprocessing(settings)
    classes, kind = max(2, output_channels(model)), output_kind(model)
    labeled = labeled_classes(shown, split=None, ignore_class=None, model_classes=classes, batch_size=4)
    ignored, metric = labeled.ignore_class, ConfusionMatrix(classes, ignore_class=labeled.ignore_class)
    sample = _Sample(max(1, _SAMPLED // classes // len(shown)), seed)
    matrices, maps = np.zeros((len(shown), classes, classes)), PackedMaps()
    distances: np.ndarray = np.zeros((len(error_distance.NAMES), 2), "int64")
    regions = []
    for position, mask, prediction in each_prediction(model, labeled, progress=progress):
        ids = clean(class_ids(prediction, kind))
        matrices[position] = image_matrix(metric, mask, ids)
        distances += error_distance.errors_by_distance(mask, ids, ignored)
        if object_recall.can_count_objects():
            regions.append(object_recall.region_recalls(mask, ids, ignored))
        if kind != "unknown":
            sample.add(_log_scores(prediction, kind), mask, ~np.isin(mask, ignored), position)
        maps[position] = ids.astype("uint8" if classes <= 256 else "uint16")
    calibration = sample.fit()
    return Examination(
        **passed(shown, index, began),
        summary=_summary(matrices, shown, distances, seed) + cleaned_words(clean, shown.class_names),
        facts=_facts(matrices, ignored),
        sections=tuple(
            Section(title=title, blocks=tuple(blocks))
            for title, blocks in (
                ("Classes", _classes(matrices, shown, seed)),
                ("Confusions", _confusions(matrices.sum(axis=0), shown.class_names)),
                ("Edges and sizes", _where(distances, regions)),
                ("Calibration", _calibration(calibration)),
                ("Postprocessing", postprocessing_blocks(settings, shown.class_names)),
                ("Images", [_images(shown, matrices, maps)]),
            )
            if blocks
        ),
    )


class _Sample:
    """Log-scores and classes of some pixels of every image."""

    def __init__(self, pixels: int, seed: int) -> None:
        self.pixels, self.seed = pixels, seed
        self.logits: list[np.ndarray] = []
        self.labels: list[np.ndarray] = []

    def add(self, log_scores: np.ndarray, mask: np.ndarray, counted: np.ndarray, position: int) -> None:
        places = np.flatnonzero(counted)
        if len(places) > self.pixels:
            # A generator per image: the choice does not depend on the order in which the images come.
            random = np.random.default_rng((self.seed, position))
            places = np.sort(random.choice(places, self.pixels, replace=False))
        self.logits.append(log_scores.reshape(-1, log_scores.shape[-1])[places])
        self.labels.append(mask.ravel()[places])

    def fit(self) -> Calibration | None:
        if not sum(map(len, self.labels)):
            return None
        logits = np.concatenate(self.logits)
        return fit_temperature(logits, np.concatenate(self.labels)) if np.isfinite(logits).all() else None


def _log_scores(prediction: np.ndarray, kind: str) -> np.ndarray:
    """Logits (height, width, classes) of scores; those of a single channel are 0 for class 0."""
    prediction = np.asarray(prediction, "float64")
    if kind == "probabilities":
        if prediction.shape[-1] == 1:
            prediction = np.concatenate([1 - prediction, prediction], axis=-1)
        return np.log(np.maximum(prediction, _LEAST_PROBABILITY))
    return np.concatenate([np.zeros_like(prediction), prediction], -1) if prediction.shape[-1] == 1 else prediction


def _summary(matrices: np.ndarray, index: FolderIndex, distances: np.ndarray, seed: int) -> str:
    total, names, ignored = matrices.sum(axis=0), index.class_names, index.ignore_class
    ends = ""
    if len(matrices) > 1 and total.any():
        interval = confidence_interval(matrices, ignore_class=ignored, seed=seed)
        ends = f" (95 % interval {points(interval.low)} to {points(interval.high)})"
    mean_iou = scores.mean_iou(total, ignore_class=ignored)
    text = f"Mean IoU is {points(mean_iou)} on {counted(len(matrices), 'image')}{ends}."
    iou = scores.iou_per_class(total, ignore_class=ignored)
    if np.isfinite(iou).sum() > 1:
        best, worst = int(np.nanargmax(iou)), int(np.nanargmin(iou))
        text += f" Best class: {names[best]} ({points(iou[best])}); worst: {names[worst]} ({points(iou[worst])})."
    wrong = distances[:, 1].sum()
    if wrong:
        share = distances[:2, 1].sum() / wrong
        text += f" {100 * share:.0f} % of the wrong pixels lie within 2 pixels of an edge between classes."
    return text


def _facts(matrices: np.ndarray, ignored: Sequence[int]) -> tuple[tuple[str, str], ...]:
    total = matrices.sum(axis=0)
    return (
        (points(scores.mean_iou(total, ignore_class=ignored)), "mean IoU"),
        (points(scores.pixel_accuracy(total, ignore_class=ignored)), "pixel accuracy"),
        (f"{len(matrices):,}", "images examined"),
    )


def _classes(matrices: np.ndarray, index: FolderIndex, seed: int) -> list[Block]:
    total, ignored = matrices.sum(axis=0), index.ignore_class
    pixels = total.sum(axis=1)
    iou, precision, recall = (
        score(total, ignore_class=ignored)
        for score in (scores.iou_per_class, scores.precision_per_class, scores.recall_per_class)
    )
    ends = iou_intervals(matrices, ignore_class=ignored, seed=seed)[:, 1:] if len(matrices) > 1 else None
    columns = precision, recall, pixels / max(1, pixels.sum())
    return class_table(index.class_names, iou, ends, columns, ignored=ignored)


def _confusions(total: np.ndarray, names: Sequence[str]) -> list[Block]:
    rows_of = total.sum(axis=1)
    wrong = total - np.diag(np.diag(total))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_CONFUSIONS]
    largest = []
    for true, predicted in zip(*np.unravel_index(order, wrong.shape), strict=True):
        if wrong[true, predicted]:
            of_class = f"{100 * wrong[true, predicted] / rows_of[true]:.1f} %"
            share = f"{100 * wrong[true, predicted] / wrong.sum():.1f} %"
            largest.append((names[true], names[predicted], of_class, share))
    blocks: list[Block] = []
    if largest:
        headings = ("true class", "predicted as", "share of the true class", "share of all errors")
        blocks.append(Table(caption="The largest confusions", headings=headings, rows=tuple(largest), numbers=(2, 3)))
    if len(names) <= _LARGEST_MATRIX:
        shares = total / np.maximum(rows_of, 1)[:, None]
        rows = [
            (name, *(Cell(text=f"{100 * share:.0f}" if share else "", shade=float(share)) for share in row))
            for name, row in zip(names, shares, strict=True)
        ]
        blocks.append(
            Table(
                caption="Confusion matrix: of the pixels of each class (row), how many percent are predicted as which",
                headings=("true class", *names),
                rows=tuple(rows),
                numbers=tuple(range(1, len(names) + 1)),
                square=True,
            )
        )
    return blocks


def _where(distances: np.ndarray, regions: Sequence[np.ndarray]) -> list[Block]:
    rates = [float(wrong / pixels) if pixels else np.nan for pixels, wrong in distances]
    everything = max(1, distances[:, 1].sum())
    rows = [
        (name, points(rate), f"{100 * wrong / everything:.1f}", f"{pixels:,}")
        for name, rate, (pixels, wrong) in zip(error_distance.NAMES, rates, distances, strict=True)
    ]
    edge = points(rates[0])
    inside = points(rates[-1])
    chart = bar_chart(
        [(name, 100 * rate) for name, rate in zip(error_distance.NAMES, rates, strict=True)],
        title="Wrong pixels, %",
        x_label="distance from the nearest edge, pixels",
        description=f"{edge} percent of the pixels at an edge are wrong, {inside} percent of those over 8 pixels away.",
    )
    headings = ("distance, pixels", "wrong, %", "share of all errors, %", "pixels")
    numbers = Table(
        caption="Numbers: errors by distance", headings=headings, rows=tuple(rows), numbers=(1, 2, 3), folded=True
    )
    items = [(chart, numbers)]
    if regions:
        bins = object_recall.by_side(np.concatenate(regions))
        chart = object_recall.recall_chart(bins, title="Mean recall, %")
        rows = [(name, points(recall), points(found), f"{count:,}") for name, count, recall, found in bins]
        headings = ("side, pixels", "mean recall, %", "recall above one half, %", "objects")
        numbers = Table(
            caption="Numbers: recall by size", headings=headings, rows=tuple(rows), numbers=(1, 2, 3), folded=True
        )
        items.append((chart, numbers))
    text = (
        "An object is a connected region of one class in the ground truth; its recall is the share of it that is found."
    )
    missing = "Recall by object size needs SciPy: pip install scipy, then keras-seg report."
    return [Charts(items=tuple(items)), Text(text=text if regions else missing, soft=True)]


def _calibration(found: Calibration | None) -> list[Block]:
    if found is None:
        return []
    series = []
    for name, diagram in (("as trained", found.diagram), ("scaled", found.scaled_diagram)):
        series.append((name, [(float(x), float(y)) for x, y, pixels in diagram if pixels]))
    chart = line_chart(
        series,
        title="Accuracy",
        x_label="confidence",
        limits=(0, 1),
        diagonal=True,
        dots=True,
        description=f"Calibration error {points(found.error)} percent, {points(found.scaled_error)} after scaling.",
    )
    rows = [
        (name, f"{t:.2f}", points(error), f"{nll:.4f}")
        for name, t, error, nll in (
            ("as trained", 1.0, found.error, found.nll),
            ("scaled", found.temperature, found.scaled_error, found.scaled_nll),
        )
    ]
    numbers = Table(
        caption="Temperature and errors",
        headings=("", "temperature", "calibration error, %", "negative log-likelihood"),
        rows=tuple(rows),
        numbers=(1, 2, 3),
    )
    much = (
        "about right"
        if abs(np.log(found.temperature)) < 0.05
        else "too sure"
        if found.temperature > 1
        else "not sure enough"
    )
    text = (
        f"The model is {much}: dividing its logits by the temperature {found.temperature:.2f} makes the likelihood of "
        f"the ground truth highest. It changes no predicted class. Fitted and measured on the same {found.pixels:,} "
        "pixels of these images."
    )
    return [Text(text=text), Charts(items=((chart, numbers),))]


def _images(index: FolderIndex, matrices: np.ndarray, maps: PackedMaps) -> Pictures:
    of_images = np.array([scores.mean_iou(matrix, ignore_class=index.ignore_class) for matrix in matrices])
    store, colors, rows = DecodedStore(index), palette(len(index.class_names)), []
    for name, position in chosen(of_images):
        image, mask = store.get(position)
        truth, predicted = mask.astype("int64"), maps[position].astype("int64")
        drawn = prediction_row(image, truth, predicted, colors=colors, ignore_class=index.ignore_class)
        file = index.pairs[position].image.name
        pictures = tuple(
            picture(values, title=title, alt=f"{title} of {file}", photo=place in (0, 3))
            for place, (title, values) in enumerate(zip(TITLES, drawn, strict=True))
        )
        text = f"Mean IoU {points(float(of_images[position]))}; select a picture to enlarge it."
        rows.append(PictureRow(title=f"{name}: {file}", text=text, pictures=pictures))
    legend = [(hex_color(color), class_) for class_, color in zip(index.class_names, colors, strict=True)]
    return Pictures(rows=tuple(rows), legend=(*legend, ("#000000", "ignored")) if index.ignore_class else tuple(legend))
