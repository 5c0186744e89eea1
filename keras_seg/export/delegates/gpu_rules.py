"""What the GPU delegates of phones compute.

The rules are those of LiteRT's checker, and what its users report of devices. The newest delegate computes more: LiteRT
2.3 also takes ARG_MAX and the conversion of bytes.

Reference: LiteRT, tflite/tools/versioning/gpu_compatibility.cc; google-ai-edge/LiteRT issues 506, 8598, 9191, 9192.
"""

import math

from keras_seg.export.delegates.refusal import MAXIMUM_RANK, Refusal, general_refusal
from keras_seg.export.file_graph import Node

_NAMES = """
ABS ADD ADD_N AVERAGE_POOL_2D BATCH_MATMUL CAST CEIL CONCATENATION CONV_2D COS CUMSUM DEPTHWISE_CONV_2D
DEPTH_TO_SPACE DEQUANTIZE DIV ELU EMBEDDING_LOOKUP EQUAL EXP FLOOR FLOOR_DIV FLOOR_MOD FULLY_CONNECTED GATHER
GELU GREATER GREATER_EQUAL HARD_SWISH L2_NORMALIZATION LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND LOGICAL_NOT
LOGICAL_OR LOGISTIC LSTM MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL ONE_HOT PACK PAD PADV2
POW PRELU QUANTIZE REDUCE_ALL REDUCE_ANY REDUCE_MAX REDUCE_MIN REDUCE_PROD RELU RELU6 RELU_N1_TO_1 RESHAPE
RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT SELECT SELECT_V2 SIGN SIN SLICE SOFTMAX
SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE STRIDED_SLICE SUB SUM TANH TILE TOPK_V2 TRANSPOSE
TRANSPOSE_CONV
"""
_OPERATORS = frozenset(_NAMES.split())
_CUSTOM = {"MaxPoolingWithArgmax2D", "MaxUnpooling2D", "Convolution2DTransposeBias", "Resampler"}
# Operators that older delegates lack.
RECENT = frozenset(
    {"EQUAL", "GREATER", "LESS", "NOT_EQUAL", "LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR", "PACK", "SELECT", "SELECT_V2"}
)
_TYPES = {"FLOAT32", "FLOAT16", "INT32", "BOOL"}
_CASTS = {("FLOAT32", "INT32"), ("INT32", "FLOAT32"), ("BOOL", "FLOAT32"), ("FLOAT32", "BOOL")}

_CLIENT = "Output the scores, and take the class of the highest score in the client."
_FIXES = {
    "ARG_MAX": _CLIENT,
    "ARG_MIN": _CLIENT,
    "BROADCAST_TO": "Multiply or add: both broadcast by themselves.",
    "GATHER_ND": "Slice the map, or gather along one axis.",
    "RELU_0_TO_1": "Write it as minimum(relu(x), 1).",
}
_REFLECT = 0
_KEPT_APART = "Put a maximum with the lowest number between the two, as `export.tflite` does."
# The newest versions that the delegate takes, where converters write newer ones.
_NEWEST = {"TRANSPOSE_CONV": 3}
# Rows and columns that every device of WebGPU has. The kernel of a convolution has a row per number that is summed up,
# of a transposed one per four of them, and a column per four filters.
LARGEST_TEXTURE = 8192


def gpu_refusal(node: Node) -> Refusal | None:
    """Why the GPUs of phones refuse a node; None where they compute it."""
    known = node.op in (_CUSTOM if node.custom else _OPERATORS)
    if not known:
        kind = "custom operator" if node.custom else "operator"
        return Refusal(reason=f"no such {kind} on GPUs", fix=_FIXES.get(node.op, "Write it with other operations."))
    if refusal := general_refusal(node):
        return refusal
    if any(len(tensor.shape) == MAXIMUM_RANK and tensor.shape[0] > 1 for tensor in node.at_run_time):
        # LiteRT 2.3 takes some of them and computes wrong numbers.
        return Refusal(reason="several maps in the batch axis", fix="Keep the batch axis at 1 within the model.")
    for tensor in node.at_run_time:
        if node.op == "CAST" or tensor.dtype in _TYPES or (tensor.dtype in ("INT8", "UINT8") and tensor.quantized):
            continue
        fix = "Quantize to int8." if tensor.dtype == "INT16" else "Compute in float32."
        return Refusal(reason=f"{tensor.dtype.lower()} values", fix=fix)
    if node.version > _NEWEST.get(node.op, node.version):
        return Refusal(reason=f"version {node.version} of the operator, with an activation", fix=_KEPT_APART)
    return _refusal_of_options(node) or _computed_otherwise(node)


def _computed_otherwise(node: Node) -> Refusal | None:
    """Why LiteRT 2.3 takes a node and computes other numbers, without an error; None where its numbers are right."""
    if node.op in ("AVERAGE_POOL_2D", "MAX_POOL_2D") and node.inputs[0].source == "PAD":
        return Refusal(reason="takes padding that counts for padding that does not", fix=_KEPT_APART)
    if node.op in ("CONV_2D", "DEPTHWISE_CONV_2D") and node.inputs[0].source == "PADV2":
        return Refusal(reason="takes padding by any number for zeros", fix=_KEPT_APART)
    if node.op not in ("CONV_2D", "TRANSPOSE_CONV"):
        return None
    filters, *summed = node.inputs[1].shape  # Filters, height, width and channels in both.
    rows = math.prod(summed) // (4 if node.op == "TRANSPOSE_CONV" else 1)
    if max(rows, -(-filters // 4)) > LARGEST_TEXTURE:
        size = " x ".join(map(str, node.inputs[1].shape))
        return Refusal(reason=f"a kernel of {size} exceeds the textures of WebGPU", fix="Use fewer channels.")
    return None


def _refusal_of_options(node: Node) -> Refusal | None:
    options = node.options
    if node.op == "CAST":
        between = (node.inputs[0].dtype, node.outputs[0].dtype)
        if between not in _CASTS:
            old, new = (dtype.lower() for dtype in between)
            fix = 'Export with input="float32".' if old == "uint8" else "Convert between float32, int32 and bool only."
            return Refusal(reason=f"conversion of {old} to {new}", fix=fix)
    if node.op == "STRIDED_SLICE":
        if options.newAxisMask or options.shrinkAxisMask or options.ellipsisMask:
            return Refusal(reason="a slice that removes or adds an axis", fix="Slice with all axes kept, then reshape.")
        if len(node.inputs[0].shape) not in (3, MAXIMUM_RANK):
            return Refusal(reason="a slice of less than three axes", fix="Slice a map.")
    if node.op == "MIRROR_PAD" and options.mode != _REFLECT:
        return Refusal(reason="symmetric padding", fix="Pad by reflection or with zeros.")
    if node.op == "RESIZE_BILINEAR" and options.alignCorners and options.halfPixelCenters:
        return Refusal(reason="aligned corners with half pixels", fix="Resize with half_pixel_centers alone.")
    if node.op == "SOFTMAX" and options.beta != 1:
        return Refusal(reason=f"softmax with beta {options.beta:g}", fix="Scale the logits before the softmax.")
    if node.op == "GATHER" and not (node.inputs[1].dtype == "INT32" and len(node.inputs[1].shape) == 1):
        return Refusal(reason="a gather by other than a row of int32 indices", fix="Gather along one axis.")
    return None
