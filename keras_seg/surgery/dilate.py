"""A model with dilation in place of its last strides: finer maps from the same weights."""

import dataclasses
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._graph import image_graph, replay_opened
from keras_seg._types import Tensor
from keras_seg.analysis.layer_reach import reach_of
from keras_seg.layers import DilatedPooling2D
from keras_seg.layers.global_response_normalization import GlobalResponseNormalization
from keras_seg.layers.reach import Reach, padding_around, window_of_layer
from keras_seg.surgery.copying import LayerCopies, Traced, original_outputs, split_arguments

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)
# By exact type, as these are replaced: a subclass may compute something else.
_POOLINGS = {keras.layers.MaxPooling2D: "max", keras.layers.AveragePooling2D: "average"}
_GLOBAL_POOLINGS = (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D)

# Replaces an unknown size. It is a multiple of every common stride, and only shapes are computed with it.
_ANY_SIZE = 3 * 1024


def dilate(model: keras.Model, *, output_stride: int = 8, dilate_strided: bool = False) -> Any:
    """Limit the stride of a model to `output_stride` by dilation, with the same weights.

    Strides that would exceed it are set to 1, and the kernels, pools and paddings of *all* later layers are spread by
    the factor that was removed: at output stride 16 a ResNet's last stage is dilated by 2, at 8 its last two by 2 and
    4. No weight changes and none is added. The maps are finer and contain the old ones: **every `s`-th row and column
    of a dilated map is the original map**, where s is its dilation (the subsampling identity), borders included. Where
    layers pad ("same"), the padding has the same position as in the original, which takes `ZeroPadding2D` layers named
    `{layer}_pad`; for inputs of unknown size it is that of sizes that are multiples of the strides.

    If any layer of the model pads, a strided window without padding ("valid", such as VGG's 2x2 pooling) is padded at
    the far end once its stride is removed, so that the maps still divide the image evenly. If no layer pads, no padding
    is added.

    A global pooling after the dilated part, or the normalization of ConvNeXtV2, averages or compares more pixels than
    before, so the layers after it have values close to the original ones, not equal ones.

    Args:
        model: functional `keras.Model` with one image as input, without a dense head: a backbone, or the model that
            `convolutionalize` returns. It is not changed; the result has copies of its weights.
        output_stride: int. A stride that the model passes through; 1 removes all strides. Defaults to 8.
        dilate_strided: bool. True also dilates the convolutions that lose their stride, not only those behind them, as
            torchvision does in MobileNetV3 and segmentation_models_pytorch everywhere. The new maps then do not
            contain the old ones: pass it for weights that were trained so. Defaults to False.

    Returns:
        A functional `keras.Model` with the inputs, outputs and layer names of `model`. Poolings in the dilated part are
        `keras_seg.layers.DilatedPooling2D`.

    Raises:
        InputError: if the model never has that stride, flattens a dilated map, enlarges it, or joins it with a map that
            is not dilated.

    Examples:
        >>> import keras, keras_seg as ks, numpy as np
        >>> backbone = keras.applications.VGG16(include_top=False, weights=None)
        >>> fine = ks.surgery.dilate(backbone, output_stride=8)
        >>> tuple(fine(np.zeros((1, 64, 96, 3))).shape) == (1, 8, 12, 512)
        True

    Reference:
        Yu and Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", ICLR 2016, section 4, "Front end";
        Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017, section 3.1.
    """
    model = image_graph(model)
    output_stride = _validation.integer("output_stride", output_stride)
    _validation.boolean("dilate_strided", dilate_strided)
    image = model.inputs[0]
    inputs = keras.Input(image.shape[1:], dtype=image.dtype, name=image._keras_history.operation.name)
    surgeon = _Surgeon(output_stride, pads=_pads(model), dilate_strided=dilate_strided)
    spec = keras.KerasTensor(
        (None, *(side or _ANY_SIZE for side in image.shape[1:3]), image.shape[-1]), dtype=image.dtype
    )
    values = replay_opened(model, _Value(inputs, spec), surgeon.call)
    if output_stride not in surgeon.strides:
        _validation.fail(
            "output_stride",
            "must be a stride that the model passes through",
            output_stride,
            f"Choose one of: {', '.join(str(stride) for stride in sorted(surgeon.strides))}.",
        )
    outputs = keras.tree.map_structure(lambda tensor: values[id(tensor)].tensor, model.output)
    return keras.Model(inputs, outputs, name=model.name)


@dataclasses.dataclass(frozen=True)
class _Value(Traced):
    """A tensor of the new graph, with the stride its original had and the dilation it has now, along both axes."""

    stride: tuple = (1, 1)
    dilation: tuple = (1, 1)

    @property
    def is_pixel(self) -> bool:
        """Whether it is a vector or a map of one pixel, on which dilation has no effect."""
        return all(self.size(axis) == 1 for axis in (0, 1))


class _Surgeon:
    """Puts a layer, or its dilated form, into the new graph."""

    def __init__(self, output_stride: int, *, pads: bool, dilate_strided: bool) -> None:
        self.output_stride = output_stride
        self.pads = pads
        self.dilate_strided = dilate_strided
        self.strides = {1}
        self.copies = LayerCopies()

    def call(self, operation: Any, *args: Any, **kwargs: Any) -> Tensor:
        values, tensors, specs = split_arguments(args, kwargs)
        outputs = original_outputs(operation, specs)
        maps = [value for value in values if not value.is_pixel]
        if not maps:
            return self._copied(operation, tensors, outputs, values[0])
        if len({value.dilation for value in maps}) > 1:
            _unfit(operation, "joins dilated maps with undilated ones", "Dilate the encoder alone.")
        value = maps[0]
        stride, dilation = self._after(operation, value)
        if isinstance(operation, _CONVOLUTIONS) or type(operation) in _POOLINGS:
            if value.dilation == dilation == (1, 1):
                return self._copied(operation, tensors, outputs, value, stride=stride)
            change = self._convolution if isinstance(operation, _CONVOLUTIONS) else self._pooling
            return [_Value(change(operation, value), outputs[0], stride, dilation)]
        if value.dilation == (1, 1) and dilation != (1, 1):
            _unfit(operation, "has a stride that cannot be removed", "Pool with keras.layers.MaxPooling2D.")
        if value.dilation == (1, 1) or isinstance(operation, (*_GLOBAL_POOLINGS, GlobalResponseNormalization)):
            return self._copied(operation, tensors, outputs, value, stride=stride)
        changes = {}
        if isinstance(operation, keras.layers.ZeroPadding2D):
            changes["padding"] = _spread(operation.padding, value.dilation)
        elif isinstance(operation, keras.layers.Cropping2D):
            changes["cropping"] = _spread(operation.cropping, value.dilation)
        elif any(reach_of(operation, 0, axis, size=value.size(axis)) != [] for axis in (0, 1)):
            _unfit(
                operation,
                "cannot be applied to a dilated map",
                "Remove the decoder or head, or convolutionalize it.",
            )
        return self._copied(operation, tensors, outputs, value, stride=stride, changes=changes)

    def _after(self, operation: Any, value: _Value) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """(stride of the original, dilation) after an operation, each per axis."""
        strides, dilations = list(value.stride), list(value.dilation)
        for axis in (0, 1):
            chain = reach_of(operation, 0, axis, size=value.size(axis))
            if not isinstance(chain, list) or isinstance(operation, (keras.layers.Flatten, *_GLOBAL_POOLINGS)):
                continue
            for reading in chain:
                dilations[axis] *= self._taken_out(reading, strides[axis] // dilations[axis])
                strides[axis] = max(1, strides[axis] * reading.advance // len(reading.phases))
        self.strides.add(strides[0])
        return tuple(strides), tuple(dilations)

    def _taken_out(self, reading: Reach, stride: int) -> int:
        """The factor by which the stride of `reading` must shrink; 1 if it stays."""
        return reading.advance if reading.advance > 1 and stride * reading.advance > self.output_stride else 1

    def _copied(
        self,
        operation: Any,
        tensors: tuple[Any, Any],
        outputs: Any,
        value: Any,
        *,
        stride: Any = None,
        changes: Any = None,
    ) -> Any:
        args, kwargs = tensors
        results = keras.tree.flatten(self.copies.call(operation, args, kwargs, changes))
        stride = stride or value.stride
        return [_Value(t, spec, stride, value.dilation) for t, spec in zip(results, outputs, strict=True)]

    def _convolution(self, layer: keras.layers.Layer, value: Any) -> Any:
        strides, rates, pads = [], [], []
        spreads = self._after(layer, value)[1] if self.dilate_strided else value.dilation
        for axis in (0, 1):
            kernel, stride, rate = window_of_layer(layer, axis)
            strides.append(1 if stride * value.stride[axis] // value.dilation[axis] > self.output_stride else stride)
            rates.append(rate * spreads[axis])
            before, after = self._padding(layer, axis, value)
            # A kernel that is spread more than its input grows around its center.
            growth = (kernel - 1) * rate * (spreads[axis] - value.dilation[axis]) if self.pads else 0
            pads.append((before + growth // 2, after + growth - growth // 2))
        changes: dict[str, Any] = {"strides": tuple(strides), "dilation_rate": tuple(rates)}
        x = value.tensor
        if layer.padding == "same":
            explicit = any(after - before not in (0, 1) for before, after in pads)
        else:
            explicit = any(after for _, after in pads)
        if explicit:

            def make() -> Any:
                return keras.layers.ZeroPadding2D(tuple(pads), name=f"{layer.name}_pad", dtype=layer.dtype_policy)

            x = self.copies.call_new(layer, (x,), {}, make, key=f"padding {pads}")
            changes["padding"] = "valid"
        return self.copies.call(layer, (x,), {}, changes)

    def _pooling(self, layer: keras.layers.Layer, value: Any) -> Any:
        mode = _POOLINGS[type(layer)]
        padding = tuple(self._padding(layer, axis, value) for axis in (0, 1))

        def make() -> Any:
            return DilatedPooling2D(
                layer.pool_size,
                dilation_rate=value.dilation,
                mode=mode,
                padding=padding,
                name=layer.name,
                dtype=layer.dtype_policy,
            )

        return self.copies.call_new(layer, (value.tensor,), {}, make, key=f"{value.dilation} {padding}")

    def _padding(self, layer: keras.layers.Layer, axis: int, value: _Value) -> tuple[int, int]:
        """(before, after) for the dilated form of stride 1, so that it starts where the original does."""
        kernel, stride, rate = window_of_layer(layer, axis)
        extent, spread = (kernel - 1) * rate, value.dilation[axis]
        if layer.padding == "same":
            before = padding_around(extent + 1, stride, value.size(axis))[0]
            return before * spread, (extent - before) * spread
        if not self.pads or stride == 1:
            return 0, 0
        # The last window's stride is removed too: without this the map would end where that window begins.
        size = value.size(axis) or _ANY_SIZE
        return 0, (stride - 1 - (size - extent - 1) % stride) * spread


def _pads(model: keras.Model) -> bool:
    """Whether any layer of the model pads."""
    return any(
        isinstance(layer, keras.layers.ZeroPadding2D)
        or (isinstance(layer, _CONVOLUTIONS) and layer.padding == "same" and max(layer.kernel_size) > 1)
        for layer in model._flatten_layers(include_self=False)
    )


def _spread(pads: Any, dilation: Any) -> Any:
    return tuple(tuple(side * rate for side in pair) for pair, rate in zip(pads, dilation, strict=True))


def _unfit(operation: Any, reason: Any, fix: Any) -> None:
    _validation.fail("model", f"has a layer that {reason}", f"{operation.name} ({type(operation).__name__})", fix)
