"""The exported files of a folder side by side: size, quality, time, memory."""

import dataclasses
import importlib.util
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._export_report import exports_of
from keras_seg._progress import progress_report
from keras_seg._types import IgnoreClass, PathLike, Progress
from keras_seg.export import memory_probe
from keras_seg.export.benchmark_result import Benchmark, BenchmarkRow
from keras_seg.export.class_agreement import check_labels
from keras_seg.export.comparison_images import one_array, taken_size
from keras_seg.export.exportable import image_shape
from keras_seg.export.exported_model import FORMATS, ExportedModel, load
from keras_seg.export.format import Format
from keras_seg.export.score_map import ScoreMap, score_map
from keras_seg.export.verification import class_map, classes, same_classes
from keras_seg.metrics import ConfusionMatrix, scores
from keras_seg.metrics.ratios import defined

_ROUNDS, _PROBE_SECONDS = 15, 120

# Called with a model, and batches of one (image, mask) each, at the size that a file takes.
Score = Callable[[keras.Model, list[tuple[np.ndarray, np.ndarray]]], float]


def benchmark(
    model: keras.Model,
    folder: PathLike,
    *,
    images: Sequence[np.ndarray],
    masks: Sequence[np.ndarray] | None = None,
    ignore_class: IgnoreClass = None,
    score: Score | None = None,
    score_name: str = "score",
    rounds: int = _ROUNDS,
    progress: Progress = None,
) -> Benchmark:
    """Run all exported files of a folder on the same images, and compare them with the model they were made from.

    Which files there are stands in `export_report.json`, which each export writes beside its file. Images and masks of
    another size than a file takes are resized to it. Files for any size, and the model, run at the size of the first
    file for one size, or if there is none, at that of the first image, or the next larger one that the model takes.
    Times are medians of rounds in which all files take turns, so that other work on the machine affects them alike. A
    call has one image; a file of a larger `batch_size` gets as many, and its time is divided by them.

    Args:
        model: keras.Model that the files were exported from.
        folder: path. The folder of the files.
        images: sequence of arrays (height, width, channels), 0..255, at least one.
        masks: sequence of int arrays (height, width), one per image, or None. Defaults to None: no mean IoU.
        ignore_class: None, int or sequence of int. Labels of pixels to leave out. Defaults to None.
        score: function (model, batches) that returns a float, to be measured instead of the mean IoU: `model` is the
            keras.Model or an `ExportedModel`, `batches` a list of (image, mask) with a batch axis. Needs `masks`.
            Defaults to None.
        score_name: str. What `score` is called in the table. Defaults to "score".
        rounds: int >= 1. Times that each file is timed. Defaults to 15.
        progress: None, bool or function (files done, files). Defaults to None.

    Returns:
        A `Benchmark`. Formats that were not exported have a row too. "not installed" stands where a library is
        missing: the one that runs a file, or one that exports a format without a file.

    Raises:
        InputError: the folder holds no exports, there are no images, or the masks do not belong to them.

    Examples:

    ```python
    ks.export.tflite(model, "out/model.tflite", input_size=(256, 320))
    print(ks.export.benchmark(model, "out", images=images, masks=masks))
    ```
    """
    rounds = _validation.integer("rounds", rounds)
    channels = image_shape(model)[-1]
    images = [one_array("images", image) for image in images]
    if not images or any(image.ndim != 3 or image.shape[-1] != channels for image in images):
        shapes = [image.shape for image in images[:3]]
        _validation.fail("images", f"must be at least one array (height, width, {channels})", shapes)
    images = [image.astype("float32", copy=False) for image in images]
    if masks is not None and [np.shape(mask) for mask in masks] != [image.shape[:2] for image in images]:
        found = [np.shape(mask) for mask in masks[:3]]
        _validation.fail("masks", "must hold a mask (height, width) of each image", found)
    if score is not None and masks is None:
        _validation.fail("masks", "must be given with `score`", None)
    reports = exports_of(folder)
    if not reports:
        fix = "Export the model into it first."
        _validation.fail("folder", "holds no exported files", str(folder), fix)
    claimed = any(report["output"] == "probabilities" for report in reports.values())
    scores_ = score_map(model, "probabilities" if claimed else "scores")
    if any(report["output"] == "class_ids" for report in reports.values()) or (masks is not None and score is None):
        scores_ = dataclasses.replace(scores_, overlapping=False)  # Class ids are of classes that exclude one another.
    if masks is not None and score is None:
        check_labels(masks, max(2, scores_.channels), ignore_class)
    judge = _Judge(scores_, images=images, masks=masks, ignore=ignore_class, score=score)
    loaded = {name: _loaded(pathlib.Path(folder) / name, report) for name, report in reports.items()}
    size = _size(model, loaded.values(), images[0])
    entrants = [_keras_entrant(model, judge, size)]
    rows: list[BenchmarkRow] = []
    with progress_report(progress, total=len(reports), unit="files") as report:
        for done, (name, found) in enumerate(reports.items(), start=1):
            entrant = _file_entrant(model, _row(name, found), found, loaded=loaded[name], size=size, judge=judge)
            if isinstance(entrant, BenchmarkRow):
                rows.append(entrant)
            else:
                entrants.append(entrant)
            report(done)
    times = alternating([entrant.call for entrant in entrants], rounds)
    measured = [
        dataclasses.replace(entrant.row, milliseconds=milliseconds / entrant.images)
        for entrant, milliseconds in zip(entrants, times, strict=True)
    ]
    found = (*measured, *rows, *_missing(reports))
    return Benchmark(images=len(images), rows=found, score_name="mean IoU" if score is None else score_name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Entrant:
    """What takes part in the timing: its row so far, and a call on one image, or on as many as a file always takes."""

    row: BenchmarkRow
    call: Callable[[], Any]
    images: int = 1


class _Judge:
    """The images at the sizes that files take, and what a file's classes are worth."""

    def __init__(
        self,
        scores_: ScoreMap,
        *,
        images: Sequence[np.ndarray],
        masks: Sequence[np.ndarray] | None,
        ignore: IgnoreClass,
        score: Score | None,
    ) -> None:
        self.scores, self.images, self.masks, self._score = scores_, images, masks, score
        self.ignore = _validation.ignored_classes(ignore)
        self._expected: dict[tuple[int, int], list[np.ndarray]] = {}

    def expected(self, model: keras.Model, size: tuple[int, int]) -> list[np.ndarray]:
        """The classes that Keras predicts at a size."""
        if size not in self._expected:
            maps = (self.scores.named(np.asarray(model.predict_on_batch(image))) for image in self.batches(size))
            self._expected[size] = [class_map(found, self.scores)[0] for found in maps]
        return self._expected[size]

    def batches(self, size: tuple[int, int]) -> list[np.ndarray]:
        """The images at a size, each a batch of one."""
        return [_resized(image, size)[None] for image in self.images]

    def agreement(self, found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> float:
        """The share of pixels of the same class, or the same classes where they overlap."""
        overlapping = self.scores.overlapping
        same = [same_classes(*pair, overlapping=overlapping) for pair in zip(found, expected, strict=True)]
        return float(np.mean([of_image.mean() for of_image in same]))

    def quality(self, model: keras.Model, ids: Sequence[np.ndarray]) -> dict[str, Any]:
        """`mean_iou` or `score` of a row, of a model that gives these classes, one map per image."""
        if self.masks is None:
            return {}
        if self._score is None:
            return {"mean_iou": defined(self._mean_iou(self.masks, ids))}
        size = (ids[0].shape[0], ids[0].shape[1])
        masks = [_nearest(np.asarray(mask), size)[None] for mask in self.masks]
        return {"score": defined(self._score(model, list(zip(self.batches(size), masks, strict=True))))}

    def _mean_iou(self, masks: Sequence[np.ndarray], ids: Sequence[np.ndarray]) -> float:
        metric = ConfusionMatrix(max(2, self.scores.channels), ignore_class=self.ignore)
        for mask, predicted in zip(masks, ids, strict=True):
            mask = _nearest(np.asarray(mask), predicted.shape)
            metric.update_state(mask[None], predicted[None].astype("int32"))
        return float(scores.mean_iou(metric.matrix, ignore_class=self.ignore))


def _loaded(path: pathlib.Path, report: Mapping[str, Any]) -> "ExportedModel | str":
    """The file in its runtime, or why it cannot be run here."""
    if not _installed(FORMATS[report["format"]].runtime):
        return "not installed"
    try:
        return load(path)
    except (RuntimeError, ValueError, OSError) as error:
        return _reason(error)


def _size(model: keras.Model, files: Iterable["ExportedModel | str"], image: np.ndarray) -> tuple[int, int]:
    """(height, width) for all that take any size: those of the first file that takes one size only, or of the image."""
    for file in files:
        height, width = (None, None) if isinstance(file, str) else file.size
        if height is not None and width is not None:
            return height, width
    return taken_size(model, (image.shape[0], image.shape[1]), fixed=model.input_shape[1:3])


def _row(name: str, report: Mapping[str, Any]) -> BenchmarkRow:
    """What is known of a file before it is run."""
    return BenchmarkRow(
        name=name,
        format=report["format"],
        quantize=report.get("quantize"),
        status="measured",
        size_bytes=report["size_bytes"],
    )


def _keras_entrant(model: keras.Model, judge: _Judge, size: tuple[int, int]) -> _Entrant:
    ids, single = judge.expected(model, size), judge.batches(size)[0]
    row = BenchmarkRow(
        name="Keras",
        format="keras",
        status="measured",
        size_bytes=4 * model.count_params(),
        input_size=size,
        agreement=1.0,
        **judge.quality(model, ids),
    )
    return _Entrant(row=row, call=lambda: model.predict_on_batch(single))


def _file_entrant(
    model: keras.Model,
    row: BenchmarkRow,
    report: Mapping[str, Any],
    *,
    loaded: "ExportedModel | str",
    size: tuple[int, int],
    judge: _Judge,
) -> "_Entrant | BenchmarkRow":
    """The file in its runtime, or its row if it cannot be run here; `size` is for sides that may be any."""
    if isinstance(loaded, str):
        return dataclasses.replace(row, status=loaded)
    height, width = (own or side for own, side in zip(loaded.size, size, strict=True))
    try:
        ids = [_predicted_classes(loaded, batch, judge.scores) for batch in judge.batches((height, width))]
        quality = judge.quality(loaded, ids)
    except (RuntimeError, ValueError, OSError) as error:
        return dataclasses.replace(row, status=_reason(error))
    expected = judge.expected(model, (height, width))
    single = loaded.served(judge.batches((height, width))[0])
    shape = (report.get("timed_batch", 1), height, width, loaded.channels)
    return _Entrant(
        row=dataclasses.replace(
            row,
            input_size=(height, width),
            agreement=judge.agreement(ids, expected),
            memory_bytes=_memory(loaded.file, report, shape),
            **quality,
        ),
        call=lambda: loaded.run(single),
        images=len(single),
    )


def _reason(error: Exception) -> str:
    return f"cannot be run: {' '.join(str(error).split())[:120]}"


def _predicted_classes(loaded: ExportedModel, batch: np.ndarray, scores_: ScoreMap) -> np.ndarray:
    """The classes of one image."""
    return classes(loaded.predict_on_batch(batch), scores_.threshold, overlapping=scores_.overlapping)[0]


def _resized(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if image.shape[:2] == tuple(size):
        return image
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.image.resize(image, size, antialias=True)))


def _nearest(mask: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    rows, columns = (
        np.minimum((np.arange(new) + 0.5) * old / new, old - 1).astype(int)
        for new, old in zip(size, mask.shape, strict=True)
    )
    return mask[rows][:, columns]


def alternating(calls: Sequence[Callable[[], Any]], rounds: int) -> list[float]:
    """The median milliseconds of each call, which take turns; the first round is not counted."""
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds + 1):
        for call, own in zip(calls, times, strict=True):
            before = time.perf_counter()
            call()
            own.append(1000 * (time.perf_counter() - before))
    return [statistics.median(own[1:]) for own in times]


def _memory(path: pathlib.Path, report: Mapping[str, Any], shape: Sequence[int]) -> int | None:
    """Bytes, from a process of its own; None where it fails, as on systems without `resource`."""
    # Run as a file: as a module, it would import the package. -P keeps the files beside it from being imported.
    command = [
        sys.executable,
        "-P",
        memory_probe.__file__,
        report["format"],
        str(path),
        report["input"],
        *map(str, shape),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_SECONDS, check=True)
        return int(done.stdout.split()[-1])
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None


def _installed(packages: Iterable[tuple[str, str]]) -> bool:
    """Whether packages are there, given as `Format` gives them."""
    return all(importlib.util.find_spec(module) is not None for module, _ in packages)


def _missing(reports: Mapping[str, Mapping[str, Any]]) -> list[BenchmarkRow]:
    """Rows of the formats without a file."""
    there = {report["format"] for report in reports.values()}

    def status(format_: Format) -> str:
        return "not exported" if _installed(format_.requires) else "not installed"

    return [
        BenchmarkRow(name=format_.title, format=name, status=status(format_))
        for name, format_ in FORMATS.items()
        if name not in there
    ]
