"""How OpenVINO models, an .xml file for the graph and a .bin file for the weights, are written and run."""

import pathlib
import re
import tempfile
from typing import TYPE_CHECKING, Any

from keras_seg.export.format import THREADS, Format, Loaded
from keras_seg.export.request import Request
from keras_seg.export.unsupported import cannot_hold, unsupported

if TYPE_CHECKING:
    import numpy as np

# How the converter names operators that it has no counterpart for.
_LACKING = re.compile(r"No conversion rule found for operations: ([\w, ]+)")


def _write(module: Any, path: pathlib.Path, request: Request) -> None:
    """Write a `traced_module` to an `.xml` file, and its weights to a `.bin` file beside it."""
    import openvino as ov
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures={"serving_default": module.serve})
        try:
            converted = ov.convert_model(folder)
        except Exception as error:
            if lacking := _LACKING.findall(str(error)):
                raise unsupported("OpenVINO", re.findall(r"\w+", ",".join(lacking)), request) from error
            raise cannot_hold("OpenVINO", error) from error
    for port in converted.outputs:
        port.set_names({port.any_name.split(":")[0]})
    ov.save_model(converted, path, compress_to_fp16=False)


def _load(path: pathlib.Path) -> Loaded:
    """An OpenVINO model under OpenVINO."""
    import openvino as ov

    read = ov.Core().read_model(path)
    settings = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = ov.Core().compile_model(read, "CPU", settings)

    def run(batch: "np.ndarray") -> dict[str, Any]:
        return {port.any_name: value for port, value in compiled(batch).items()}

    shape = tuple(side.get_length() if side.is_static else None for side in read.inputs[0].partial_shape)
    ops = {operation.get_type_name() for operation in read.get_ops()}
    return Loaded(run=run, input_shape=shape, ops=tuple(sorted(ops)))


OPENVINO = Format(
    name="openvino",
    title="OpenVINO",
    requires=(("openvino", "openvino"), ("tensorflow", "tensorflow")),
    runtime=(("openvino", "openvino"),),
    write=_write,
    load=_load,
    companion=".bin",
)
