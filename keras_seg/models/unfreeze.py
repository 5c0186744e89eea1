"""Making a frozen backbone trainable again, without compiling the model again."""

import warnings
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._graph import as_functional
from keras_seg.backbones.pyramid import LEVELS
from keras_seg.layers.vision_transformer_maps import VisionTransformerMaps

# Attributes in which an optimizer of Keras lists its variables and its weights.
_BOOKKEEPING = ("_variables", "_trainable_variables", "_trainable_variables_indices", "_tracker")


def unfreeze(model: keras.Model, *, from_level: str | None = None, keep_batch_norm_frozen: bool = False) -> keras.Model:
    """Make the backbone of `model` trainable again, so that a compiled model can go on training.

    `compile` is not called: loss, metrics, learning rate, iteration count and the optimizer's slots of all weights
    trained so far do not change. Keras builds an optimizer for the weights that are trainable at the first step and
    refuses others later; so the optimizer, the same object, gets slots for the new weights, and the compiled training
    step is dropped for Keras to trace again at the next `fit`. Compiling again instead, for example with a lower
    learning rate, works as well.

    Args:
        model: keras.Model. It has a nested model named "backbone", as every model of `keras_seg.models` on a backbone,
            or is a backbone itself.
        from_level: str or None. None for the whole backbone, or "P1".."P5": only the layers that lead from the level
            before to this one and deeper become trainable (staged fine-tuning, deepest stages first); the others are
            frozen. Plain vision transformers, which compute all their levels in one layer, are trained as a whole.
            Defaults to None.
        keep_batch_norm_frozen: bool. Whether BatchNormalization layers of the backbone stay frozen, weights and
            statistics: better with batches of a few images. Defaults to False.

    Returns:
        `model`.

    Raises:
        InputError: if an argument is not as above.

    Examples:
        >>> import keras, keras_seg as ks
        >>> model = ks.backbones.build("Compact", trainable=False)
        >>> len(model.trainable_variables)
        0
        >>> len(ks.models.unfreeze(model).trainable_variables)
        27
        >>> len(ks.models.unfreeze(model, from_level="P5").trainable_variables)
        6
    """
    if not isinstance(model, keras.Model):
        _validation.fail("model", "must be a keras.Model", model)
    _validation.boolean("keep_batch_norm_frozen", keep_batch_norm_frozen)
    backbone = next((layer for layer in model.layers if layer.name == "backbone"), model)
    frozen = set() if from_level is None else _layers_before(backbone, from_level)
    # A frozen model hides the trainable layers inside it, so the outermost goes first.
    if not model.trainable and backbone is not model:
        others = [layer for layer in model.layers if layer is not backbone and not layer.trainable]
        model.trainable = True
        for layer in others:
            layer.trainable = False
    # Layer by layer: on TensorFlow, setting a model's flag to the value it already has does not reach its layers.
    layers = backbone._flatten_layers()
    frozen = frozen.union(*(layer.unread() for layer in layers if isinstance(layer, VisionTransformerMaps)))
    for layer in layers:
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = layer not in frozen and not (keep_batch_norm_frozen and is_norm)
    _go_on_training(model)
    return model


def _layers_before(backbone: keras.Model, level: str) -> set[Any]:
    """The layers that compute the level before `level`, and with it all finer levels."""
    graph = as_functional(backbone)
    pyramid = getattr(graph, "output", None)
    if graph is None or not isinstance(pyramid, dict) or level not in LEVELS or level not in pyramid:
        have = sorted(pyramid) if isinstance(pyramid, dict) else []
        _validation.fail("from_level", f"must be None or one of the backbone's levels {have}", level)
    before = sorted(pyramid)[: sorted(pyramid).index(level)]
    found: set[Any] = set()
    open_ends = [pyramid[name] for name in before]
    while open_ends:
        operation, index = open_ends.pop()._keras_history[:2]
        node = operation._inbound_nodes[index]
        if operation not in found:
            found.add(operation)
            open_ends.extend(node.input_tensors)
    nested = [layer for layer in found if isinstance(layer, keras.layers.Layer)]
    if not any(layer.weights for layer in graph.layers if layer not in found):
        rule = f"must be a level with layers of its own; no layer with weights follows {before[-1]} here"
        fix = "Leave it out: a plain vision transformer computes all its levels in one layer."
        _validation.fail("from_level", rule, level, fix)
    return found.union(*(layer._flatten_layers() for layer in nested))


def _go_on_training(model: keras.Model) -> None:
    """Make a compiled `model` train all its trainable weights from the next `fit` on, with the optimizer it has."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return
    # Traced for the old set of weights: on TensorFlow it would silently go on training only those.
    model.train_function = None
    if not optimizer.built:
        return
    try:
        grown = type(optimizer).from_config(optimizer.get_config())
        grown.build(model.trainable_variables)
        _grow(optimizer, grown)
    except Exception as error:
        warnings.warn(
            f"{type(optimizer).__name__} has no place for the weights that became trainable ({error}): "
            "call model.compile(...) before the next model.fit(...).",
            stacklevel=3,
        )


def _grow(old: keras.optimizers.Optimizer, new: keras.optimizers.Optimizer) -> None:
    """Give `old` the variables of `new`, of the same class and built for more weights, with the values of `old`.

    Keras has no call for it: `build` works once per optimizer, and a new optimizer in `model.optimizer` would leave
    callbacks and schedules with the old one. All optimizers of Keras keep their variables in attributes: single
    variables, dicts of variables, and slots, lists of one variable (or None) per weight. Slots are matched by the place
    of the weight, as two layers may give their weights the same path.
    """
    weights = list(new._trainable_variables)
    places = {id(weight): place for place, weight in enumerate(old._trainable_variables)}
    renewed: list[str] = list(_BOOKKEEPING)
    for name in vars(new).keys() & vars(old).keys() - set(_BOOKKEEPING):
        variables, values = vars(new)[name], vars(old)[name]
        if name.startswith("_self_"):
            continue  # TensorFlow's own record of dependencies
        if isinstance(variables, keras.optimizers.Optimizer):
            _grow(values, variables)  # The one inside a LossScaleOptimizer.
            continue
        if isinstance(variables, keras.Variable):
            variables.assign(values)
        elif isinstance(variables, dict) and any(isinstance(item, keras.Variable) for item in variables.values()):
            for key in variables.keys() & (values or {}).keys():
                variables[key].assign(values[key])
        elif _is_slots(variables, weights):
            for weight, slot in zip(weights, variables, strict=True):
                if slot is not None and id(weight) in places:
                    slot.assign(values[places[id(weight)]])
                elif slot is not None and name == "_model_variables_moving_average":
                    # Keras starts an average at the weight's value only at iteration 0.
                    slot.assign(keras.ops.convert_to_numpy(weight))
        else:
            continue
        renewed.append(name)
    vars(old).update({name: vars(new)[name] for name in renewed})


def _is_slots(value: Any, weights: list[Any]) -> bool:
    return (
        isinstance(value, list)
        and len(value) == len(weights)
        and all(slot is None or isinstance(slot, keras.Variable) for slot in value)
    )
