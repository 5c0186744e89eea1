"""Why a reader of ONNX files refuses a node, or computes it wrongly; None where it takes it.

Rules without a source beside them were measured: tests/export/test_onnx_readers.py runs the readers that can be had.
"""

from collections.abc import Callable

from keras_seg.export.delegates.refusal import UNKNOWN_SIZE, Refusal
from keras_seg.export.file_graph import Node, Tensor
from keras_seg.export.onnx_readers.operators import NEWEST_OPSET, ONNX2TF, OPENCV, TENSORRT, WEBGPU

_OTHER_OPERATIONS = "Write it with other operations."
# onnx-tensorrt, docs/operators.md: the data types, of which bytes are read and written only.
_TENSORRT_TYPES = {"FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE", "INT32", "INT64", "BOOL", "UINT8"}
# onnx-tensorrt, builtin_op_static_checkers.cpp, checkResize.
_COORDINATES = {"align_corners", "asymmetric", "half_pixel", "pytorch_half_pixel", "tf_half_pixel_for_nn"}
# onnxruntime, core/providers/js/operators/cast.cc; other operators take no more types.
_WEBGPU_TYPES = {"FLOAT", "FLOAT16", "INT32", "UINT32", "BOOL"}
# The rounding of nearest neighbors that OpenCV 4 computes for each kind of coordinates.
_OPENCV_NEAREST = {
    "asymmetric": "floor",
    "align_corners": "round_prefer_ceil",
    "half_pixel": "round_prefer_ceil",
    "pytorch_half_pixel": "round_prefer_ceil",
    "tf_half_pixel_for_nn": "floor",
}
_WHOLE_TYPES = {"INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"}


def tensorrt_refusal(node: Node) -> Refusal | None:
    """Why TensorRT 10 refuses a node."""
    if refusal := _lacking(node, TENSORRT):
        return refusal
    for tensor in node.at_run_time:
        if tensor.dtype not in _TENSORRT_TYPES or (tensor.dtype == "UINT8" and node.op != "Cast"):
            return Refusal(reason=f"{tensor.dtype.lower()} values", fix="Compute in float32.")
    if node.op == "Resize":
        mode, coordinates, rounding = _resizing(node)
        if mode == "cubic" or coordinates not in _COORDINATES:
            return Refusal(reason=f"{mode} resizing by {coordinates}", fix="Resize bilinearly or to nearest neighbors.")
        if coordinates == "tf_half_pixel_for_nn" and rounding != "round_prefer_floor":
            return Refusal(reason=f"{coordinates} with {rounding}", fix="Write it as asymmetric with floor.")
    if node.op in ("AveragePool", "MaxPool") and any(step != 1 for step in node.options.get("dilations", ())):
        return Refusal(reason="pooling with a dilation", fix="Pool without a dilation.")
    if node.op == "MaxPool" and len(node.outputs) > 1:
        return Refusal(reason="indices of maxima", fix="Use keras_seg.layers.MaxPoolingWithArgmax2D.")
    return None


def opencv_refusal(node: Node) -> Refusal | None:
    """Why OpenCV 4 refuses a node, or computes other numbers; OpenCV 5 takes more."""
    if refusal := _lacking(node, OPENCV):
        return refusal
    # An unknown batch is one image.
    if any(side < 0 for tensor in node.at_run_time for side in tensor.shape[1:] or tensor.shape):
        return UNKNOWN_SIZE
    if any(tensor.constant and tensor.dtype == "BOOL" for tensor in node.inputs):
        return Refusal(reason="a constant of truth values", fix="Multiply by zeros and ones.")
    if node.op in ("ArgMax", "ArgMin") and len(node.outputs[0].shape) == 1:
        # In a network, the result is what other nodes left in its memory.
        return Refusal(reason="positions along one axis, which it computes wrongly", fix="Keep all axes of the map.")
    checks = {"Cast": _cast, "MaxPool": _pooling, "Pad": _padding, "Resize": _opencv_resizing, "Slice": _slice}
    return checks[node.op](node) if node.op in checks else None


def webgpu_refusal(node: Node) -> Refusal | None:
    """Why ONNX Runtime Web leaves a node to the processor where it has WebGPU; its results are the same."""
    if refusal := _lacking(node, WEBGPU):
        return refusal
    for tensor in node.at_run_time:
        if tensor.dtype not in _WEBGPU_TYPES:
            fix = {"UINT8": 'Export with input="float32".', "INT64": UNKNOWN_SIZE.fix}
            fix = fix.get(tensor.dtype, "Compute in float32.")
            return Refusal(reason=f"{tensor.dtype.lower()} values", fix=fix)
    return None


def onnx2tf_refusal(node: Node) -> Refusal | None:
    """Why onnx2tf cannot convert a node, or may convert it to other numbers."""
    if refusal := _lacking(node, ONNX2TF):
        return refusal
    # Its README, "Key concept".
    if any(side < 0 for tensor in node.at_run_time for side in tensor.shape):
        return UNKNOWN_SIZE
    maps = [tensor for tensor in node.at_run_time if len(tensor.shape) == 4]
    # Axes of one entry may go anywhere.
    changed = len({tuple(side for side in tensor.shape if side > 1) for tensor in maps}) > 1
    if node.op in ("ConvTranspose", "Reshape") and changed:
        for tensor in maps:
            if tensor.shape[1] in tensor.shape[2:]:
                shape = " x ".join(map(str, tensor.shape))
                fix = "Compare its file with this one, or export another input_size, such as one that is not square."
                return Refusal(reason=f"axes of equal size ({shape}), which it may confuse", fix=fix)
    return None


def _lacking(node: Node, operators: frozenset[str]) -> Refusal | None:
    if node.custom:
        return Refusal(reason=f"no operator of ONNX up to opset {NEWEST_OPSET}", fix=_OTHER_OPERATIONS)
    return (
        None if node.op in operators else Refusal(reason="no such operator", fix=_FIXES.get(node.op, _OTHER_OPERATIONS))
    )


_CHOOSE = "Choose by products with zeros and ones."
_FIXES = {"And": _CHOOSE, "Or": _CHOOSE, "Xor": _CHOOSE, "IsNaN": _CHOOSE}


def _resizing(node: Node) -> tuple[str, str, str]:
    """(mode, coordinates, rounding) of a Resize node."""
    options = node.options
    coordinates = options.get("coordinate_transformation_mode", "half_pixel")
    return options.get("mode", "nearest"), coordinates, options.get("nearest_mode", "round_prefer_floor")


def _opencv_resizing(node: Node) -> Refusal | None:
    mode, coordinates, rounding = _resizing(node)
    if mode == "cubic" or coordinates not in _OPENCV_NEAREST:
        return Refusal(reason=f"{mode} resizing by {coordinates}", fix="Resize bilinearly or to nearest neighbors.")
    if mode == "nearest" and rounding != _OPENCV_NEAREST[coordinates]:
        return Refusal(reason=f"{coordinates} with {rounding}", fix="Write it as asymmetric with floor.")
    if node.inputs[0].shape[:2] != node.outputs[0].shape[:2]:
        return Refusal(reason="resizing of other axes than the last two", fix="Resize height and width only.")
    return None


def _cast(node: Node) -> Refusal | None:
    source, target = node.inputs[0], node.outputs[0]
    if target.dtype in _WHOLE_TYPES and source.dtype not in {*_WHOLE_TYPES, "BOOL"} and not source.whole:
        return Refusal(reason="a conversion to integers, which keeps fractions", fix="Round down before it.")
    return None


def _pooling(node: Node) -> Refusal | None:
    if any(step != 1 for step in node.options.get("dilations", ())):
        return Refusal(reason="pooling with a dilation", fix="Pool without a dilation.")
    return None


def _padding(node: Node) -> Refusal | None:
    widths = _numbers(node, 1)
    if min(widths, default=0) < 0:
        return Refusal(reason="negative padding", fix="Slice.")
    half = len(widths) // 2
    if node.options.get("mode") == "reflect" and any(widths[: half - 2] + widths[half:-2]):
        return Refusal(reason="reflection of other axes than the last two", fix="Pad with zeros.")
    return None


def _slice(node: Node) -> Refusal | None:
    return Refusal(reason="a reversed slice", fix="Gather.") if min(_numbers(node, 4), default=1) < 0 else None


def _numbers(node: Node, position: int) -> tuple[float, ...]:
    """The values of an input that is a small constant; empty for others."""
    given: tuple[Tensor, ...] = node.inputs[position : position + 1]
    return given[0].numbers if given else ()


RULES: dict[str, Callable[[Node], Refusal | None]] = {
    "tensorrt": tensorrt_refusal,
    "opencv": opencv_refusal,
    "webgpu": webgpu_refusal,
    "onnx2tf": onnx2tf_refusal,
}
