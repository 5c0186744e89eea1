"""UPerNet: a pyramid of pooled context on the deepest map, and a feature pyramid down to a quarter of the image."""

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Tensor, Weights
from keras_seg.backbones.pyramid import level_of
from keras_seg.layers import ResizeLike
from keras_seg.layers.channel_normalization import ChannelNormalization
from keras_seg.layers.upsample_conv import TORCH_EPSILON
from keras_seg.models.parts.blocks import conv_block, pyramid_pooling
from keras_seg.models.parts.encoder_decoder import BackboneChoice, joinable_encoder, torch_padded, torch_resized_model
from keras_seg.models.parts.heads import class_scores, fcn_aux
from keras_seg.models.parts.image_model import check_common, check_dropout

_BINS = (1, 2, 3, 6)
_AUX_FILTERS = 256


def UPerNet(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | keras.Model = "ResNet34", weights: Weights = None, backbone_trainable: bool = True,
    filters: int = 256, normalize_image: bool = True, aux: bool = False, dropout: float = 0.1,
    activation: str | None = "softmax", include_preprocessing: bool | str = True, name: str = "upernet",
) -> keras.Model:  # fmt: skip
    """`PSPNet`'s pooled context at the top of an `FPN`, on any backbone.

    The deepest map is pooled over grids of 1, 2, 3 and 6 regions per side, as in `PSPNet`, but at the backbone's own
    stride, which needs no dilation. From there context flows down through the finer maps to a quarter of the image's
    size, where all levels are joined and decide. This is the usual decoder for transformers and ConvNeXts.

    It is the net of segmentation_models_pytorch, whose weights `keras_seg.models.convert` takes: each map of the
    backbone is normalized over its channels. Backbones in PyTorch's form take images as they are; for others the image
    is reflected up to a multiple of the stride, as in `UNet`.

    Args:
        filters: int. Of all convolutions of the decoder. Defaults to 256; with ConvNeXts and Swin 512 is common.
        normalize_image: bool. As in `DeepLabV3`. Defaults to True.
        aux: bool. As in `PSPNet`, with 256 filters and a weight of 0.4, as in mmsegmentation. Defaults to False.
        dropout: float. In [0, 1), before the classes. Defaults to 0.1.

    Other arguments, result and errors: see `UNet`; `backbone` cannot be None here.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.UPerNet(num_classes=21, backbone="ResNet34")
        >>> sum(int(weight.numpy().size) for weight in model.trainable_weights)
        29604821

    Reference: Xiao, Liu, Zhou, Jiang and Sun, "Unified Perceptual Parsing for Scene Understanding", ECCV 2018, section
        3.1 and figure 4.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    filters = _validation.integer("filters", filters)
    _validation.boolean("normalize_image", normalize_image)
    _validation.boolean("aux", aux)
    dropout = check_dropout(dropout)

    # Encoder
    choice = BackboneChoice(backbone, weights, backbone_trainable, include_preprocessing)
    encoder, strides = joinable_encoder(choice, input_shape, finest=4)
    image = keras.Input(input_shape, name="image")
    pyramid = encoder(torch_padded(image, encoder, strides[-1]))
    maps = [ChannelNormalization(1e-6, name=f"map{stride}_norm")(pyramid[level_of(stride)]) for stride in strides]

    # Decoder
    normalize = True if normalize_image else None
    x = pyramid_pooling(maps[-1], _BINS, filters, branch_filters=filters, normalize=normalize, epsilon=TORCH_EPSILON)
    levels = [x]
    for stride, map in zip(strides[-2::-1], maps[-2::-1], strict=True):
        lateral = _convolved(map, filters, f"lateral{stride}", kernel_size=1)
        x = layers.Add(name=f"topdown{stride}")([ResizeLike(name=f"topdown{stride}_up")([x, lateral]), lateral])
        levels.append(x)
    finest = levels[-1]
    for index, stride in enumerate(reversed(strides)):
        if index:
            levels[index] = _convolved(levels[index], filters, f"level{stride}")
        if stride != strides[0]:
            levels[index] = ResizeLike(name=f"level{stride}_up")([levels[index], finest])
    x = _convolved(layers.Concatenate(name="levels")(levels[::-1]), filters, "fusion")
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)

    # Head
    scores = class_scores(x, num_classes)
    extra = None
    if aux:
        extra = fcn_aux(pyramid[level_of(strides[-2])], num_classes, filters=_AUX_FILTERS, dropout=dropout)
    return torch_resized_model(image, scores, activation, encoder, scale=strides[0], aux=extra, name=name)


def _convolved(x: Tensor, filters: int, name: str, *, kernel_size: int = 3) -> Tensor:
    return conv_block(x, filters, name, kernel_size=kernel_size, epsilon=TORCH_EPSILON)
