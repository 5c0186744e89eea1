"""A TensorFlow graph as ONNX, by tf2onnx, with four corrections.

tf2onnx copies every constant at each of its steps: a file of half a gigabyte took 22 GB of memory. Here the large
weights are inputs of what it converts, and become constants of the file as it is written.

It resizes by a factor, from which runtimes compute the size: three pixels times the float32 next to 28/3 are 27.

It does not know the complement of the error function, in which TensorFlow writes GELU.

It writes nearest-neighbor resizing as "tf_half_pixel_for_nn", which ONNX dropped in opset 13 and TensorRT refuses.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from keras_seg.export.onnx_proto import LargeConstant
from keras_seg.export.traced_module import served_with

if TYPE_CHECKING:
    import onnx

# Bytes. Smaller ones go through tf2onnx, which fuses a bias it knows.
_LARGE = 2**14


def to_onnx(module: Any, opset: int) -> tuple["onnx.ModelProto", dict[str, LargeConstant]]:
    """The ONNX model of a `traced_module`, and the large constants that it lacks, by name."""
    import tensorflow as tf
    from tf2onnx import convert

    large = [variable for variable in module.model.variables if _constant(variable).nbytes >= _LARGE]

    def serve(image: Any, *weights: Any) -> dict[str, Any]:
        return served_with(module, list(zip(large, weights, strict=True)), image)

    names = [f"weights_{number}" for number in range(len(large))]
    specs = [tf.TensorSpec(v.shape, v.dtype, name=name) for v, name in zip(large, names, strict=True)]
    signature = [*module.serve.input_signature, *specs]
    function, handlers = tf.function(serve, input_signature=signature), {"Erfc": (_erfc, [])}
    proto, _ = convert.from_function(function, signature, opset=opset, custom_op_handlers=handlers)
    constants = _taken_out(proto.graph, {name: _constant(one) for name, one in zip(names, large, strict=True)})
    _round_up_factors(proto.graph)
    _plain_nearest(proto.graph)
    return proto, constants


def _erfc(context: Any, node: Any, name: str, arguments: Any) -> None:
    """Put 1 - erf(x) in the place of a node of tf2onnx' graph."""
    dtype, shape = context.get_dtype(node.output[0]), context.get_shape(node.output[0])
    source, outputs = node.input[0], node.output
    context.remove_node(node.name)
    one = context.make_const(f"{name}_one", np.array(1.0, "float32"))
    erf = context.make_node("Erf", [source], dtypes=[dtype], shapes=[shape])
    context.make_node("Sub", [one.output[0], erf.output[0]], name=name, outputs=outputs, dtypes=[dtype], shapes=[shape])


def _constant(variable: Any) -> LargeConstant:
    return LargeConstant(tuple(variable.shape), np.dtype(variable.dtype), variable.numpy)


def _taken_out(graph: "onnx.GraphProto", weights: dict[str, LargeConstant]) -> dict[str, LargeConstant]:
    """The inputs of a graph that are weights, transposed and reshaped as its nodes would at every call.

    The graph is left without these inputs and nodes.
    """
    from onnx import numpy_helper

    for source in [source for source in graph.input if source.name in weights]:
        graph.input.remove(source)
    constants = {constant.name: constant for constant in graph.initializer}
    kept = []
    for node in graph.node:
        weight = weights.get(node.input[0]) if node.input else None
        if weight is not None and node.op_type == "Transpose":
            weights[node.output[0]] = _transposed(weight, tuple(node.attribute[0].ints))
        elif weight is not None and node.op_type == "Reshape" and node.input[1] in constants:
            weights[node.output[0]] = _reshaped(weight, numpy_helper.to_array(constants[node.input[1]]))
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input}
    del graph.node[:]
    graph.node.extend(kept)
    del graph.initializer[:]
    graph.initializer.extend(constant for name, constant in constants.items() if name in used)
    return {name: weight for name, weight in weights.items() if name in used}


def _transposed(weight: LargeConstant, order: tuple[int, ...]) -> LargeConstant:
    shape = tuple(weight.shape[axis] for axis in order)
    return LargeConstant(shape, weight.dtype, lambda: weight.values().transpose(order))


def _reshaped(weight: LargeConstant, shape: np.ndarray) -> LargeConstant:
    sides = tuple(shape.tolist())
    known = int(np.prod([side for side in sides if side >= 0]))
    wanted = tuple(int(np.prod(weight.shape)) // known if side < 0 else side for side in sides)
    return LargeConstant(wanted, weight.dtype, lambda: weight.values().reshape(wanted))


def _round_up_factors(graph: "onnx.GraphProto") -> None:
    """Round factors of Resize up where they are not whole numbers: rounded down, they may give a size too small."""
    from onnx import numpy_helper

    factors = {node.input[2] for node in graph.node if node.op_type == "Resize" and len(node.input) > 2}
    for constant in graph.initializer:
        if constant.name in factors:
            exact = numpy_helper.to_array(constant)
            up = np.where(exact == np.round(exact), exact, np.nextafter(exact, np.float32(np.inf)))
            constant.CopyFrom(numpy_helper.from_array(up.astype(exact.dtype), constant.name))


def _plain_nearest(graph: "onnx.GraphProto") -> None:
    """Write nearest-neighbor resizing in a form that every reader takes.

    With centers at half pixels, rounding up from the half is what TensorFlow does. For a whole factor s the corner of a
    pixel, floor(i / s), lies in the same source pixel as its center, floor((i + 0.5) / s): even old readers know it.
    """
    from onnx import numpy_helper

    constants = {constant.name: constant for constant in graph.initializer}
    for node in graph.node:
        held = {attribute.name: attribute for attribute in node.attribute}
        mode = held.get("coordinate_transformation_mode")
        if node.op_type != "Resize" or mode is None or mode.s != b"tf_half_pixel_for_nn":
            continue
        # Empty where the node is given a size that depends on that of the image.
        factors = constants.get(node.input[2])
        exact = np.zeros(0) if factors is None else numpy_helper.to_array(factors)
        whole = exact.size > 0 and (exact == np.round(exact)).all()
        mode.s, held["nearest_mode"].s = (b"asymmetric", b"floor") if whole else (b"half_pixel", b"round_prefer_ceil")
