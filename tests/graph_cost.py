"""The work of a TensorFlow graph, counted and not timed: the bytes that its operations write.

A step of these networks is bound by memory more than by arithmetic, so that what a graph writes stands for its time:
one fused operation instead of thirty shows, and so does a copy that slipped in. The count depends on the version of
TensorFlow and of Keras, never on the machine.
"""

import tensorflow as tf

# What passes a value on, or views it in another shape.
FREE = {
    "Placeholder", "Const", "Identity", "IdentityN", "StopGradient", "PreventGradient", "Reshape", "ExpandDims",
    "Squeeze", "ReadVariableOp", "Shape", "ShapeN", "Arg", "_Arg", "Retval", "_Retval",
}  # fmt: skip
BODIES = {"While": ("cond", "body"), "StatelessWhile": ("cond", "body"), "If": ("then_branch", "else_branch")}
BODIES |= {"StatelessIf": BODIES["If"], "PartitionedCall": ("f",), "StatefulPartitionedCall": ("f",)}


def written_bytes(function, *inputs):
    """The bytes that the operations of a function write, for inputs of known size; a loop counts as one round.

    Args:
        function: function of tensors.
        *inputs: arrays.
    """
    signature = [tf.TensorSpec(value.shape, value.dtype) for value in inputs]
    concrete = tf.function(function, autograph=False).get_concrete_function(*signature)
    return _of_graph(concrete.graph)


def _of_graph(graph):
    total = 0
    for operation in graph.get_operations():
        for name in BODIES.get(operation.type, ()):
            total += _of_graph(graph._get_function(operation.get_attr(name).name).graph)
        if operation.type not in FREE and operation.type not in BODIES:
            total += sum(_size(output) for output in operation.outputs)
    return total


def _size(tensor):
    """The bytes of a tensor; 0 where its size is not known before it is computed."""
    if tensor.dtype in (tf.resource, tf.variant, tf.string) or not tensor.shape.is_fully_defined():
        return 0
    return tensor.shape.num_elements() * tensor.dtype.size
