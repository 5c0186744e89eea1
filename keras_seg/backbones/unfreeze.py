"""Making a frozen backbone trainable again, without touching how the model was compiled."""

import warnings

import keras

from keras_seg import _validation
from keras_seg._graph import as_functional
from keras_seg.backbones.pyramid import LEVELS


def unfreeze(model, from_level=None, *, keep_batch_norm_frozen=False):
    """Make the backbone of `model` trainable again, and let an already compiled model go on training.

    `compile` is not called: loss, metrics, learning rate, iteration count and the optimizer's slots of all weights
    trained so far stay as they are. Keras builds an optimizer for the weights that are trainable at the first step and
    refuses others later; so the optimizer, the same object, gets slots for the new weights, and the compiled training
    step is dropped for Keras to trace again at the next `fit`. Compiling anew instead, say with a lower learning rate,
    works as well.

    Args:
        model: `keras.Model` with a nested model named "backbone", as everything in `keras_seg.models` has, or a
            backbone itself.
        from_level: `None` for the whole backbone, or "P1".."P5": only the layers that lead from the level before to
            this one and deeper are made trainable (staged fine-tuning, deepest stages first); the others are frozen.
            Defaults to `None`.
        keep_batch_norm_frozen: Bool, whether BatchNormalization layers of the backbone stay frozen, weights and
            statistics: better with batches of a few images. Defaults to `False`.

    Returns:
        `model`.

    Raises:
        ValueError: if `from_level` is not a level of the backbone.

    Examples:
        >>> import keras, keras_seg as ks
        >>> model = ks.backbones.build("Compact", trainable=False)
        >>> len(model.trainable_variables)
        0
        >>> len(ks.backbones.unfreeze(model).trainable_variables)
        27
        >>> len(ks.backbones.unfreeze(model, from_level="P5").trainable_variables)
        6
    """
    if not isinstance(model, keras.Model):
        _validation.fail("model", "must be a keras.Model", model)
    backbone = next((layer for layer in model.layers if layer.name == "backbone"), model)
    frozen = set() if from_level is None else _layers_before(backbone, from_level)
    # A frozen model hides the trainable layers inside it, so the outermost goes first.
    if not model.trainable and backbone is not model:
        others = [layer for layer in model.layers if layer is not backbone and not layer.trainable]
        model.trainable = True
        for layer in others:
            layer.trainable = False
    # One by one: on TensorFlow, setting a model's flag to the value it has already does not reach its layers.
    for layer in backbone._flatten_layers():
        is_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = layer not in frozen and not (keep_batch_norm_frozen and is_norm)
    _go_on_training(model)
    return model


def _layers_before(backbone, level):
    """The layers that the level before `level`, and with it all finer levels, is computed by."""
    graph = as_functional(backbone)
    pyramid = getattr(graph, "output", None)
    if not isinstance(pyramid, dict) or level not in LEVELS or level not in pyramid:
        have = sorted(pyramid) if isinstance(pyramid, dict) else []
        _validation.fail("from_level", f"must be None or one of the backbone's levels {have}", level)
    before = sorted(pyramid)[: sorted(pyramid).index(level)]
    found, open_ends = set(), [pyramid[name] for name in before]
    while open_ends:
        operation, index = open_ends.pop()._keras_history[:2]
        node = operation._inbound_nodes[index]
        if operation not in found:
            found.add(operation)
            open_ends.extend(node.input_tensors)
    nested = [layer for layer in found if isinstance(layer, keras.layers.Layer)]
    return found.union(*(layer._flatten_layers() for layer in nested))


def _go_on_training(model):
    """Let a compiled `model` train all its trainable weights from the next `fit` on, with the optimizer it has."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return
    # Traced for the old set of weights: on TensorFlow it would go on training only those, without a word.
    model.train_function = None
    if not optimizer.built:
        return
    try:
        grown = type(optimizer).from_config(optimizer.get_config())
        grown.build(model.trainable_variables)
        _grow(optimizer, grown)
    except Exception as error:
        warnings.warn(
            f"{type(optimizer).__name__} cannot take up the weights that became trainable ({error}): "
            "call model.compile(...) before the next model.fit(...).",
            stacklevel=3,
        )


def _grow(old, new):
    """Make `old` what `new`, of the same class and built for more weights, is; keep the state it has.

    Every optimizer of Keras keeps its slots in attributes that are lists with one variable (or None) for each weight,
    or dicts of variables.
    """
    position = {id(weight): index for index, weight in enumerate(old._trainable_variables)}
    weights = list(new._trainable_variables)
    replaced = {}
    for name, value in vars(new).items():
        if name.startswith("_self_"):
            continue  # TensorFlow's own book of dependencies
        before = vars(old).get(name)
        if isinstance(value, keras.optimizers.Optimizer):
            _grow(before, value)
        elif isinstance(value, keras.Variable):
            value.assign(before)
            replaced[name] = value
        elif isinstance(value, dict) and any(isinstance(slot, keras.Variable) for slot in value.values()):
            for key, slot in value.items():
                if key in (before or {}):
                    slot.assign(before[key])
            replaced[name] = value
        elif name not in ("_variables", "_trainable_variables") and _is_slots(value, weights):
            for weight, slot in zip(weights, value, strict=True):
                if slot is None:
                    continue
                if id(weight) in position:
                    slot.assign(before[position[id(weight)]])
                elif name == "_model_variables_moving_average":
                    slot.assign(
                        keras.ops.convert_to_numpy(weight)
                    )  # Keras starts an average at the weight's value only at iteration 0.
            replaced[name] = value
    for name in ("_variables", "_trainable_variables", "_trainable_variables_indices", "_tracker"):
        replaced[name] = vars(new)[name]
    vars(old).update(replaced)


def _is_slots(value, weights):
    return (
        isinstance(value, list)
        and len(value) == len(weights)
        and all(slot is None or isinstance(slot, keras.Variable) for slot in value)
    )
