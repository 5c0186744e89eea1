"""FCN on a dilated backbone: one convolution and the classes."""

import keras

from keras_seg import _validation
from keras_seg._types import Weights
from keras_seg.backbones.pyramid import level_of
from keras_seg.models.parts.encoder_decoder import BackboneChoice, backbone_encoder, torch_padded, torch_resized_model
from keras_seg.models.parts.heads import AUX, class_scores, fcn_aux, fcn_features
from keras_seg.models.parts.image_model import check_common, check_dropout


def FCN(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | keras.Model = "ResNet50Torchvision", weights: Weights = None, backbone_trainable: bool = True,
    output_stride: int = 8, aux: bool = False, dropout: float = 0.1,
    activation: str | None = "softmax", include_preprocessing: bool | str = True, name: str = "fcn",
) -> keras.Model:  # fmt: skip
    """A fully convolutional network in the form of today: no skips, but a dilated backbone that stays fine.

    One 3x3 convolution to a quarter of the backbone's channels reads its map, and the classes are decided there. It is
    the least that a decoder can do, and what others have to surpass. It is the model of torchvision's published
    `fcn_resnet50` and `fcn_resnet101`, whose weights `keras_seg.models.convert` takes. The networks of the paper of
    2015 are `FCN32s`, `FCN16s` and `FCN8s`.

    Args:
        output_stride: int. As in `PSPNet`. Defaults to 8.
        aux: bool. As in `PSPNet`; torchvision weighs its loss by 0.5. Defaults to False.
        dropout: float. In [0, 1), before the classes. Defaults to 0.1.

    Other arguments, result and errors: see `UNet`; `backbone` cannot be None here. Images are padded as in `DeepLabV3`.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.FCN(num_classes=11, backbone="Compact")
        >>> model.output_shape
        (None, None, None, 11)

    Reference: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015; the
        dilated backbone is that of Yu, Koltun and Funkhouser, "Dilated Residual Networks", CVPR 2017, in the form of
        torchvision.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    _validation.boolean("aux", aux)
    dropout = check_dropout(dropout)

    # Encoder
    choice = BackboneChoice(backbone, weights, backbone_trainable, include_preprocessing)
    encoder = backbone_encoder(choice, input_shape, output_stride=output_stride, aux=aux)
    image = keras.Input(input_shape, name="image")
    pyramid = encoder(torch_padded(image, encoder, output_stride))

    # Head
    x = fcn_features(pyramid[level_of(output_stride)], "fcn", dropout=dropout)
    extra = fcn_aux(pyramid[AUX], num_classes, dropout=dropout) if aux else None
    scores = class_scores(x, num_classes)
    return torch_resized_model(image, scores, activation, encoder, scale=output_stride, aux=extra, name=name)
