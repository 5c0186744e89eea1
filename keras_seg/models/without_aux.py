"""A model without its heads for training."""

from collections.abc import Mapping

import keras

from keras_seg import _validation
from keras_seg._graph import functional_graph
from keras_seg.models.parts.heads import MAIN
from keras_seg.models.parts.image_model import image_model


def without_aux(model: keras.Model) -> keras.Model:
    """A model without its auxiliary heads, for evaluation, prediction and export.

    Models built with `aux=True` have several outputs, by name: `"main"`, and those of the heads that serve training
    alone, whose names begin with "aux". The result has the first one only. It shares all its layers with `model`:
    training either changes both. It is not compiled.

    Args:
        model: functional keras.Model. One without auxiliary heads is returned as it is.

    Returns:
        A functional `keras.Model` with one output.

    Raises:
        InputError: if the model has several outputs, and none is `"main"`.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.PSPNet(num_classes=11, backbone="Compact", filters=64, aux=True)
        >>> sorted(model.output)
        ['aux', 'main']
        >>> ks.models.without_aux(model).output_shape
        (None, None, None, 11)
    """
    graph = functional_graph(model)
    outputs = graph.output
    if isinstance(outputs, Mapping) and MAIN in outputs:
        return image_model(graph.inputs[0], outputs[MAIN], name=model.name)
    if len(graph.outputs) > 1:
        names = ", ".join(outputs if isinstance(outputs, Mapping) else graph.output_names)
        fix = "Choose one of them by keras.Model(model.input, model.output[...])."
        _validation.fail("model", f'must have an output "{MAIN}" beside its auxiliary ones', names, fix)
    return model
