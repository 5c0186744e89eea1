"""Copies of a graph's layers, changed or unchanged, with the weights of the originals."""

import contextlib
import contextvars
import dataclasses
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._graph import functional_graph, replay_opened
from keras_seg._types import Size, Tensor
from keras_seg._validation import first_line

# The ends of the names under which layers keep functions, and how configurations write them.
_HOLD_FUNCTIONS = ("activation", "_initializer", "_regularizer", "_constraint")
_WRITERS = (keras.activations.serialize, keras.saving.serialize_keras_object)

# The kinds of layers whose weights are shared; empty for all kinds, None for none.
_shared: contextvars.ContextVar[tuple[type, ...] | None] = contextvars.ContextVar("keras_seg_shared", default=None)


@contextlib.contextmanager
def weights_shared(*kinds: type) -> Iterator[None]:
    """Inside, layers that do not change share their weights with those of the new graph, instead of being copied.

    That is for graphs that are only a step on the way to another, or to a file: of a large model, each copy of the
    weights takes seconds and half a gigabyte.

    Args:
        *kinds: types of layers. Only these share. A copy may be built for another size, so those whose `build` looks at
            more than the channels should not be named. Defaults to every kind.
    """
    token = _shared.set(kinds)
    try:
        yield
    finally:
        _shared.reset(token)


@dataclasses.dataclass(frozen=True)
class Traced:
    """A tensor of the new graph and the shape its original had."""

    tensor: Any
    spec: Any

    def size(self, axis: int) -> Any:
        """Rows (0) or columns (1) of the original; 1 for a vector, None where not fixed."""
        return self.spec.shape[axis + 1] if len(self.spec.shape) == 4 else 1


class LayerCopies:
    """Copies each layer once, however often the graph calls it, and makes names unique."""

    def __init__(self) -> None:
        self._made = {}
        self._names = set()
        self._changed = set()

    def call(self, operation: Any, args: Any, kwargs: Any, changes: Any = None) -> Tensor:
        """The result of a copy of `operation` on new tensors, with `changes` in the copy's configuration.

        What `changed` made is called itself.
        """
        if not changes and id(operation) in self._changed:
            if not operation._inbound_nodes:
                self._keep_apart(operation)
            return operation(*args, **kwargs)
        if not changes and _shares_weights(operation):
            return self._twin(operation)(*args, **kwargs)
        changes = changes or {}

        def make() -> Any:
            if type(operation) is keras.layers.Lambda:
                return _copy_of_lambda(operation)
            return copy_of(operation, changes)

        key = repr(sorted(changes.items()))
        return self.call_new(operation, args, kwargs, make, weights=operation.get_weights, key=key)

    def call_new(self, operation: Any, args: Any, kwargs: Any, make: Any, *, weights: Any = list, key: str = "") -> Any:
        """The result of the layer `make()` in place of `operation`, with the arrays `weights()`.

        The layer is made once for each `key`, which must name all that the calls of `operation` may differ in.
        """
        layer = self._made.get((id(operation), key))
        if layer is not None:
            return layer(*args, **kwargs)
        layer = self._made[id(operation), key] = make()
        self._keep_apart(layer)
        with _without_drawing(layer):
            outputs = layer(*args, **kwargs)
        give_weights(layer, weights())
        return outputs

    def changed(self, operation: Any, inputs: Any, make: Any, *, weights: Any, key: str) -> Any:
        """The layer `make()` in place of `operation`, built for `inputs`, with the arrays `weights()`; not called yet.

        It is made once for each `key`. Another folding may take it for an operation of the model and replace it again.
        """
        layer = self._made.get((id(operation), key))
        if layer is None:
            layer = self._made[id(operation), key] = make()
            with _without_drawing(layer):
                layer.build(keras.tree.map_structure(lambda tensor: tuple(tensor.shape), inputs))
            give_weights(layer, weights())
            self._changed.add(id(layer))
        return layer

    def call_activation(self, layer: Any, x: Tensor) -> Any:
        """`x` after the activation of `layer`, as a layer of its name."""
        activation, weights = layer.activation, list
        if isinstance(activation, keras.layers.Layer):
            activation, weights = keras.activations.serialize(activation), activation.get_weights

        def make() -> Any:
            return keras.layers.Activation(activation, dtype=layer.dtype_policy, name=layer.name)

        return self.call_new(layer, (x,), {}, make, weights=weights, key="activation")

    def _twin(self, operation: Any) -> Any:
        """A second object for `operation`, with the same weights and a place in the new graph only.

        Keras notes in an operation where it is called. Called in the new graph itself, the original would keep that
        graph in memory as long as it lives.
        """
        made = self._made.get((id(operation), "twin"))
        if made is None:
            # Not by `copy.copy`, for which Keras saves and loads.
            made = self._made[id(operation), "twin"] = object.__new__(type(operation))
            vars(made).update({**vars(operation), "_inbound_nodes": [], "_outbound_nodes": []})
            self._keep_apart(made)
        return made

    def _keep_apart(self, layer: Any) -> None:
        """Number the name when it is taken: layers of nested models, now in one graph, may share one."""
        name, number = layer.name, 1
        while layer.name in self._names:
            layer.name = f"{name}_{number}"
            number += 1
        self._names.add(layer.name)


def copy_of(layer: Any, changes: Mapping[str, Any] | None = None) -> Any:
    """A new layer with the configuration of `layer`, except for `changes`, and without its weights.

    Raises:
        InputError: the layer cannot be made of its configuration.
    """
    try:
        return type(layer).from_config({**config_of(layer), **(changes or {})})
    # A layer raises what it likes, and Keras wraps it in several lines.
    except Exception as error:
        rule = f"has a layer that cannot be copied ({first_line(error.__context__ or error)})"
        fix = "Its `get_config` must return the arguments of its constructor."
        _validation.fail("model", rule, f"{layer.name} ({type(layer).__name__})", fix)


def config_of(layer: Any) -> dict[str, Any]:
    """The configuration of a layer, in which functions that are not registered stand for themselves.

    Keras writes the name of an activation, initializer, regularizer or constraint. If it is not registered, Keras finds
    nothing under this name, or a function of its own.
    """
    functions = {
        name: value for name, value in vars(layer).items() if name.endswith(_HOLD_FUNCTIONS) and not _is_found(value)
    }
    if not functions:
        return layer.get_config()
    # Set aside: Keras warns of a lambda, and cannot write every object.
    vars(layer).update(dict.fromkeys(functions, keras.activations.linear))
    try:
        config = layer.get_config()
    finally:
        vars(layer).update(functions)
    stand_ins = (keras.activations.linear, *(write(keras.activations.linear) for write in _WRITERS))
    return config | {name: value for name, value in functions.items() if config.get(name) in stand_ins}


def _is_found(value: Any) -> bool:
    """Whether Keras makes the same of what it writes of a value into a configuration."""
    if not callable(value) or isinstance(value, keras.layers.Layer):
        return True  # A layer is copied, with weights of its own.
    if type(value).__module__.startswith("keras."):
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(value))
    except Exception:  # For each kind of object another one.
        return False
    return again is value or (type(again) is type(value) and not isinstance(value, types.FunctionType))


def give_weights(layer: Any, weights: Any) -> None:
    """Set the weights of a layer that is built, and what it computes with in their place.

    `keras.layers.Normalization` computes with constants that it makes of its weights when it is built, adapted or
    loaded, and `set_weights` leaves them as they are.

    Args:
        layer: keras.layers.Layer.
        weights: list of arrays, as `set_weights` takes them.
    """
    layer.set_weights(weights)
    for part in layer._flatten_layers():
        # One without weights, such as Discretization, would make them of data that a copy has not seen.
        if part.weights and hasattr(part, "finalize_state"):
            part.finalize_state()


def _shares_weights(operation: Any) -> bool:
    """Whether an operation that does not change is in the new graph as a twin: a function of `keras.ops` always is."""
    if not isinstance(operation, keras.layers.Layer):
        return True
    kinds = _shared.get()
    return kinds is not None and (not kinds or type(operation) in kinds)


@contextlib.contextmanager
def _without_drawing(layer: keras.layers.Layer) -> Iterator[None]:
    """Inside, the weights of a layer begin as zeros: drawing a hundred million takes longer than copying them."""
    initializers = {name: value for name, value in vars(layer).items() if name.endswith("_initializer")}
    for name in initializers:
        setattr(layer, name, keras.initializers.Zeros())
    try:
        yield
    finally:
        for name, value in initializers.items():
            setattr(layer, name, value)


def _copy_of_lambda(layer: keras.layers.Layer) -> Any:
    """Not by `from_config`: the configuration lacks the function's closure, and Keras refuses to load it as unsafe."""
    config = layer.get_config()
    return keras.layers.Lambda(
        layer.function,
        output_shape=layer._output_shape,
        arguments=layer.arguments,
        name=config["name"],
        dtype=config["dtype"],
    )


# The result of (operation, arguments, keyword arguments) in the new graph.
Call = Callable[[Any, Any, Any], Any]
# (the model's graph, the copies of its layers, the call that follows) -> the call with which the folding begins.
Folding = Callable[[keras.Model, LayerCopies, Call], Call]


def folded(model: keras.Model, *foldings: Folding, input_size: Size | None = None) -> Any:
    """The functional model that results when each folding hands its operations to the next one, in one pass.

    So weights are copied once and layers called once, however many foldings there are. The call that follows the last
    one is that of a copy.
    """
    graph, copies = functional_graph(model), LayerCopies()
    call: Call = copies.call
    for folding in reversed(foldings):
        call = folding(graph, copies, call)
    return rebuilt(graph, lambda operation, *args, **kwargs: call(operation, args, kwargs), input_size)


def rebuilt(model: keras.Model, call: Any, input_size: Size | None = None) -> Any:
    """The functional model that results when `call(operation, *args, **kwargs)` takes the place of every operation.

    Models nested in `model` are opened up. Inputs and outputs keep their structure. If `input_size` is given, it
    becomes the size of the one image input.
    """
    graph = functional_graph(model)
    inputs = _inputs_like(graph, input_size)
    values = replay_opened(graph, inputs, call)
    outputs = keras.tree.map_structure(lambda tensor: values[id(tensor)], graph.output)
    return keras.Model(inputs, outputs, name=model.name)


def _inputs_like(graph: keras.Model, input_size: Size | None) -> Any:
    if input_size is not None:
        if len(graph.inputs) != 1 or len(graph.inputs[0].shape) != 4:
            _validation.fail("input_size", "is for models with one image as input", input_size)
        input_size = _validation.pair("input_size", input_size)

    def like(tensor: Tensor) -> Any:
        shape = tensor.shape if input_size is None else (tensor.shape[0], *input_size, tensor.shape[-1])
        return keras.Input(batch_shape=shape, dtype=tensor.dtype, name=tensor._keras_history.operation.name)

    return keras.tree.map_structure(like, graph.input)


def split_arguments(args: Any, kwargs: Any) -> tuple[list[Any], tuple[Any, Any], tuple[Any, Any]]:
    """(traced values among the arguments, arguments with new tensors, arguments with original shapes)."""
    traced = [value for value in keras.tree.flatten((args, kwargs)) if isinstance(value, Traced)]
    tensors = keras.tree.map_structure(lambda v: v.tensor if isinstance(v, Traced) else v, (args, kwargs))
    specs = keras.tree.map_structure(lambda v: v.spec if isinstance(v, Traced) else v, (args, kwargs))
    return traced, tensors, specs


def original_outputs(operation: Any, specs: Any) -> list[Any]:
    """The shapes of an operation's outputs for the original arguments, as a list."""
    args, kwargs = specs
    return keras.tree.flatten(operation.compute_output_spec(*args, **kwargs))
