"""Export to SavedModel, the format of TensorFlow Serving."""

import os

from keras_seg import _validation
from keras_seg.export.exporter import Loaded, export, request_of_any_size
from keras_seg.export.traced_module import served_with

# Weights. TensorFlow holds constants some thirty times while it writes, loads and first runs a graph: eight gigabytes
# of memory for as many as these. The nets beyond compute so long that there is little to gain.
_LARGEST_FROZEN = 64_000_000


def saved_model(
    model,
    path,
    *,
    input_size=None,
    images=None,
    overwrite=False,
    input="float32",
    output="probabilities",
    batch_size=None,
    labels=None,
    ignore_class=None,
    class_names=None,
    colors=None,
):
    """Write a SavedModel folder, load it back without Keras, and compare it with Keras before returning.

    Batch is dynamic, and so are height and width where the model's are. The signature `serving_default` takes `image`,
    raw 0..255 values, and returns `probabilities`, `class_ids` or both.

    Args:
        model: keras.Model with one image input, on the TensorFlow backend.
        path: str or path, of the folder.
        input_size: int or (height, width) to fix. Defaults to None, for the model's own size, which may be dynamic.
        images: array (n, height, width, channels), 0..255, to compare on. Defaults to seeded noise, at two different
            sizes where the size is dynamic.
        overwrite: bool. Whether an existing folder may be replaced. Defaults to False.
        input: "float32" or "uint8", the type of `image`. Defaults to "float32".
        output: "probabilities" (float32), "class_ids" (int32, the most probable class) or "both". Defaults to
            "probabilities".
        batch_size: int to fix. Defaults to None, for any.
        labels: int array (n, height, width), the masks of `images`, for the mean IoU of both. Defaults to None.
        ignore_class: labels to leave out, an int or a sequence of ints. Defaults to None.
        class_names: a name for each class, for clients. Defaults to None, for "class_0" and so on.
        colors: (red, green, blue) in 0..255 for each class, for clients. Defaults to None, for
            `visualization.palette`.

    Returns:
        An `ExportReport`.

    Raises:
        ValueError: if an argument is not as above, the path cannot be written, or the folder exists.
        RuntimeError: if what was written computes other numbers; nothing is left behind then.

    Examples:

    ```python
    model = ks.models.UNet(num_classes=11, backbone="MobileNetV2")
    report = ks.export.saved_model(model, "unet_saved_model")
    ```
    """
    tf = _validation.optional_import("tensorflow", "tensorflow", "Exporting to SavedModel")
    request = request_of_any_size(
        model,
        path,
        input_size,
        input=input,
        output=output,
        batch_size=batch_size,
        images=images,
        overwrite=overwrite,
        labels=labels,
        ignore_class=ignore_class,
        class_names=class_names,
        colors=colors,
    )

    def write(module, aside, description):
        served = _frozen(tf, module) if model.count_params() <= _LARGEST_FROZEN else module
        tf.saved_model.save(served, str(aside), signatures={"serving_default": served.serve})

    return export("saved_model", model, request, write=write, load=load)


def _frozen(tf, module):
    """The module with its weights as constants: TensorFlow fuses biases and activations into convolutions then, and
    arranges the weights once instead of at every call."""

    weights = [(variable, variable.numpy()) for variable in module.model.variables]

    def serve(image):
        # Made in the graph that is traced: `convert_variables_to_constants_v2` copies all weights ten times.
        return served_with(module, [(variable, tf.constant(value)) for variable, value in weights], image)

    frozen = tf.Module()
    frozen.serve = tf.function(serve, input_signature=module.serve.input_signature)
    return frozen


def load(path):
    """A SavedModel under TensorFlow, without Keras: `Loaded`."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))  # Held by `run`, or its variables would be gone.
    serve = loaded.signatures["serving_default"]

    def run(batch):
        return {name: value.numpy() for name, value in serve(image=tf.constant(batch)).items()}

    run.holds = loaded
    # Nought is TensorFlow's word for as many as there are.
    threads = tf.config.threading.get_intra_op_parallelism_threads() or len(os.sched_getaffinity(0))
    return Loaded(run, _ops(serve.graph), threads)


def _ops(graph):
    """The distinct operators of a graph and of the functions it calls, sorted."""
    definition = graph.as_graph_def()
    nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
    return tuple(sorted({node.op for node in nodes}))
