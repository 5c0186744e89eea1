"""Pyramid scene parsing: global context, pooled at several scales and appended to every pixel's features."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Weights
from keras_seg.backbones.pyramid import level_of
from keras_seg.models.parts.blocks import pyramid_pooling
from keras_seg.models.parts.encoder_decoder import BackboneChoice, backbone_encoder, cropped_model, padded
from keras_seg.models.parts.heads import AUX, fcn_aux
from keras_seg.models.parts.image_model import check_common, check_dropout


def PSPNet(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | keras.Model = "MobileNetV2", weights: Weights = None, backbone_trainable: bool = True,
    output_stride: int = 8, bins: Sequence[int] = (1, 2, 3, 6), filters: int = 512,
    aux: bool = False, dropout: float = 0.1,
    activation: str | None = "softmax", include_preprocessing: bool | str = True, name: str = "pspnet",
) -> keras.Model:  # fmt: skip
    """Pyramid pooling on one map of any backbone.

    The map is averaged over the whole image and over grids of 2x2, 3x3 and 6x6 regions; each is convolved, enlarged and
    joined to the map, so that the class of a pixel depends on the scene.

    Args:
        output_stride: int. Where the backbone stops compressing: its later stages are dilated instead, by
            `keras_seg.surgery.dilate`, and keep their weights. 32, or the stride of the backbone's deepest map, leaves
            it unchanged, at a sixteenth of the computations there. Defaults to the paper's 8.
        bins: sequence of ints. Regions per side of each grid. Defaults to (1, 2, 3, 6).
        filters: int. Of the convolution over the joined maps. Defaults to 512.
        aux: bool. True adds a second head for training, on the backbone's map before the deepest: the model then has
            two outputs, `{"main": ..., "aux": ...}`, of one size, and `without_aux` removes the second. The paper
            weighs its loss by 0.4. Defaults to False.
        dropout: float. In [0, 1), before the classes. Defaults to 0.1, as in the paper's code.

    Other arguments, result and errors: see `UNet`; `backbone` cannot be None here.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.PSPNet(num_classes=11, backbone="Compact", filters=64, aux=True)
        >>> ks.models.without_aux(model).output_shape
        (None, None, None, 11)

    Reference: Zhao, Shi, Qi, Wang and Jia, "Pyramid Scene Parsing Network", CVPR 2017, section 3.2 and figure 3.
        The auxiliary head is that of section 3.3. Ours does not normalize the average of the whole image: that of a
        single one has no variance.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    bins = _validation.integers("bins", bins)
    if len(set(bins)) < len(bins):
        _validation.fail("bins", "must not repeat a number", bins)
    filters = _validation.integer("filters", filters)
    dropout = check_dropout(dropout)
    _validation.boolean("aux", aux)

    # Encoder
    choice = BackboneChoice(backbone, weights, backbone_trainable, include_preprocessing)
    encoder = backbone_encoder(choice, input_shape, output_stride=output_stride, aux=aux)
    image = keras.Input(input_shape, name="image")
    pyramid = encoder(padded(image, output_stride, encoder=encoder))

    # Decoder
    x = pyramid[level_of(output_stride)]
    x = pyramid_pooling(x, bins, filters, branch_filters=max(1, x.shape[-1] // len(bins)))
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)

    # Head
    extra = fcn_aux(pyramid[AUX], num_classes, dropout=dropout) if aux else None
    return cropped_model(image, x, num_classes, activation, scale=output_stride, aux=extra, name=name)
