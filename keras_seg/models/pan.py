"""PAN: attention made of a small pyramid of convolutions, and averages of deep maps that weigh finer ones."""

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Tensor, Weights
from keras_seg.backbones.pyramid import level_of
from keras_seg.layers import ResizeLike
from keras_seg.layers.pad_to_minimum import PadToMinimum
from keras_seg.layers.upsample_conv import TORCH_EPSILON
from keras_seg.models.parts.blocks import conv_block
from keras_seg.models.parts.encoder_decoder import (
    BackboneChoice,
    backbone_encoder,
    check_joinable,
    cropped_model,
    padded,
    strides_from,
)
from keras_seg.models.parts.image_model import check_common, check_dropout

# Kernels of the pyramid, the finest first.
_KERNELS = (7, 5, 3)


def PAN(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | keras.Model = "ResNet34", weights: Weights = None, backbone_trainable: bool = True,
    output_stride: int = 16, dilate_strided: bool | None = None, filters: int = 32, normalize_image: bool = True,
    dropout: float = 0.0,
    activation: str | None = "softmax", include_preprocessing: bool | str = True, name: str = "pan",
) -> keras.Model:  # fmt: skip
    """Attention on the deepest map of any backbone, and a light decoder that deep maps guide.

    Where to look is decided by a pyramid with a single channel: the deepest map is pooled three times, read by kernels
    of 7, 5 and 3 pixels, and enlarged again to one number per position, by which the map is multiplied. On the way up,
    the average of the map below decides how much each channel of a finer map counts. The decoder has 0.2 million
    parameters on ResNet34, and unlike `MAnet`'s its attention grows with the number of positions, not with its square.

    It is the net of segmentation_models_pytorch, whose weights `keras_seg.models.convert` takes into models with
    `dilate_strided=True` or `output_stride=32`.

    Args:
        output_stride: int. The deepest stride of the backbone or half of it, where its last stage is dilated instead,
            as in `DeepLabV3Plus`. Defaults to 16.
        dilate_strided: bool or None. As in `DeepLabV3`: True for weights of segmentation_models_pytorch. Defaults to
            None.
        filters: int. Of all convolutions of the decoder except for those with one channel. Defaults to 32.
        normalize_image: bool. As in `DeepLabV3`, for the averages of the map and of those that guide. Defaults to True.
        dropout: float. In [0, 1), before the classes. Defaults to 0.

    Other arguments, result and errors: see `UNet`; `backbone` cannot be None here.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.PAN(num_classes=21, backbone="ResNet34", dilate_strided=True)
        >>> sum(int(weight.numpy().size) for weight in model.trainable_weights)
        21481596

    Reference: Li, Xiong, An and Wang, "Pyramid Attention Network for Semantic Segmentation", BMVC 2018, section 3 and
        figures 2 to 4, with the averages of whole maps as in segmentation_models_pytorch.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    filters = _validation.integer("filters", filters)
    _validation.boolean("normalize_image", normalize_image)
    dropout = check_dropout(dropout)

    # Encoder
    choice = BackboneChoice(backbone, weights, backbone_trainable, include_preprocessing)
    encoder = backbone_encoder(
        choice, input_shape, output_stride=output_stride, dilate_strided=dilate_strided, every_map=True
    )
    strides = strides_from(4, encoder)
    check_joinable(strides)
    if output_stride < strides[-1] // 2:
        rule = f"must be the deepest stride of the backbone, {strides[-1]}, or half of it"
        _validation.fail("output_stride", rule, output_stride)
    image = keras.Input(input_shape, name="image")
    pyramid = encoder(padded(image, output_stride, encoder=encoder))

    # Decoder
    normalization = "batch" if normalize_image else None
    x = _attending(pyramid[level_of(strides[-1])], filters, normalization)
    for stride in strides[-2::-1]:
        x = _guided(pyramid[level_of(stride)], x, filters, f"stage{stride}", normalization=normalization)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)

    # Head
    scale = min(strides[0], output_stride)
    return cropped_model(image, x, num_classes, activation, kernel_size=3, scale=scale, name=name)


def _attending(x: Tensor, filters: int, normalization: str | None) -> Tensor:
    """The map, each position times a number that a pyramid around it gives, plus the whole image's average."""
    average = _averaged(x, filters, "image", normalization, activation="relu")
    pixels = _convolved(x, filters, "pixel", 1)
    down, maps = PadToMinimum(2 ** len(_KERNELS), name="pyramid_pad")(x), []
    for number, kernel in enumerate(_KERNELS, start=1):
        down = _convolved(layers.MaxPooling2D(2, name=f"down{number}_pool")(down), 1, f"down{number}", kernel)
        maps.append(down)
    x = _convolved(down, 1, "bottom", _KERNELS[-1])
    for number, map in reversed(list(enumerate(maps[:-1], start=1))):
        up = _convolved(map, 1, f"up{number}", _KERNELS[number - 1])
        x = layers.Add(name=f"up{number}_add")([up, _enlarged(x, up, f"up{number}_enlarge")])
    weighed = layers.Multiply(name="pixel_weighed")([pixels, _enlarged(x, pixels, "pyramid_enlarge")])
    return layers.Add(name="image_add")([weighed, average])


def _guided(fine: Tensor, deep: Tensor, filters: int, name: str, *, normalization: str | None) -> Tensor:
    """The deep map enlarged, plus the fine one, whose channels are weighed by the deep map's averages."""
    gate = _averaged(deep, filters, f"{name}_gate", normalization, activation="sigmoid")
    weighed = layers.Multiply(name=f"{name}_weighed")([_convolved(fine, filters, name, 3), gate])
    return layers.Add(name=f"{name}_add")([_enlarged(deep, weighed, f"{name}_enlarge"), weighed])


def _averaged(x: Tensor, filters: int, name: str, normalization: str | None, *, activation: str) -> Tensor:
    average = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_pool")(x)
    return _convolved(average, filters, name, 1, normalization=normalization, activation=activation)


def _convolved(
    x: Tensor, filters: int, name: str, kernel: int, *, normalization: str | None = "batch", activation: str = "relu"
) -> Tensor:
    return conv_block(
        x,
        filters,
        name,
        kernel_size=kernel,
        activation=activation,
        normalization=normalization,
        epsilon=TORCH_EPSILON,
        use_bias=True,
    )


def _enlarged(x: Tensor, like: Tensor, name: str) -> Tensor:
    return ResizeLike(align_corners=True, name=name)([x, like])
