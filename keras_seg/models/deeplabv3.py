"""DeepLabv3: context at several dilation rates on one fine map, and nothing else."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Weights
from keras_seg.backbones.pyramid import level_of
from keras_seg.layers.upsample_conv import TORCH_EPSILON
from keras_seg.models.parts.blocks import atrous_pooling, conv_block, scaled_rates
from keras_seg.models.parts.encoder_decoder import BackboneChoice, backbone_encoder, torch_padded, torch_resized_model
from keras_seg.models.parts.heads import AUX, class_scores, fcn_aux
from keras_seg.models.parts.image_model import check_common, check_dropout


def DeepLabV3(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | keras.Model = "ResNet50Torchvision", weights: Weights = None, backbone_trainable: bool = True,
    output_stride: int = 8, dilate_strided: bool | None = None, rates: Sequence[int] | None = None,
    aspp_filters: int = 256, normalize_image: bool = True, aux: bool = False, dropout: float = 0.5,
    activation: str | None = "softmax", include_preprocessing: bool | str = True, name: str = "deeplabv3",
) -> keras.Model:  # fmt: skip
    """Atrous spatial pyramid pooling on a fine map of any backbone, one convolution, and the classes.

    The predecessor of `DeepLabV3Plus`: the classes are decided at the backbone's `output_stride` and enlarged, without
    an early map that would sharpen them. It is the net of torchvision's published weights, which
    `keras_seg.models.convert` takes, as it takes those of segmentation_models_pytorch.

    Backbones in PyTorch's form take images as they are, and their maps round up at odd sizes, as published. For others
    the image is reflected up to a multiple of the stride, as in `UNet`.

    Args:
        output_stride: int. As in `DeepLabV3Plus`. Defaults to 8. torchvision's net on MobileNetV3 has 16.
        dilate_strided: bool or None. Whether convolutions that lose their stride are dilated too, as in
            `keras_seg.surgery.dilate`: True for weights of segmentation_models_pytorch. Defaults to None: as
            torchvision has it, True for MobileNetV3 in its form and False for all others.
        rates: sequence of ints or None. The dilations. Defaults to the paper's 6, 12, 18 at stride 16, and elsewhere to
            rates that reach as many pixels of the image, such as 12, 24, 36 at 8. torchvision and
            segmentation_models_pytorch have these at 16 too.
        aspp_filters: int. Of the pooling and the convolution behind it. Defaults to 256.
        normalize_image: bool. Whether the average of the whole image is normalized, as published. It then takes batches
            of several images to train: the average of a single one has no variance. False puts a bias in its place.
            Defaults to True.
        aux: bool. As in `PSPNet`; torchvision weighs its loss by 0.5. Defaults to False.
        dropout: float. In [0, 1), after the pooling. Defaults to 0.5.

    Other arguments, result and errors: see `UNet`; `backbone` cannot be None here.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.DeepLabV3(num_classes=11, backbone="Compact", aspp_filters=64)
        >>> model.output_shape
        (None, None, None, 11)

    Reference: Chen, Papandreou, Schroff and Adam, "Rethinking Atrous Convolution for Semantic Image Segmentation",
        2017, section 3.3. The convolution behind the pooling is that of torchvision.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    rates = None if rates is None else _validation.integers("rates", rates)
    aspp_filters = _validation.integer("aspp_filters", aspp_filters)
    _validation.boolean("normalize_image", normalize_image)
    _validation.boolean("aux", aux)
    dropout = check_dropout(dropout)

    # Encoder
    choice = BackboneChoice(backbone, weights, backbone_trainable, include_preprocessing)
    encoder = backbone_encoder(choice, input_shape, output_stride=output_stride, dilate_strided=dilate_strided, aux=aux)
    image = keras.Input(input_shape, name="image")
    pyramid = encoder(torch_padded(image, encoder, output_stride))

    # Decoder
    rates = scaled_rates(rates, output_stride)
    x = pyramid[level_of(output_stride)]
    x = atrous_pooling(x, rates, aspp_filters, normalize_image=normalize_image, epsilon=TORCH_EPSILON)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    x = conv_block(x, aspp_filters, "context", epsilon=TORCH_EPSILON)

    # Head
    scores = class_scores(x, num_classes)
    extra = fcn_aux(pyramid[AUX], num_classes, dropout=dropout) if aux else None
    return torch_resized_model(image, scores, activation, encoder, scale=output_stride, aux=extra, name=name)
