"""The steps of every export: write beside the target, load back, compare with Keras, report."""

import contextlib
import gc
import os
import pathlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from keras_seg import _files
from keras_seg._validation import InputError, first_line
from keras_seg.export import verification
from keras_seg.export.class_agreement import class_agreement
from keras_seg.export.comparison_images import comparison_batches
from keras_seg.export.format import Format, Loaded
from keras_seg.export.inference_graph import inference_graph
from keras_seg.export.report import ExportReport
from keras_seg.export.request import Request
from keras_seg.export.traced_module import traced_module
from keras_seg.inference.output_kind import check_finite

_RUNS, _SECONDS = 15, 2.0
_FIX_OF_FILE = "Those of the Keras model are finite: export with another `quantize`, or in another format."


def run(format_: Format, request: Request) -> ExportReport:
    """Write a file, and move it into place only if it computes what the model computes.

    Args:
        format_: the `Format` to write.
        request: the `Request`, of a model that `check_exportable` accepts.
    """
    format_.check_replaceable(request.artifact)
    batches = comparison_batches(request)
    with _written_aside(format_, request) as aside:
        _write(format_, request, aside)
        gc.collect()  # What was made of the model on the way has references in circles, and is as large as the model.
        report = _verified(format_, request, aside, batches)
        # Still aside, so that nothing is replaced if these cannot be written.
        report._write_beside()
        if format_.sidecar:
            description = {**request.description, "digest": format_.digest(aside)}
            _files.write_json(format_.sidecar_of(request.artifact), description)
    return report


def _verified(format_: Format, request: Request, path: pathlib.Path, batches: Sequence[np.ndarray]) -> ExportReport:
    """The report on a file that is still aside; fail if it does not compute what the model computes."""
    loaded = _loaded(format_, request, path)
    comparisons, classes = [], []
    for batch in batches:
        expected = verification.predicted(request, batch)
        found = _computed(format_, request, loaded, batch)
        for name, values in found.items():
            check_finite(values, f"{request.artifact} was not written: its {name}", fix=_FIX_OF_FILE)
        comparisons.append(verification.compare_maps(expected, found, request.scores))
        classes.append(tuple(verification.class_map(maps, request.scores) for maps in (expected, found)))
        if request.quantize is None:
            rounding = verification.moved_by_rounding(request.model, batch.astype("float32"), expected, request.scores)
            verification.check_float32(comparisons[-1], rounding, request.artifact)
    single = batches[0] if request.batch_size else batches[0][:1]
    comparison = verification.worst_of(comparisons)
    return ExportReport(
        format=format_.name,
        path=str(request.path),
        input_shape=batches[0].shape,
        input=request.input,
        output=request.output,
        outputs=request.outputs,
        quantize=request.quantize,
        ops=loaded.ops,
        size_bytes=format_.size(path),
        images=sum(len(batch) for batch in batches),
        max_abs_difference=comparison.difference,
        share_apart=comparison.apart,
        milliseconds=median_milliseconds(lambda: loaded.run(single)),
        threads=loaded.threads,
        class_names=tuple(request.description["class_names"]),
        timed_batch=len(single),
        delegates=format_.delegates(path),
        **class_agreement(classes, request),
    )


def _loaded(format_: Format, request: Request, path: pathlib.Path) -> Loaded:
    """The file in its runtime, which may lack what the format has."""
    try:
        return format_.load(path)
    except (InputError, ImportError):
        raise
    except Exception as error:  # Runtimes raise exceptions of their own.
        raise RuntimeError(
            f"{request.artifact} was not written: as {format_.title} it cannot be loaded ({first_line(error)})."
        ) from error


def _computed(format_: Format, request: Request, loaded: Loaded, batch: np.ndarray) -> dict[str, Any]:
    """The outputs of the file for a batch, by name."""
    try:
        return loaded.run(batch)
    except Exception as error:  # Runtimes raise exceptions of their own.
        refused, reason = f"{request.artifact} was not written: {format_.title} cannot run", first_line(error)
        if None not in request.size:
            raise RuntimeError(f"{refused} it ({reason}).") from error
        height, width = batch.shape[1:3]
        raise RuntimeError(
            f"{refused} this model at any size, it fails at {height} x {width} ({reason}). "
            f"Fix the size: input_size=({height}, {width})."
        ) from error


def _write(format_: Format, request: Request, path: pathlib.Path) -> None:
    """Write the file."""
    # LiteRT takes 1.5 times as long for transposed convolutions, of one image most of all; TensorFlow and OpenVINO for
    # those with large kernels: benchmarks/exports.py.
    form = inference_graph(request.model, request.size, subpixel=format_.subpixel)
    # The integers of an int8 or int16x8 file are selected: zeros and ones would need ranges of their own.
    for_gpu = format_.for_gpu and request.representative is None
    if for_gpu:
        form = format_.adapted(form)
    format_.write(traced_module(form, request, for_gpu=for_gpu), path, request)


@contextlib.contextmanager
def _written_aside(format_: Format, request: Request) -> Iterator[pathlib.Path]:
    """Where the file is written until it is verified; a second file of the format is put in place together with it."""
    path = request.artifact
    with _files.written_aside(path, overwrite=request.overwrite) as aside:
        if format_.companion is None:
            yield aside
            return
        with _files.written_aside(path.with_suffix(format_.companion), overwrite=request.overwrite) as second:
            yield aside
            os.replace(aside.with_suffix(format_.companion), second)


def median_milliseconds(call: Callable[[], Any]) -> float:
    """The median time of a call, of up to fifteen within about two seconds, the first not counted."""
    call()
    times, start = [], time.perf_counter()
    while len(times) < _RUNS and (not times or time.perf_counter() - start < _SECONDS):
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
    return 1000 * statistics.median(times)
