"""The blocks that the models are made of: functions from tensors to tensors that name every layer."""

from typing import Any

from keras import layers

from keras_seg._types import Size, Tensor
from keras_seg.backbones.channel_gate import channel_gate
from keras_seg.layers import AdaptiveAveragePooling2D, CropLike, Resize2D, ResizeLike, UpsampleConv
from keras_seg.layers.upsample_conv import EPSILON, normalization_layer

# Of a U-Net's stages.
ATTENTIONS = ("gate", "scse", None)
# Channels per mixture of channels.
_REDUCTION = 16


def conv_block(
    x: Tensor,
    filters: int,
    name: str,
    *,
    kernel_size: Size = 3,
    strides: int = 1,
    dilation_rate: Size = 1,
    padding: str = "same",
    activation: str | None = "relu",
    normalization: str | None = "batch",
    epsilon: float = EPSILON,
    use_bias: bool = False,
) -> Tensor:
    """Convolution, normalization, activation: layers `{name}_conv`, `{name}_norm` and `{name}_{activation}`.

    With `normalization=None` the convolution has a bias instead, and with `use_bias` beside it. With `strides` it pads
    both sides alike, as PyTorch does, unless `padding="valid"`.
    """
    if strides > 1 and padding == "same":
        x, padding = _surrounded(x, f"{name}_pad"), "valid"
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        dilation_rate=dilation_rate,
        padding=padding,
        use_bias=use_bias or normalization is None,  # Every normalization has an offset of its own.
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    return _finished(x, name, activation=activation, normalization=normalization, epsilon=epsilon)


def depthwise_block(
    x: Tensor,
    name: str,
    *,
    strides: int = 1,
    multiplier: int = 1,
    activation: str | None = "relu",
    epsilon: float = EPSILON,
) -> Tensor:
    """A 3x3 convolution of each channel, `multiplier` results per channel, normalized: as `conv_block` has it."""
    if strides > 1:
        x = _surrounded(x, f"{name}_pad")
    x = layers.DepthwiseConv2D(
        3,
        strides=strides,
        depth_multiplier=multiplier,
        padding="valid" if strides > 1 else "same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    return _finished(x, name, activation=activation, normalization="batch", epsilon=epsilon)


def _surrounded(x: Tensor, name: str) -> Tensor:
    """One more row and column of zeros on each side, for a 3x3 convolution."""
    return layers.ZeroPadding2D(1, name=name)(x)


def _finished(x: Tensor, name: str, *, activation: str | None, normalization: str | None, epsilon: float) -> Tensor:
    """What a convolution gives, normalized and activated."""
    normalize = normalization_layer(normalization, x.shape[-1], epsilon=epsilon, name=f"{name}_norm")
    if normalize is not None:
        x = normalize(x)
    return layers.Activation(activation, name=f"{name}_{activation}")(x) if activation else x


def conv_blocks(
    x: Tensor,
    filters: int,
    count: int,
    *,
    name: str,
    kernel_size: Size = 3,
    padding: str = "same",
    normalization: str | None = "batch",
    epsilon: float = EPSILON,
) -> Tensor:
    """`count` convolution blocks in a row, named `{name}_1`, `{name}_2`, ..."""
    for index in range(1, count + 1):
        x = conv_block(
            x,
            filters,
            f"{name}_{index}",
            kernel_size=kernel_size,
            padding=padding,
            normalization=normalization,
            epsilon=epsilon,
        )
    return x


def decoder_stage(
    x: Tensor,
    skip: Tensor | None,
    filters: int,
    name: str,
    *,
    convolutions: int = 2,
    interpolation: str = "nearest",
    normalization: str | None = "batch",
    epsilon: float = EPSILON,
    odd_sizes: bool = False,
    attention: str | None = None,
) -> Tensor:
    """`x` doubled, joined with a skip connection where there is one, and convolved: a stage of a U-Net's decoder.

    `attention` is one of `ATTENTIONS`: "scse" weighs what is joined and what comes out, "gate" the skip.
    """
    if attention == "gate" and skip is not None:
        skip = _gated(skip, x, f"{name}_gate", odd_sizes=odd_sizes)
    if attention == "scse" and skip is not None:
        # The weights depend on the joined map, so that it has to be there: `UpsampleConv` never computes it.
        x = Resize2D(2, interpolation=interpolation, name=f"{name}_up")(x)
        if odd_sizes:
            x = CropLike(name=f"{name}_crop")([x, skip])
        x = _weighed(layers.Concatenate(name=f"{name}_joined")([x, skip]), f"{name}_join_")
        x = conv_block(x, filters, f"{name}_first", normalization=normalization, epsilon=epsilon)
    else:
        x = UpsampleConv(
            filters,
            interpolation=interpolation,
            normalization=normalization,
            epsilon=epsilon,
            odd_sizes=odd_sizes,
            name=f"{name}_up",
        )(x if skip is None else [x, skip])
    x = conv_blocks(x, filters, convolutions - 1, name=name, normalization=normalization, epsilon=epsilon)
    return _weighed(x, f"{name}_out_") if attention == "scse" else x


def _gated(skip: Tensor, x: Tensor, name: str, *, odd_sizes: bool) -> Tensor:
    """The skip times a number for each place, by what it shows there and by `x`, the map of half its size."""
    filters = max(1, skip.shape[-1] // 2)
    shown = layers.Conv2D(filters, 2, strides=2, padding="same", use_bias=False, name=f"{name}_skip")(skip)
    both = layers.Add(name=f"{name}_add")([shown, layers.Conv2D(filters, 1, name=f"{name}_deep")(x)])
    both = layers.ReLU(name=f"{name}_relu")(both)
    places = layers.Conv2D(1, 1, activation="sigmoid", name=f"{name}_places")(both)
    places = Resize2D(2, interpolation="bilinear", name=f"{name}_up")(places)
    if odd_sizes:
        places = CropLike(name=f"{name}_crop")([places, skip])
    return layers.Multiply(name=f"{name}_weighed")([skip, places])


def _weighed(x: Tensor, name: str) -> Tensor:
    """The map times the sum of a number for each channel and one for each place: scSE."""
    channels = channel_gate(x, max(1, x.shape[-1] // _REDUCTION), name)
    places = layers.Conv2D(1, 1, activation="sigmoid", name=f"{name}places")(x)
    return layers.Multiply(name=f"{name}weighed")([x, layers.Add(name=f"{name}weights")([channels, places])])


def region_features(
    x: Tensor,
    size: int,
    filters: int,
    name: str,
    *,
    normalize: bool | None = None,
    epsilon: float = EPSILON,
    align_corners: bool = False,
) -> Tensor:
    """Averages of `x` over size x size regions, convolved 1x1 and enlarged back to the size of `x`.

    They are normalized unless there is one region: one of a single image has no variance to divide by, and its moving
    statistics would ruin inference. `normalize` decides otherwise.
    """
    pooled = AdaptiveAveragePooling2D(size, name=f"{name}_pool")(x)
    normalization = "batch" if (size > 1 if normalize is None else normalize) else None
    pooled = conv_block(pooled, filters, name, kernel_size=1, normalization=normalization, epsilon=epsilon)
    return ResizeLike(align_corners=align_corners, name=f"{name}_enlarge")([pooled, x])


def pyramid_pooling(
    x: Tensor,
    bins: tuple[int, ...],
    filters: int,
    *,
    branch_filters: int,
    kernel_size: int = 3,
    **options: Any,
) -> Tensor:
    """A map beside its averages over grids of `bins` regions per side, convolved; `options` of `region_features`."""
    regions = [region_features(x, size, branch_filters, f"pyramid{size}", **options) for size in bins]
    joined = layers.Concatenate(name="pyramid_join")([x, *regions])
    epsilon = options.get("epsilon", EPSILON)
    return conv_block(joined, filters, "bottleneck", kernel_size=kernel_size, epsilon=epsilon)


def atrous_pooling(
    x: Tensor,
    rates: tuple[int, ...],
    filters: int,
    *,
    normalize_image: bool | None = None,
    epsilon: float = EPSILON,
) -> Tensor:
    """What a map says at each pixel, around it at several dilation rates, and as a whole, joined."""
    branches = [conv_block(x, filters, "aspp_pixel", kernel_size=1, epsilon=epsilon)]
    branches += [
        conv_block(x, filters, f"aspp_rate{index}", dilation_rate=rate, epsilon=epsilon)
        for index, rate in enumerate(rates, start=1)
    ]
    branches.append(region_features(x, 1, filters, "aspp_image", normalize=normalize_image, epsilon=epsilon))
    return conv_block(layers.Concatenate(name="aspp_join")(branches), filters, "aspp", kernel_size=1, epsilon=epsilon)


def scaled_rates(rates: tuple[int, ...] | None, output_stride: int) -> tuple[int, ...]:
    """The dilations of `atrous_pooling`: the papers' 6, 12, 18 at stride 16, or as many pixels of the image."""
    return rates or tuple(max(1, rate * 16 // output_stride) for rate in (6, 12, 18))
