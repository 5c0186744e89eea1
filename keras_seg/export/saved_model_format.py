"""SavedModel folders: how they are written and run."""

import os
import pathlib
from typing import TYPE_CHECKING, Any, cast

from keras_seg.export.format import Format, Loaded
from keras_seg.export.request import Request
from keras_seg.export.traced_module import served_with

if TYPE_CHECKING:
    import numpy as np

# Weights. TensorFlow holds constants some thirty times while it writes, loads and first runs a graph: eight gigabytes
# of memory for as many as these. Larger models compute so long that there is little to gain.
_LARGEST_FROZEN = 64_000_000
# What TensorFlow writes, and Keras 2; macOS adds the last to folders that are looked into.
_PARTS = ("saved_model.pb", "fingerprint.pb", "variables", "assets", "debug", "keras_metadata.pb", ".DS_Store")


def _write(module: Any, path: pathlib.Path, request: Request) -> None:
    """Write a `traced_module` to a SavedModel folder."""
    import tensorflow as tf

    served = _frozen(module) if request.model.count_params() <= _LARGEST_FROZEN else module
    tf.saved_model.save(served, str(path), signatures={"serving_default": served.serve})


def _frozen(module: Any) -> Any:
    """The module with its weights as constants: TensorFlow fuses biases and activations into convolutions then, and
    arranges the weights once instead of at every call."""
    import tensorflow as tf

    weights = [(variable, variable.numpy()) for variable in module.model.variables]

    def serve(image: Any) -> dict[str, Any]:
        # Made in the graph that is traced: `convert_variables_to_constants_v2` copies all weights ten times.
        return served_with(module, [(variable, tf.constant(value)) for variable, value in weights], image)

    frozen = cast(Any, tf.Module())
    frozen.serve = tf.function(serve, input_signature=module.serve.input_signature)
    return frozen


def _load(path: pathlib.Path) -> Loaded:
    """A SavedModel under TensorFlow, without Keras."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))  # `run` keeps a reference: without it the variables would be freed.
    serve = loaded.signatures["serving_default"]

    def run(batch: "np.ndarray", _kept: Any = loaded) -> dict[str, Any]:
        return {name: value.numpy() for name, value in serve(image=tf.constant(batch)).items()}

    # 0 lets TensorFlow choose the number of threads.
    threads = tf.config.threading.get_intra_op_parallelism_threads() or _cores()
    shape = tuple(serve.structured_input_signature[1]["image"].shape.as_list())
    return Loaded(run=run, input_shape=shape, ops=_ops(serve.graph), threads=threads)


def _cores() -> int:
    """The cores that this process may use; where the system does not tell, as macOS and Windows, all of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _ops(graph: Any) -> tuple[str, ...]:
    """The distinct operators of a graph and of the functions it calls, sorted."""
    definition = graph.as_graph_def()
    nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
    return tuple(sorted({node.op for node in nodes}))


SAVED_MODEL = Format(
    name="saved_model",
    title="SavedModel",
    requires=(("tensorflow", "tensorflow"),),
    runtime=(("tensorflow", "tensorflow"),),
    write=_write,
    load=_load,
    folder_mark="saved_model.pb",
    folder_parts=_PARTS,
)
