"""Which Keras layer brought an operator that a format lacks."""

from keras_seg import _graph
from keras_seg._validation import InputError
from keras_seg.layers import windows

# How many layers an error names.
_MOST = 3


class UnsupportedOperatorError(InputError, RuntimeError):
    """A model needs an operator that a format does not have. The message is one line that names operator and layer."""


def unsupported(format_, operators, model, request):
    """The error about operators that a format lacks.

    Args:
        format_: str, as a person calls it.
        operators: names of TensorFlow operators, such as "MaxPoolWithArgmax".
        model: the Keras model that was to be exported.
        request: the `Request` of the export.
    """
    found = layers_with(set(operators), model, request.size)
    of = ", ".join(f'"{layer.name}" ({type(layer).__name__})' for layer in found[:_MOST])
    if len(found) > _MOST:
        of += f" and {len(found) - _MOST} more"
    part = f"the Keras layer{'s' if len(found) > 1 else ''} {of}" if found else "this model"
    return UnsupportedOperatorError(
        f"{format_} has no built-in operator for {', '.join(sorted(operators))} of {part}. Write it with keras.ops, or "
        f"leave it out of the model that is exported."
    )


def layers_with(operators, model, size):
    """The layers of a functional `model` that trace to one of `operators`, in the order of the graph; [] for others."""
    import tensorflow as tf

    if _graph.as_functional(model) is None:
        return []
    made = []

    def call(operation, *args, **kwargs):
        graph = tf.compat.v1.get_default_graph()
        before = len(graph.get_operations())
        outputs = operation(*args, **kwargs)
        made.append((operation, [node.node_def for node in graph.get_operations()[before:]]))
        return outputs

    def trace(image):
        with windows.portable():
            _graph.replay_opened(_graph.as_functional(model), image, call)

    spec = tf.TensorSpec((1, *size, model.input_shape[-1]), "float32")
    library = tf.function(trace).get_concrete_function(spec).graph.as_graph_def().library
    bodies = {function.signature.name: function.node_def for function in library.function}
    found = [operation for operation, nodes in made if operators & _operators(nodes, dict(bodies))]
    return list(dict.fromkeys(found))


def _operators(nodes, bodies):
    """The operators of nodes and of the functions they call, loops and branches among them."""
    found, ahead = set(), list(nodes)
    while ahead:
        node = ahead.pop()
        found.add(node.op)
        for attribute in node.attr.values():
            # Each body once: what it holds does not depend on who calls it.
            ahead.extend(bodies.pop(attribute.func.name, ()))
    return found
