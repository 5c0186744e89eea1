"""The graph of a functional model: its nodes in order, and running it on other inputs."""

import inspect
from collections.abc import Callable
from typing import Any

import keras

from keras_seg import _validation


def graph_nodes(model: keras.Model) -> list[Any]:
    """The nodes of a functional `model` in graph order: deeper ones first, then as they were created."""
    by_depth = model._nodes_by_depth
    return [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]


def replay(model: keras.Model, inputs: Any, call: Callable[..., Any]) -> dict[int, Any]:
    """Run the graph of a functional `model` on `inputs`: `call(operation, *args, **kwargs)` at every node.

    `inputs` is one value, or one for each input of the model. The values need not be tensors: the results of `call` are
    the arguments at the nodes that follow. What `call` of the operation takes first is `args[0]`, in `layer(inputs=x)`
    too.

    `keras.models.clone_model` does nearly this, but disconnects the result from the graph of `inputs`.

    Returns:
        A dict from the id of each of the model's tensors to the value that replaced it.
    """
    values = {id(tensor): value for tensor, value in zip(model.inputs, keras.tree.flatten(inputs), strict=True)}
    for node in graph_nodes(model):
        if node.is_input:
            continue
        args, kwargs = _first_by_position(node.operation, *node.arguments.fill_in(values))
        outputs = keras.tree.flatten(call(node.operation, *args, **kwargs))
        for tensor, output in zip(node.outputs, outputs, strict=True):
            values[id(tensor)] = output
    return values


def _first_by_position(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if args:
        return args, kwargs
    first = next(iter(inspect.signature(operation.call).parameters))
    if first not in kwargs:
        return args, kwargs
    return (kwargs[first],), {name: value for name, value in kwargs.items() if name != first}


def replay_opened(model: keras.Model, inputs: Any, call: Callable[..., Any]) -> dict[int, Any]:
    """`replay`, with functional models nested in `model` opened up: `call` gets their layers instead of them."""

    def open_up(operation: Any, *args: Any, **kwargs: Any) -> Any:
        inner = as_functional(operation)
        if inner is None:
            return call(operation, *args, **kwargs)
        values = replay(inner, args[0], open_up)
        return [values[id(tensor)] for tensor in inner.outputs]

    return replay(model, inputs, open_up)


def as_functional(model: Any) -> keras.Model | None:
    """`model` itself when it has a graph, the graph of a built `Sequential`, or None for a subclassed model."""
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs, model.outputs, name=model.name) if model.built else None
    return model if isinstance(model, keras.Model) and hasattr(model, "_nodes_by_depth") else None


def functional_graph(model: Any, argument: str = "model") -> keras.Model:
    """The graph of `model`, when it is functional; otherwise an error about the `argument`."""
    functional = as_functional(model)
    if functional is None:
        _validation.fail(
            argument, "must be a functional keras.Model", model, "Build it as keras.Model(inputs, outputs)."
        )
    return functional


def image_graph(model: Any, argument: str = "model") -> keras.Model:
    """The graph of `model`, when it is functional with one image as input; otherwise an error about the `argument`."""
    functional = functional_graph(model, argument)
    if len(functional.inputs) != 1 or len(functional.inputs[0].shape) != 4:
        shapes = [tuple(tensor.shape) for tensor in functional.inputs]
        _validation.fail(argument, "must have one input of shape (batch, height, width, channels)", shapes)
    return functional
