"""Which delegates take a TFLite file, and what they compute."""

import pathlib
from collections.abc import Sequence

import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike, IgnoreClass, PathLike
from keras_seg._validation import InputError
from keras_seg.export.class_agreement import check_labels
from keras_seg.export.comparison_images import check_compared
from keras_seg.export.delegates.computed import device_check, half_precision_check
from keras_seg.export.delegates.graph_check import DELEGATES, check_graph, names_in
from keras_seg.export.delegates.report import DelegateReport
from keras_seg.export.delegates.tflite_graph import read_graph
from keras_seg.export.exported_model import load
from keras_seg.export.file_graph import FileGraph

_NOISE = 2


def check_delegates(
    path: PathLike,
    *,
    delegates: Sequence[str] = DELEGATES,
    images: ArrayLike | None = None,
    masks: ArrayLike | None = None,
    ignore_class: IgnoreClass = None,
) -> DelegateReport:
    """Say what the GPU, the neural processor or the Edge TPU of a device takes of a TFLite file, node by node.

    What is refused is named with its Keras layer and what to change. A file that computes in floats is also run with
    every weight and result rounded to float16, as phone GPUs do, and, where this machine has a Vulkan device that
    LiteRT can use, on LiteRT's own GPU delegate; a GPU in software, such as SwiftShader, will do.

    Args:
        path: str or path. The `.tflite` file; of another exporter too, where names of tensors stand for layers.
        delegates: sequence of str. Of "gpu", "npu" and "edgetpu". Defaults to all.
        images: array (n, height, width, channels), 0..255, of the file's size, to compute on; only for the "gpu" and
            a float file of one size that `export.tflite` wrote. Defaults to two images of seeded noise.
        masks: int array (n, height, width). The ground truth of `images`, for the mean IoU. Defaults to None.
        ignore_class: int or sequence of ints. Labels to leave out. Defaults to None.

    Returns:
        A `DelegateReport`.

    Raises:
        InputError: there is no such file, it is no TFLite file, a part of it is missing, or an argument is not as
            above.

    Examples:

    ```python
    ks.export.tflite(model, "unet.tflite", input_size=(256, 256))
    report = ks.export.check_delegates("unet.tflite", delegates=["gpu"])
    print(report["gpu"].accepted, "of", report["gpu"].nodes)
    ```
    """
    if isinstance(delegates, str) or not delegates:
        _validation.fail("delegates", 'must be a sequence, such as ["gpu"]', delegates)
    for delegate in delegates:
        _validation.one_of("delegates", delegate, DELEGATES)
    check_compared(images, masks)
    path = pathlib.Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file.")
    content = path.read_bytes()
    graph = read_graph(content, str(path))
    name, described = names_in(path)
    checks = tuple(check_graph(graph, delegate, name) for delegate in dict.fromkeys(delegates))
    half = device = None
    obstacle = 'no "gpu" in `delegates`' if "gpu" not in delegates else _obstacle(graph, described=described)
    if obstacle and images is not None:
        _validation.fail("images", f"would not be used: {obstacle}", np.shape(images), "Leave it out.")
    if not obstacle:
        file = load(path)
        if masks is not None:
            check_labels(masks, len(file.description["class_names"]), ignore_class)
        given = _given(graph.inputs[0].shape[1:], images)
        expected = [file.run(file.served(image[None])) for image in given]
        device = device_check(file, content, given, expected)
        half = half_precision_check(file, content, given, expected, name=name, masks=masks, ignore_class=ignore_class)
    return DelegateReport(path=str(path), checks=checks, half_precision=half, device=device)


def _obstacle(graph: FileGraph, *, described: bool) -> str:
    """Why the file is not computed in float16 and on a GPU; "" where it is."""
    shape = graph.inputs[0].shape
    if not described:
        return "another program exported the file"
    if graph.quantized:
        return "the file computes in integers"
    if graph.subgraphs > 1:
        return "the file has loops or branches"
    return "" if shape[:1] == (1,) and min(shape) > 0 else "the file does not take one image of a fixed size"


def _given(shape: tuple[int, ...], images: ArrayLike | None) -> np.ndarray:
    """The images to compute on, each (height, width, channels)."""
    if images is None:
        return np.random.default_rng(0).integers(0, 256, (_NOISE, *shape)).astype("float32")
    given = np.asarray(images)
    if given.ndim != 4 or given.shape[1:] != shape or not len(given):
        rule = f"must be (n, {', '.join(map(str, shape))}), as the file takes them"
        _validation.fail("images", rule, given.shape)
    return given
