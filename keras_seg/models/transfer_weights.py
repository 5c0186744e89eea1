"""Weights from one model into another that has some of its layers."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._graph import as_functional, graph_nodes
from keras_seg.backbones.adapt_kernel import adapt_kernel
from keras_seg.layers import Preprocessing
from keras_seg.models.parts.heads import MAIN
from keras_seg.surgery.copying import give_weights

# Names in the FCNs of layers that have other names in the VGG16 of keras.applications.
_ALSO_KNOWN_AS = {"fc6": "fc1", "fc7": "fc2"}

# The first convolution of VGG16: its kernel reads blue first, also where no layer in front of it changes the order.
_READS_BGR = "block1_conv1"


def transfer_weights(source: keras.Model, target: keras.Model) -> list[str]:
    """Copy the weights of all layers that two models have in common, by name.

    It serves the stages of FCN: a VGG16 classifier into `FCN32s`, that into `FCN16s`, that into `FCN8s`. The dense
    layers of a classifier become convolutions: fc1 reads a 7x7 map of 512 channels row by row, so its kernel is that of
    a 7x7 convolution, reshaped; fc2 is one of 1x1. Convolutions that read the image, normalized or padded at most, are
    adapted from three channels to other numbers of them, by the rule of `keras_seg.backbones.build`. Layers that decide
    about classes stay unchanged where the models have different classes, and so does every layer that only one model
    has.

    Args:
        source: keras.Model. For example `keras.applications.VGG16()` with its top.
        target: keras.Model. All its weights are changed or, when an error is raised, none.

    Returns:
        A list of strings, the names of the layers of `target` that got weights.

    Raises:
        InputError: if the models share no layer with weights, or a shared layer has weights of another shape.

    Examples:
        >>> import keras_seg as ks
        >>> small = dict(num_classes=3, filters=(4, 4, 4, 4, 4), fc_filters=8)
        >>> coarse, fine = ks.models.FCN32s(**small), ks.models.FCN16s(**small)
        >>> ks.models.transfer_weights(coarse, fine)[-3:]
        ['fc6', 'fc7', 'score_fr']

    Reference: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015,
        sections 3.1 and 4.2.
    """
    for argument, model in (("source", source), ("target", target)):
        if not isinstance(model, keras.Model) or not model.built:
            _validation.fail(argument, "must be a keras.Model that is built", model)
    donors = {layer.name: layer for layer in source.layers if layer.weights}
    modes = {**_modes_of_first_kernels(source), **_modes_of_first_kernels(target)}
    new_weights = {}
    for layer in target.layers:
        donor = donors.get(layer.name, donors.get(_ALSO_KNOWN_AS.get(layer.name)))
        if donor is None or not layer.weights or _scores_other_classes(donor, source, layer, target):
            continue
        new_weights[layer.name] = _fitted(donor, layer, modes)
    if not new_weights:
        fix = "Weights go between layers of one name: see [layer.name for layer in model.layers]."
        _validation.fail("target", f"has no layer in common with {source.name!r}", target.name, fix)
    for name, weights in new_weights.items():
        give_weights(target.get_layer(name), weights)
    return list(new_weights)


def _scores_other_classes(
    donor: keras.layers.Layer, source: keras.Model, layer: keras.layers.Layer, target: keras.Model
) -> bool:
    """Whether both layers output one map per class, and the models' classes differ."""
    classes, wanted = _channels(source), _channels(target)
    return classes != wanted and _channels(donor) == classes and _channels(layer) == wanted


def _channels(layer: keras.layers.Layer) -> int | None:
    """The channels of the output of a layer or model, its main one, or None where that is no single tensor."""
    graph = as_functional(layer) if isinstance(layer, keras.Model) else None
    output = getattr(layer if graph is None else graph, "output", None)
    if isinstance(output, Mapping):
        output = output.get(MAIN)  # The others are of auxiliary heads.
    return getattr(output, "shape", (None,))[-1]


def _modes_of_first_kernels(model: keras.Model, mode: str | None = None) -> dict[int, str | None]:
    """The kernels of the convolutions that read the image of a model, by their ids, with the mode that normalizes it.

    None if no `Preprocessing` does. Of a model that is nested in another, the image has the other one's `mode`.
    """
    graph = as_functional(model)
    if graph is None or len(graph.inputs) != 1:
        return {}
    images: dict[int, str | None] = {id(graph.inputs[0]): mode}
    kernels: dict[int, str | None] = {}
    for node in graph_nodes(graph):
        given, layer = node.input_tensors, node.operation
        if len(given) != 1 or id(given[0]) not in images:
            continue
        mode = images[id(given[0])]
        if isinstance(layer, keras.layers.Conv2D):
            kernels[id(layer.kernel)] = mode
        elif isinstance(layer, keras.Model):
            kernels |= _modes_of_first_kernels(layer, mode)
        elif not getattr(layer, "weights", ()):
            mode = layer.mode if isinstance(layer, Preprocessing) else mode
            images |= {id(tensor): mode for tensor in node.outputs if tensor.shape[-1:] == given[0].shape[-1:]}
    return kernels


def _fitted(donor: keras.layers.Layer, layer: keras.layers.Layer, modes: dict[int, str | None]) -> list[Any]:
    """The donor's weights in the shapes of `layer`."""
    shapes = [tuple(weight.shape) for weight in layer.weights]
    values = donor.get_weights()
    if len(values) == len(shapes):
        for place, (given, taken) in enumerate(zip(donor.weights, layer.weights, strict=True)):
            values[place] = _as_convolution(values[place], shapes[place])
            if id(taken) in modes and values[place].ndim == 4 and values[place].shape[2] == 3:
                usual = "caffe" if layer.name == _READS_BGR else None
                bgr = (modes.get(id(given)) or modes[id(taken)] or usual) == "caffe"
                values[place] = adapt_kernel(values[place], shapes[place][2], bgr=bgr)
        if all(value.shape == shape for value, shape in zip(values, shapes, strict=True)):
            return values
    have = [value.shape for value in donor.get_weights()]
    return _validation.fail("source", f"has other shapes of weights in layer {donor.name!r} than {shapes}", have)


def _as_convolution(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The kernel of a dense layer as that of a convolution of this `shape`; any other array as it is."""
    reshaped = value.ndim == 2 and len(shape) == 4 and value.shape == (int(np.prod(shape[:3])), shape[3])
    return value.reshape(shape) if reshaped else value
