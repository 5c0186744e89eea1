"""Export to SavedModel, the format of TensorFlow Serving."""

import numpy as np

from keras_seg import _validation
from keras_seg._files import size_on_disk, written_aside
from keras_seg.export.input_size import check_exportable
from keras_seg.export.report import ExportReport
from keras_seg.export.serving import serving_module
from keras_seg.export.verification import check_float32, compare, comparison_images, moved_by_rounding, worst_of

# Two sizes that are no multiples of any stride, so that padding and cropping are part of what is compared.
_TRIAL_SIZES = ((70, 90), (97, 65))


def saved_model(model, path, images=None, overwrite=False):
    """Write a SavedModel folder, load it back without Keras, and compare it with Keras before returning.

    Batch is dynamic, and so are height and width where the model's are. The signature `serving_default` takes `image`,
    float32 of raw 0..255 values, and returns `probabilities`.

    Args:
        model: keras.Model with one image input, on the TensorFlow backend.
        path: str or path, of the folder.
        images: array (n, height, width, channels), 0..255, to compare on. Defaults to seeded noise, at two different
            sizes where the size is dynamic.
        overwrite: bool. Whether an existing folder may be replaced. Defaults to False.

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
    check_exportable(model)
    batches = _batches(model, images)
    with written_aside(path, overwrite) as aside:
        module = serving_module(model, model.input_shape)
        tf.saved_model.save(module, str(aside), signatures={"serving_default": module.serve})
        loaded = tf.saved_model.load(str(aside)).signatures["serving_default"]
        comparisons = []
        for batch in batches:
            expected = model.predict_on_batch(batch)
            comparisons.append(compare(expected, loaded(image=tf.constant(batch))["probabilities"].numpy()))
            check_float32(comparisons[-1], moved_by_rounding(model, batch, expected), path)
        comparison = worst_of(comparisons)
        size_bytes = size_on_disk(aside)
    return ExportReport(
        "saved_model",
        str(path),
        batches[0].shape,
        _ops(loaded.graph),
        size_bytes,
        sum(len(batch) for batch in batches),
        comparison.difference,
        comparison.agreement,
        comparison.apart,
    )


def _batches(model, images):
    """The batches to compare on."""
    height, width = model.input_shape[1:3]
    if images is not None:
        images = np.asarray(images, "float32")
        return [comparison_images(model, images, images.shape[1:3])]
    sizes = _TRIAL_SIZES if None in (height, width) else ((height, width),)
    return [comparison_images(model, None, (height or h, width or w)) for h, w in sizes]


def _ops(graph):
    """The distinct operators of a graph and of the functions it calls, sorted."""
    definition = graph.as_graph_def()
    nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
    return tuple(sorted({node.op for node in nodes}))
