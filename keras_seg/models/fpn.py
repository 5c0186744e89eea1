"""Feature pyramid network for segmentation: predictions from all levels, merged at a quarter of the resolution."""

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Tensor, Weights
from keras_seg.backbones.pyramid import level_of
from keras_seg.layers import Resize2D
from keras_seg.models.parts.blocks import conv_block
from keras_seg.models.parts.encoder_decoder import BackboneChoice, cropped_model, padded_pyramid
from keras_seg.models.parts.image_model import check_common, check_dropout


def FPN(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | keras.Model = "MobileNetV2", weights: Weights = None, backbone_trainable: bool = True,
    pyramid_filters: int = 256, segmentation_filters: int = 128, dropout: float = 0.0,
    activation: str | None = "softmax", include_preprocessing: bool | str = True, name: str = "fpn",
) -> keras.Model:  # fmt: skip
    """A feature pyramid with the semantic branch of Panoptic FPN, on any backbone.

    From the deepest map upwards, each level's 1x1 convolution is added to the doubled map below it. Each map of that
    pyramid is then convolved and doubled until it is four times smaller than the image; their sum decides.

    Args:
        pyramid_filters: int. Of the pyramid's maps. Defaults to 256.
        segmentation_filters: int. Of the branch that decides. Defaults to 128.
        dropout: float. In [0, 1), on the sum. Defaults to 0.

    Other arguments, result and errors: see `UNet`; `backbone` cannot be None here.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.FPN(num_classes=11, backbone="Compact", pyramid_filters=64, segmentation_filters=32)
        >>> model.output_shape
        (None, None, None, 11)

    Reference: Kirillov, Girshick, He and Dollar, "Panoptic Feature Pyramid Networks", CVPR 2019, section 3.1 and figure
        3, on Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017, section 3. Ours has
        BatchNormalization where they have GroupNormalization, and the branch's first convolution in place of one more
        after each sum.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    pyramid_filters = _validation.integer("pyramid_filters", pyramid_filters)
    segmentation_filters = _validation.integer("segmentation_filters", segmentation_filters)
    dropout = check_dropout(dropout)

    # Encoder
    choice = BackboneChoice(backbone, weights, backbone_trainable, include_preprocessing)
    image, pyramid, strides = padded_pyramid(choice, input_shape, finest=4)

    # Decoder
    finest, above = strides[0], strides[-1]
    x = layers.Conv2D(pyramid_filters, 1, name=f"lateral{above}")(pyramid[level_of(above)])
    maps = [_branch(x, above, above // finest, segmentation_filters)]
    for stride in strides[-2::-1]:
        lateral = layers.Conv2D(pyramid_filters, 1, name=f"lateral{stride}")(pyramid[level_of(stride)])
        x = Resize2D(above // stride, interpolation="nearest", name=f"topdown{stride}")(x)
        x = layers.Add(name=f"merge{stride}")([lateral, x])
        maps.append(_branch(x, stride, stride // finest, segmentation_filters))
        above = stride
    x = layers.Add(name="sum")(maps)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)

    # Head
    return cropped_model(image, x, num_classes, activation, scale=finest, name=name)


def _branch(x: Tensor, stride: int, scale: int, filters: int) -> Tensor:
    """Convolutions and doublings from a map of `stride` up by `scale`; at least one convolution."""
    for step in range(1, max(1, scale.bit_length() - 1) + 1):
        x = conv_block(x, filters, f"segment{stride}_{step}")
        if scale > 1:
            x = Resize2D(2, interpolation="bilinear", name=f"segment{stride}_up{step}")(x)
    return x
