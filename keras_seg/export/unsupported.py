"""What is said where a converter fails, and which Keras layer brought an operator that a format lacks."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import keras

from keras_seg import _graph
from keras_seg._validation import InputError, first_line
from keras_seg.layers import export_form

if TYPE_CHECKING:
    from keras_seg.export.request import Request

# How many layers an error names.
_MOST = 3


class UnsupportedOperatorError(InputError, RuntimeError):
    """A model needs an operator that a format does not have. The message is one line that names operator and layer."""


def unsupported(title: str, operators: Iterable[str], request: "Request") -> UnsupportedOperatorError:
    """The error about operators that a format lacks.

    Args:
        title: str. The name of the format in errors.
        operators: names of TensorFlow operators, such as "MaxPoolWithArgmax".
        request: the `Request` of the export.
    """
    found = layers_with(set(operators), request.model, request.size)
    named = ", ".join(f'"{layer.name}" ({type(layer).__name__})' for layer in found[:_MOST])
    if len(found) > _MOST:
        named += f" and {len(found) - _MOST} more"
    part = f"the Keras layer{'s' if len(found) > 1 else ''} {named}" if found else "this model"
    return UnsupportedOperatorError(
        f"{title} has no built-in operator for {', '.join(sorted(operators))} of {part}. Write it with keras.ops, or "
        f"leave it out of the model that is exported."
    )


def cannot_hold(title: str, error: Exception) -> RuntimeError:
    """The error in one line where a converter fails for another reason than an operator that its format lacks.

    Args:
        title: str. The name of the format in errors.
        error: the exception of the converter.
    """
    return RuntimeError(f"{title} cannot hold this model: {first_line(error)}")


def layers_with(operators: set[str], model: keras.Model, size: tuple[int | None, int | None]) -> list[Any]:
    """The layers of a functional `model` that trace to one of `operators`, in the order of the graph; [] for others."""
    import tensorflow as tf

    functional = _graph.as_functional(model)
    if functional is None:
        return []
    made = []

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        graph = tf.compat.v1.get_default_graph()
        before = len(graph.get_operations())
        outputs = operation(*args, **kwargs)
        made.append((operation, [node.node_def for node in graph.get_operations()[before:]]))
        return outputs

    def trace(image: Any) -> None:
        with export_form.portable():
            _graph.replay_opened(functional, image, call)

    spec = tf.TensorSpec((1, *size, model.input_shape[-1]), "float32")
    library = tf.function(trace).get_concrete_function(spec).graph.as_graph_def().library
    bodies = {function.signature.name: function.node_def for function in library.function}
    found = [operation for operation, nodes in made if operators & _operators(nodes, dict(bodies))]
    return list(dict.fromkeys(found))


def _operators(nodes: Iterable[Any], bodies: dict[str, Any]) -> set[str]:
    """The operators of nodes and of the functions they call, loops and branches included."""
    found, ahead = set(), list(nodes)
    while ahead:
        node = ahead.pop()
        found.add(node.op)
        for attribute in node.attr.values():
            # Each body once: it does not depend on the caller.
            ahead.extend(bodies.pop(attribute.func.name, ()))
    return found
