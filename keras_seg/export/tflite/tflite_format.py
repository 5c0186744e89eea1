"""TFLite files: how they are written and run."""

import contextlib
import importlib.util
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg.export.delegates.graph_check import check_file
from keras_seg.export.format import THREADS, Format, Loaded
from keras_seg.export.gpu_form import gpu_form
from keras_seg.export.request import Request
from keras_seg.export.tflite import quantization
from keras_seg.export.tflite.interpreter import runtime
from keras_seg.export.tflite.layer_names import LayerNames
from keras_seg.export.tflite.metadata import metadata_around, read_description
from keras_seg.export.unsupported import cannot_hold, unsupported

# How the converter names an operator that it has no counterpart for: 'tf.Name' op is neither a custom op nor a flex op.
_LACKING = re.compile(r"'?tf\.(\w+)'? op is neither a custom op nor a flex op")


def _write(module: Any, path: pathlib.Path, request: Request) -> None:
    """Write a `traced_module` to a TFLite file with metadata."""
    # By which `check_delegates` names the layers that a delegate refuses.
    graph = {"graph": LayerNames.of_model(module.model).to_dict()}
    with converting(request):
        content = quantization.converted(module, request)
    before, after = metadata_around(content, {**request.description, **graph})
    with path.open("wb") as file:  # Half a gigabyte is not copied to be one piece.
        file.writelines((before, content, after))


@contextlib.contextmanager
def converting(request: Request) -> Iterator[None]:
    """A block that runs the converter, whose errors leave it as one line.

    Args:
        request: the `Request` of what is converted.
    """
    try:
        yield
    except _validation.InputError:
        raise
    except Exception as error:
        if lacking := set(_LACKING.findall(str(error))):
            raise unsupported("TFLite", lacking, request) from error
        raise cannot_hold("TFLite", error) from error


def _load(path: pathlib.Path) -> Loaded:
    """A TFLite file under its own interpreter."""
    interpreter = _interpreter(path)
    # Before tensors are allocated, when a delegate takes its operators' place.
    ops = {op["op_name"] for op in interpreter._get_ops_details()} - {"DELEGATE"}
    serve = interpreter.get_signature_runner()
    source, targets = serve.get_input_details()["image"], serve.get_output_details()

    def run(batch: np.ndarray) -> dict[str, Any]:
        if source["dtype"] == np.int8:
            batch = (batch.astype("int16") - 128).astype("int8")
        found = serve(image=batch)
        return {name: _in_floats(np.array(value), targets[name]) for name, value in found.items()}

    shape = tuple(int(side) if side >= 0 else None for side in source["shape_signature"])
    return Loaded(run=run, input_shape=shape, ops=tuple(sorted(ops)))


def _interpreter(path: pathlib.Path, threads: int = THREADS) -> Any:
    """The interpreter of a TFLite file, with as many threads."""
    make, _ = runtime()
    return make(model_path=str(path), num_threads=threads)


def _in_floats(values: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    """Numbers of an int8 file as the real numbers they stand for; others as they are."""
    scale, zero = details["quantization"]
    return values if scale == 0 else (values.astype("float32") - zero) * np.float32(scale)


# LiteRT is optional: TensorFlow has an interpreter too.
TFLITE = Format(
    name="tflite",
    title="TFLite",
    requires=(("tensorflow", "tensorflow"),),
    runtime=() if importlib.util.find_spec("ai_edge_litert") else (("tensorflow", "tensorflow"),),
    write=_write,
    load=_load,
    subpixel=True,
    delegates=check_file,
    for_gpu=True,
    adapted=gpu_form,
    sidecar=False,
    inside=read_description,
)
