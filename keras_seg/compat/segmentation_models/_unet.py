"""The U-Net of segmentation_models 1.0.1."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_seg._types import PathLike
from keras_seg.compat.segmentation_models import _blocks
from keras_seg.compat.segmentation_models._model import finished


def Unet(
    backbone_name: str = "vgg16",
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    classes: int = 1,
    activation: str = "sigmoid",
    weights: PathLike | None = None,
    encoder_weights: str | None = "imagenet",
    encoder_freeze: bool = False,
    encoder_features: str | Sequence[str | int] = "default",
    decoder_block_type: str = "upsampling",
    decoder_filters: Sequence[int] = (256, 128, 64, 32, 16),
    decoder_use_batchnorm: bool = True,
) -> keras.Model:
    """A U-Net as segmentation_models 1.0.1 builds it, with the same layers, names and weights.

    Args:
        backbone_name: str. See `get_available_backbone_names`. Defaults to "vgg16".
        input_shape: (height, width, channels). Defaults to (None, None, 3), for any multiples of 32.
        classes: int. Channels of the output. Defaults to 1.
        activation: str. Of the output. Defaults to "sigmoid".
        weights: path of a weights file of the whole model, of Keras 2 or 3. Defaults to None.
        encoder_weights: str. "imagenet", the path of a weights file of the backbone, or None for random weights.
            Defaults to "imagenet", which is downloaded.
        encoder_freeze: bool. Freeze the layers of the backbone except for BatchNormalization. Defaults to False.
        encoder_features: sequence of names or numbers of the backbone's layers, from the deepest. Defaults to
            "default".
        decoder_block_type: str. "upsampling" or "transpose". Defaults to "upsampling".
        decoder_filters: sequence of int. Per block. Defaults to (256, 128, 64, 32, 16).
        decoder_use_batchnorm: bool. Defaults to True.

    Returns:
        A keras.Model from images (batch, height, width, channels), as `get_preprocessing` prepares them, to
        (batch, height, width, classes).

    Raises:
        InputError: an argument is not as above, the weights cannot be downloaded, or they are of another model.

    Examples:
        >>> import keras_seg.compat.segmentation_models as sm
        >>> model = sm.Unet("resnet18", classes=3, activation="softmax", encoder_weights=None)
        >>> model.output_shape
        (None, None, None, 3)
    """
    block = _blocks.decoder_block_of(decoder_block_type, _upsampled, _transposed)
    backbone, x, skips = _blocks.decoder_input(
        backbone_name,
        input_shape,
        weights=encoder_weights,
        features=encoder_features,
        use_batchnorm=decoder_use_batchnorm,
    )
    for stage, filters in enumerate(decoder_filters):
        skip = skips[stage] if stage < len(skips) else None
        if skip is not None:
            _blocks.check_skip(x, skip, backbone)
        x = block(x, skip, filters, name=f"decoder_stage{stage}", use_batchnorm=decoder_use_batchnorm)
    x = _blocks.classes_of(x, classes, name="final_conv")
    return finished(backbone, x, activation, encoder_freeze=encoder_freeze, weights=weights)


def _upsampled(x, skip, filters: int, *, name: str, use_batchnorm: bool):
    x = _joined(layers.UpSampling2D(2, name=f"{name}_upsampling")(x), skip, name)
    x = _blocks.conv_bn_relu(x, filters, 3, name=f"{name}a", use_batchnorm=use_batchnorm)
    return _blocks.conv_bn_relu(x, filters, 3, name=f"{name}b", use_batchnorm=use_batchnorm)


def _transposed(x, skip, filters: int, *, name: str, use_batchnorm: bool):
    x = _blocks.transposed_bn_relu(x, filters, name=f"{name}a", use_batchnorm=use_batchnorm)
    x = _joined(x, skip, name)
    return _blocks.conv_bn_relu(x, filters, 3, name=f"{name}b", use_batchnorm=use_batchnorm)


def _joined(x, skip, name: str):
    return x if skip is None else layers.Concatenate(name=f"{name}_concat")([x, skip])
