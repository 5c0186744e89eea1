"""A trained model for classes of one's own."""

import os
import pathlib
import warnings
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._graph import graph_nodes, image_graph, replay
from keras_seg._types import PathLike
from keras_seg._validation import InputError, first_line
from keras_seg.initializers import Bilinear, IdentityKernel
from keras_seg.layers import PixelShuffle2D
from keras_seg.layers.preprocessing import MODES, mode_of
from keras_seg.models.convert import convert
from keras_seg.models.parts.hub_segformer import is_hub_segformer, parts_of_hub, variant_of_hub
from keras_seg.models.parts.hub_source import names_hub_preset, read_hub_preset, refuse_bare_preset
from keras_seg.models.segformer import SegFormer

_HUB = "hf://"
# The names of activations as Keras' layers and operations of one have them, such as ReLU and Relu: in lower case. PReLU
# is a layer alone.
_ACTIVATIONS = {name.replace("_", "") for name in dir(keras.activations) if not name.startswith("_")} | {"prelu"}
_OVER_CLASSES = ("softmax", "logsoftmax", "sparsemax")


def load_pretrained(source: PathLike | keras.Model, *, num_classes: int | None = None) -> keras.Model:
    """A saved model, with a new head if it is to predict other classes.

    All layers keep their weights, except for those whose channels are the classes: they get initial weights, and are
    trainable also where the saved model is frozen. A warning names them. The result is not compiled.

    Args:
        source: path, str or keras.Model. A `.keras` file, a folder that holds `model.keras`, such as a finished run, or
            `"hf://user/model"`, which Keras downloads from the Hugging Face Hub. The layers of a model are shared, not
            copied. Also keras-hub's SegFormer, as a model, `"hub:PRESET"` or the folder of a preset: it becomes
            `SegFormer`, of any image size, with softmax (sigmoid for one class) and the normalization of the preset.
        num_classes: int >= 1 or None. Channels of the output. Defaults to None: those of the saved model.

    Returns:
        A functional `keras.Model`.

    Raises:
        InputError: `source` is none of these, is missing, holds no such model or cannot be downloaded, no layer decides
            about the classes alone, or the activation does not fit so many classes.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.UNet(num_classes=11, backbone="Compact")
        >>> ks.models.load_pretrained(model, num_classes=3).output_shape
        (None, None, None, 3)
    """
    if num_classes is not None:
        _validation.integer("num_classes", num_classes)
    model: Any = source if isinstance(source, keras.Model) else _loaded(source)
    named = model.name if model is source else str(source)
    if is_hub_segformer(model):
        model = _of_hub(model, named, num_classes)
    graph = image_graph(model, "source")
    if len(graph.outputs) != 1:
        fix = "Pass keras_seg.models.without_aux(model) if it is to lose its auxiliary heads."
        _validation.fail("source", "must have one output", f"{named} with {len(graph.outputs)}", fix)
    classes = graph.outputs[0].shape[-1]
    if num_classes is None or num_classes == classes:
        return model
    _check_activation(graph, classes, num_classes)
    head = _class_layers(graph, classes, named)
    renewed = {
        layer: _with_channels(layer, channels // classes * num_classes if channels else None)
        for layer, channels in head.items()
    }
    image = keras.Input(batch_shape=graph.inputs[0].shape, dtype=graph.inputs[0].dtype, name=graph.inputs[0].name)
    values = replay(graph, image, lambda operation, *args, **kwargs: renewed.get(operation, operation)(*args, **kwargs))
    names = ", ".join(sorted(layer.name for layer in head))
    verb = "gets" if len(head) == 1 else "get"
    warnings.warn(
        f"{named} scores {classes} classes: {names} {verb} initial weights for {num_classes}. All other layers "
        "keep theirs.",
        stacklevel=2,
    )
    return keras.Model(image, values[id(graph.outputs[0])], name=graph.name)


def _loaded(source: PathLike) -> keras.Model:
    """The model of a file, a folder or an address."""
    if not isinstance(source, (str, os.PathLike)):
        fix = "Weights alone, as in a state dict, are filled into a model by keras_seg.models.convert."
        _validation.fail("source", "must be a path, an address or a keras.Model", type(source), fix)
    if str(source).startswith(_HUB):
        return _downloaded(str(source))
    path = pathlib.Path(source)
    if names_hub_preset(source) and not (path / "model.keras").is_file():
        return read_hub_preset(source, "source")
    refuse_bare_preset("source", source)
    if path.is_dir():
        path = path / "model.keras"
    if path.suffix != ".keras":
        fix = "Weights alone are filled into a model: build it, and call its load_weights, or keras_seg.models.convert."
        _validation.fail("source", "must be a .keras file or a folder that holds model.keras", str(source), fix)
    if not path.is_file():
        raise InputError(f"{path}: no such file.")
    try:
        return keras.saving.load_model(path, compile=False)
    except (ValueError, OSError, TypeError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: Keras cannot load a model from it ({reason}).") from error


def _downloaded(address: str) -> keras.Model:
    """The model of an address on the Hugging Face Hub."""
    try:
        return keras.saving.load_model(address, compile=False)
    except Exception as error:  # Of the package, its connection, or Keras: missing, private, or not a model of Keras.
        fix = f"Check the name, {_HUB}USER/MODEL, and the connection, or download the file and pass its path."
        raise InputError(f"{address}: Keras cannot load a model from there ({first_line(error)}). {fix}") from error


def _of_hub(source: Any, named: str, num_classes: int | None) -> keras.Model:
    """`SegFormer` with the weights of keras-hub's, with its own classes where it has some."""
    backbone, classes = parts_of_hub(source)
    count = num_classes if classes is None else classes.filters
    if count is None:
        _validation.fail("num_classes", "must be given for a backbone of keras-hub without classes", num_classes)
    converter = getattr(getattr(source, "preprocessor", None), "image_converter", None)
    mode = "torch"
    if converter is None:
        warnings.warn(f"{named} has no normalization: images are normalized as ImageNet's here.", stacklevel=3)
    else:
        scale = 1.0 if converter.scale is None else converter.scale
        offset = 0.0 if converter.offset is None else converter.offset
        mode = mode_of(scale, offset)
        if mode is None:
            rule = f"must normalize images as one of the modes {', '.join(MODES)}"
            fix = "Build SegFormer with include_preprocessing=False, and fill it by keras_seg.models.convert."
            _validation.fail("source", rule, f"{named} with scale={scale}, offset={offset}", fix)
    variant, filters = variant_of_hub(backbone, "source"), backbone.projection_filters
    activation = "sigmoid" if count == 1 else "softmax"
    model = SegFormer(count, backbone=variant, filters=filters, activation=activation, include_preprocessing=mode)
    if classes is None:
        warnings.warn(f"{named} has no classes: logits gets initial weights for {count}.", stacklevel=3)
    return convert(source, model, head=classes is not None)


def _check_activation(graph: keras.Model, classes: int, num_classes: int) -> None:
    """Refuse numbers of classes for which the last activation would mean something else."""
    nodes = _makers(graph)
    node = nodes[id(graph.outputs[0])]
    while not (node.is_input or getattr(node.operation, "weights", ()) or _is_activated(node.operation)):
        node = nodes[id(node.arguments.keras_tensors[0])]
    name = _activation(node.operation)
    fix = "Build a new model, and fill it by keras_seg.models.transfer_weights."
    if name in _OVER_CLASSES and num_classes == 1:
        _validation.fail("num_classes", "must be at least 2 for a model that ends in softmax", num_classes, fix)
    if name in ("sigmoid", "hardsigmoid") and classes == 1:
        rule = "must be 1 for a model of one channel: sigmoid over several is for classes that overlap"
        _validation.fail("num_classes", rule, num_classes, fix)


def _class_layers(graph: keras.Model, classes: int, named: str) -> dict[Any, int | None]:
    """The layers whose output channels are the classes, with the number of these channels; None if they have no say.

    From the output back: what has no weights is passed, and so are layers from class scores to class scores, such as
    the transposed convolutions of FCN. Scores are not activated: behind an activation come features, even if there are
    as many of them as classes.
    """
    nodes = _makers(graph)
    found: dict[Any, int | None] = {}
    waiting, seen = [(graph.outputs[0], classes, False)], set()
    while waiting:
        tensor, channels, in_head = waiting.pop()
        node, layer = nodes[id(tensor)], nodes[id(tensor)].operation
        if id(tensor) in seen or tensor.shape[-1] != channels or node.is_input or isinstance(layer, keras.Model):
            continue
        seen.add(id(tensor))
        if in_head and _is_activated(layer):
            continue
        if isinstance(layer, PixelShuffle2D):
            channels *= layer.factor**2
        if getattr(layer, "weights", ()):
            found[layer] = channels if {"filters", "units"} & set(layer.get_config()) else None
            in_head = True
        waiting += [(given, channels, in_head) for given in keras.tree.flatten(node.arguments.keras_tensors)]
    if not any(found.values()):
        fix = "Build a new model, and fill it by keras_seg.models.transfer_weights."
        _validation.fail("source", "must end in a convolution to one channel per class", named, fix)
    return found


def _makers(graph: keras.Model) -> dict[int, Any]:
    """The node that gives each tensor of a graph, by the id of the tensor."""
    return {id(tensor): node for node in graph_nodes(graph) for tensor in node.outputs}


def _is_activated(layer: Any) -> bool:
    return _activation(layer) is not None


def _activation(layer: Any) -> str | None:
    """The activation that a layer has or an operation is, in lower case and without underscores; None without any."""
    own = getattr(layer, "activation", None)
    if own is keras.activations.linear:
        return None
    if own is not None and hasattr(own, "__name__"):
        return own.__name__.lower().replace("_", "")
    # A layer may serve as the activation of another one.
    kinds = type(layer if own is None else own).__mro__
    names = [kind.__name__.lower() for kind in kinds if kind.__module__.startswith("keras.")]
    known = next((name for name in names if name in _ACTIVATIONS), None)
    return known if own is None else known or type(own).__name__.lower()


def _with_channels(layer: Any, channels: int | None) -> Any:
    """A new layer like `layer` with other output channels, which can be trained."""
    config, initializer = layer.get_config(), getattr(layer, "kernel_initializer", None)
    for key in ("filters", "units"):
        if key in config and channels is not None:
            config[key] = channels
    if channels is not None and isinstance(initializer, IdentityKernel):
        # It passed each class on as itself, and no class is one of the new ones.
        config["kernel_initializer"] = "glorot_uniform"
    if "trainable" in config and not isinstance(initializer, Bilinear):
        # Frozen, it would keep the numbers it is drawn with. An enlargement that begins as bilinear may stay so.
        config["trainable"] = True
    return type(layer).from_config(config)
