"""What neural processors (NPUs) and the Edge TPU compute: integers only.

Reference: coral.ai/docs/edgetpu/models-intro, "Supported operations"; google-coral/edgetpu issues 31, 509, 686.
"""

from keras_seg.export.delegates.refusal import Refusal, general_refusal
from keras_seg.export.file_graph import Node

_FLOATS = {"FLOAT16", "FLOAT32", "FLOAT64", "BFLOAT16"}
# As `tflite.float_nodes` leaves them.
_COMPARISONS = {"EQUAL", "GREATER", "NOT_EQUAL"}
_NAMES = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D EXPAND_DIMS FULLY_CONNECTED L2_NORMALIZATION
LOGISTIC MAXIMUM MAX_POOL_2D MEAN MINIMUM MUL PACK PAD PRELU QUANTIZE REDUCE_MAX REDUCE_MIN RELU RELU6
RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SLICE SOFTMAX SPACE_TO_DEPTH SPLIT
SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM TANH TRANSPOSE TRANSPOSE_CONV
"""
_EDGE_TPU = frozenset(_NAMES.split())


def npu_refusal(node: Node) -> Refusal | None:
    """Why neural processors refuse a node; None where they may compute it, which also depends on their maker."""
    if node.custom:
        return Refusal(reason="custom operator", fix="Write it with other operations.")
    if refusal := general_refusal(node):
        return refusal
    floats = [tensor.dtype in _FLOATS for tensor in node.at_run_time]
    if not any(floats):
        return None
    if node.op in ("QUANTIZE", "DEQUANTIZE"):
        fix = 'Export with input="uint8" or "int8", and without float_layers.'
        return Refusal(reason="between integers and floats", fix=fix)
    if node.op in _COMPARISONS:
        return Refusal(reason="compares floats", fix="Models that unpool do so in int8 files too.")
    return Refusal(reason="computes in floats", fix='Export with quantize="int8", without float_layers.')


def edge_tpu_refusal(node: Node) -> Refusal | None:
    """Why the compiler of the Edge TPU leaves a node to the CPU; None where it may map it."""
    if refusal := npu_refusal(node):
        return refusal
    wide = [tensor.dtype for tensor in node.at_run_time if tensor.dtype not in ("INT8", "UINT8")]
    if wide and node.op in _EDGE_TPU:
        return Refusal(reason=f"{wide[0].lower()} values", fix='Export with quantize="int8".')
    if node.op not in _EDGE_TPU:
        return Refusal(reason="no such operator on the Edge TPU", fix="It stays on the CPU, with all that follows it.")
    options = node.options
    if node.op == "TRANSPOSE_CONV" and max(options.strideH, options.strideW) > 1:
        return Refusal(reason="a transposed convolution with a stride", fix="Resize, then convolve.")
    if node.op in ("CONV_2D", "DEPTHWISE_CONV_2D") and options.dilationHFactor != options.dilationWFactor:
        return Refusal(reason="a dilation of different height and width", fix="Use one dilation rate.")
    if node.op == "SOFTMAX" and len([side for side in node.inputs[0].shape if side > 1]) > 1:
        return Refusal(reason="a softmax over a map", fix="Export the logits, a model with activation=None.")
    if node.op in ("AVERAGE_POOL_2D", "CONCATENATION", "MAX_POOL_2D") and options.fusedActivationFunction:
        return Refusal(reason="a fused activation", fix="It stays on the CPU, with all that follows it.")
    if node.op == "STRIDED_SLICE" and any(stride != 1 for stride in node.inputs[3].numbers):
        return Refusal(reason="a slice with a stride", fix="It stays on the CPU, with all that follows it.")
    return None
