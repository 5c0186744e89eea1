"""What every format has in common: write aside, load back, compare with Keras, report."""

import dataclasses
import pathlib
import statistics
import time
from collections.abc import Callable

import numpy as np

from keras_seg import _files, _validation
from keras_seg._files import size_on_disk, written_aside
from keras_seg.export import verification
from keras_seg.export.description import described
from keras_seg.export.inference_graph import check_exportable, inference_graph, size_of_input
from keras_seg.export.report import ExportReport
from keras_seg.export.traced_module import INPUTS, OUTPUTS, class_channels, named, serving_module
from keras_seg.metrics import ConfusionMatrix, scores

# Threads that an artifact is timed with: a phone's two fast cores, and what these machines have.
THREADS = 2
_RUNS, _SECONDS = 15, 2.0
# How many of the images that agree least are named.
_WORST = 5
# Two sizes that are no multiples of any stride, so that padding and cropping are part of what is compared.
_TRIAL_SIZES = ((70, 90), (97, 65))


@dataclasses.dataclass(frozen=True)
class Loaded:
    """An artifact under its own runtime.

    Attributes:
        run: callable of a batch, float32 or uint8 as the artifact takes it, that gives a dict of arrays by name.
        ops: tuple of str, the distinct operators, sorted.
        threads: int, how many `run` computes with. Defaults to `THREADS`.
    """

    run: Callable
    ops: tuple
    threads: int = THREADS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What was asked of an export, checked.

    Attributes:
        path: where the artifact shall lie.
        size: (height, width), either None where dynamic.
        input: "float32" or "uint8".
        output: "probabilities", "class_ids" or "both".
        batch_size: int, or None for any.
        images: array to compare on, or None for noise.
        overwrite: bool.
        labels: int array, the masks of `images`, or None.
        ignore_class: labels to leave out.
        class_names: a name for each class, or None.
        colors: (red, green, blue) for each class, or None for the package's palette.
        quantize: how the artifact is quantized, None for float32.
    """

    path: object
    size: tuple
    input: str
    output: str
    batch_size: int | None
    images: object
    overwrite: bool
    labels: object = None
    ignore_class: object = None
    class_names: object = None
    colors: object = None
    quantize: str | None = None

    @property
    def served_input(self):
        """The type of the image in the graph that is converted; an int8 file's is the converter's business."""
        return "float32" if self.quantize == "int8" else self.input

    def __post_init__(self):
        if self.quantize is None:
            _validation.one_of("input", self.input, INPUTS)
        if self.labels is not None and (self.images is None or np.shape(self.labels) != np.shape(self.images)[:3]):
            rule = "must be masks (n, height, width) of `images`"
            _validation.fail("labels", rule, np.shape(self.labels), "Pass both.")
        _validation.one_of("output", self.output, OUTPUTS)
        if self.batch_size is not None:
            _validation.integer("batch_size", self.batch_size)


def request_of_any_size(model, path, input_size, **options):
    """The `Request` of a format that takes the model's own sizes, dynamic or not, or the one that is asked for."""
    check_exportable(model)
    size = model.input_shape[1:3] if input_size is None else size_of_input(model, input_size)
    return Request(path=path, size=tuple(size), **options)


def export(format_, model, request, *, write, load, size_of=size_on_disk):
    """Write an artifact, and let it take its place only when it computes what `model` computes.

    Args:
        format_: str, the format's name.
        model: keras.Model.
        request: a `Request`.
        write: callable of the `tf.Module` that serves the model, of the path to write to, and of what `described`
            gives.
        load: callable of that path that gives `Loaded`.
        size_of: callable of that path that gives the bytes on disk, once loaded.

    Returns:
        An `ExportReport`.
    """
    description = described(class_channels(model), request)
    batches = _batches(model, request)
    _check_replaceable(request.path, format_)
    with written_aside(request.path, request.overwrite) as aside:
        # LiteRT takes 1.5 times as long for transposed convolutions, of one image most of all; TensorFlow and OpenVINO
        # for those with large kernels: benchmarks/exports.py.
        form = inference_graph(model, request.size, subpixel=format_ == "tflite" or "deep")
        write(serving_module(form, request), aside, description)
        loaded = load(aside)
        comparisons, classes = [], []
        for batch in batches:
            expected = named(model.predict_on_batch(batch.astype("float32")))
            found = loaded.run(batch)
            comparisons.append(verification.compare_maps(expected, found))
            classes.append((verification.class_map(expected), verification.class_map(found)))
            if request.quantize is None:
                rounding = verification.moved_by_rounding(model, batch.astype("float32"), expected)
                verification.check_float32(comparisons[-1], rounding, request.path)
        size_bytes = size_of(aside)
        single = batches[0] if request.batch_size else batches[0][:1]
        milliseconds = median_milliseconds(lambda: loaded.run(single))
    comparison = verification.worst_of(comparisons)
    report = ExportReport(
        format=format_,
        path=str(request.path),
        input_shape=batches[0].shape,
        input=request.input,
        output=request.output,
        quantize=request.quantize,
        ops=loaded.ops,
        size_bytes=size_bytes,
        images=sum(len(batch) for batch in batches),
        max_abs_difference=comparison.difference,
        share_apart=comparison.apart,
        milliseconds=milliseconds,
        threads=loaded.threads,
        class_names=tuple(description["class_names"]),
        timed_batch=len(single),
        **judgment(classes, request, class_channels(model)),
    )
    report.write_beside()
    if format_ != "tflite":  # Which holds it itself.
        sidecar = pathlib.Path(request.path).with_name(pathlib.Path(request.path).name + ".json")
        _files.write_json(sidecar, description)
    return report


def _check_replaceable(path, format_):
    """Fail where the artifact would take the place of a folder of something else, with overwriting too."""
    path = pathlib.Path(path)
    if not path.is_dir() or not any(path.iterdir()):
        return
    if format_ != "saved_model":
        _validation.fail("path", "is a folder with files in it", str(path), "Name a file in it.")
    if not (path / "saved_model.pb").exists():
        _validation.fail("path", "is a folder of something else than a SavedModel", str(path), "Choose another path.")


def judgment(classes, request, channels):
    """The share of pixels of the same class, the least agreeing images and, with labels, the IoU of both.

    Args:
        classes: list of (Keras' class ids, the artifact's), a pair a batch.
        request: the `Request`.
        channels: int, of the model's probabilities.
    """
    # The last batch may have been filled up with images of its own.
    counts = [len(batch) for batch, _ in classes]
    count = sum(counts) if request.images is None else len(request.images)
    same = [a == b for pair in classes for a, b in zip(*pair, strict=True)][:count]
    agreements = [float(image.mean()) for image in same]
    worst = sorted(range(count), key=lambda image: agreements[image])[:_WORST]
    found = {
        "agreement": float(sum(image.sum() for image in same) / sum(image.size for image in same)),
        "worst_images": tuple((image, agreements[image]) for image in worst),
    }
    if request.labels is None:
        return found
    labels = np.asarray(request.labels)
    for name, side in (("keras_iou", 0), ("iou", 1)):
        metric = ConfusionMatrix(max(2, channels), ignore_class=request.ignore_class)
        ids = np.concatenate([pair[side] for pair in classes])[:count]
        for mask, predicted in zip(labels, ids, strict=True):
            metric.update_state(mask[None], predicted[None].astype("int32"))
        values = scores.iou_per_class(metric.matrix, ignore_class=request.ignore_class)
        found[name] = tuple(None if np.isnan(value) else float(value) for value in values)
    return found


def median_milliseconds(run):
    """The median time of a call, of up to fifteen within about two seconds, the first not counted."""
    run()
    times, start = [], time.perf_counter()
    while len(times) < _RUNS and (not times or time.perf_counter() - start < _SECONDS):
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    return 1000 * statistics.median(times)


def _batches(model, request):
    """The batches to compare on, of the artifact's type and batch size."""
    height, width = request.size
    if request.images is not None:
        images = np.asarray(request.images)
        sides = images.shape[1:3] if images.ndim == 4 else (height or 1, width or 1)
        wanted = (height or sides[0], width or sides[1])
        found = [verification.comparison_images(model, images, wanted)]
    else:
        sizes = _TRIAL_SIZES if None in request.size else ((height, width),)
        found = [verification.comparison_images(model, None, (height or h, width or w)) for h, w in sizes]
    if request.input != "float32":
        found = [np.clip(np.round(batch), 0, 255).astype("uint8") for batch in found]
    if request.batch_size is not None:
        found = [part for batch in found for part in _cut(batch, request.batch_size)]
    return found


def _cut(images, size):
    """Batches of exactly `size`, the last filled up with its own images."""
    for start in range(0, len(images), size):
        part = images[start : start + size]
        yield part if len(part) == size else np.resize(part, (size, *part.shape[1:]))
