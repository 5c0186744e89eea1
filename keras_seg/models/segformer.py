"""SegFormer: a transformer encoder whose maps a few linear layers turn into classes."""

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Weights
from keras_seg.backbones import mix_transformer
from keras_seg.backbones.ported import variant_of
from keras_seg.backbones.pyramid import level_of
from keras_seg.layers import BatchNormalization, LinearFusion
from keras_seg.models.parts.encoder_decoder import (
    BackboneChoice,
    cropped_model,
    joinable_encoder,
    padded,
    resized_model,
)
from keras_seg.models.parts.heads import class_scores
from keras_seg.models.parts.image_model import check_common, check_dropout

# Wide decoders belong to the larger encoders.
_NARROW, _WIDE = 256, 768
_WITH_NARROW = ("MiTB0", "MiTB1")


def SegFormer(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | keras.Model = "MiTB0", weights: Weights = None, backbone_trainable: bool = True,
    filters: int | None = None, dropout: float = 0.1,
    activation: str | None = "softmax", include_preprocessing: bool | str = True, name: str = "segformer",
) -> keras.Model:  # fmt: skip
    """Linear layers on the maps of a Mix Transformer, `MiTB0` to `MiTB5`, or of any other backbone.

    In the encoder, every position attends to the whole image, so the decoder needs no context of its own: each map's
    channels are projected, the maps are enlarged to the finest one, a quarter of the image's size, and joined: see
    `layers.LinearFusion`, which computes the same with a fraction of the multiply-adds. Maps of
    a Mix Transformer round up at odd sizes, as published, and the image is not padded. With other backbones it is
    reflected up to a multiple of the stride, as in `UNet`.

    The memory of the first stage's attention grows with the square of the number of pixels: 1 MiB per image and
    block at 256x256, 16 MiB at 512x512, 256 MiB at 1024x1024.

    Args:
        filters: int or None. Of the projections. Defaults to None: the published 768 for MiTB2 to MiTB5, and 256 for
            MiTB0, MiTB1 and all other backbones.
        dropout: float. In [0, 1), before the classes. Defaults to 0.1.

    Other arguments, result and errors: see `UNet`; `backbone` cannot be None here. `keras_seg.models.convert` fills the
    whole model from weights of PyTorch.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.SegFormer(num_classes=19, backbone="MiTB0")
        >>> sum(int(weight.numpy().size) for weight in model.trainable_weights)
        3719027

    Reference: Xie, Wang, Yu, Anandkumar, Alvarez and Luo, "SegFormer: Simple and Efficient Design for Semantic
        Segmentation with Transformers", NeurIPS 2021, section 3 and table 6.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    dropout = check_dropout(dropout)

    # Encoder
    choice = BackboneChoice(backbone, weights, backbone_trainable, include_preprocessing)
    encoder, strides = joinable_encoder(choice, input_shape, finest=4)
    variant = variant_of(encoder)
    transformer = variant in mix_transformer.VARIANTS
    if filters is None:
        filters = _WIDE if transformer and variant not in _WITH_NARROW else _NARROW
    filters = _validation.integer("filters", filters)
    image = keras.Input(input_shape, name="image")
    pyramid = encoder(image if transformer else padded(image, strides[-1]))

    # Decoder
    x = LinearFusion(filters, name="fuse")([pyramid[level_of(stride)] for stride in reversed(strides)])
    x = BatchNormalization(momentum=0.9, epsilon=1e-5, name="fuse_norm")(x)
    x = layers.Activation("relu", name="fuse_relu")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)

    # Head
    if transformer:
        return resized_model(image, class_scores(x, num_classes), activation, name=name)
    return cropped_model(image, x, num_classes, activation, scale=strides[0], name=name)
