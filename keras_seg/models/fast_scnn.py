"""Fast-SCNN: a few layers that are shared, and a small net at a thirty-second of the size."""

from typing import Any

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.layers import ResizeLike
from keras_seg.layers.pad_to_minimum import PadToMinimum
from keras_seg.layers.upsample_conv import TORCH_EPSILON
from keras_seg.models.parts.blocks import conv_block, depthwise_block, pyramid_pooling
from keras_seg.models.parts.encoder_decoder import resized_model
from keras_seg.models.parts.heads import class_scores, fcn_aux
from keras_seg.models.parts.image_model import check_common, check_dropout, preprocessed

_BINS = (1, 2, 3, 6)
_EXPANSION = 6
# (filters, strides) of the groups of three inverted residual blocks
_GROUPS = ((64, 2), (96, 2), (128, 1))
_FILTERS, _AUX_FILTERS = 128, 32


def FastSCNN(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    normalize_image: bool = True, aux: bool = False, dropout: float = 0.1,
    activation: str | None = "softmax", include_preprocessing: bool = True, name: str = "fastscnn",
) -> keras.Model:  # fmt: skip
    """The smallest model for real time: 1.1 million parameters, for large images on weak processors.

    Nets of two branches compute early features twice. Here both share three strided layers, the "learning to
    downsample". Then one branch is nothing but its map at stride 8, which keeps the borders, and the other one a small
    MobileNetV2 to stride 32 with `PSPNet`'s pooled context. Their sum decides. `keras_seg.models.convert` takes weights
    of Fast-SCNN-pytorch, whose enlargements with aligned corners this net has. Images are taken as they are, at any
    size.

    Args:
        normalize_image: bool. As in `DeepLabV3`. Defaults to True.
        aux: bool. True adds a head for training behind the shared layers, as in `PSPNet`; Fast-SCNN-pytorch weighs its
            loss by 0.4. Defaults to False.
        dropout: float. In [0, 1), before the classes. Defaults to 0.1.

    Other arguments, result and errors: see `UNet`.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.FastSCNN(num_classes=19)
        >>> sum(int(weight.numpy().size) for weight in model.trainable_weights)
        1138051

    Reference: Poudel, Liwicki and Cipolla, "Fast-SCNN: Fast Semantic Segmentation Network", BMVC 2019, section 3 and
        table 1. The auxiliary head is that of Fast-SCNN-pytorch.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    _validation.boolean("normalize_image", normalize_image)
    _validation.boolean("aux", aux)
    dropout = check_dropout(dropout)
    image = keras.Input(input_shape, name="image")
    # In float32: half precision would round raw pixels.
    x = PadToMinimum(3, dtype="float32", name="pad_to_minimum")(image)
    x = preprocessed(x, "torch", include=include_preprocessing)

    # To stride 8, shared
    x = _convolved(x, 32, "down1", kernel_size=3, strides=2, padding="valid")
    x = _separable(x, 48, "down2", strides=2)
    fine = x = _separable(x, 64, "down3", strides=2)
    extra = fcn_aux(x, num_classes, filters=_AUX_FILTERS, dropout=dropout) if aux else None

    # Context at stride 32
    for group, (filters, strides) in enumerate(_GROUPS, start=1):
        for block in range(3):
            x = _inverted_residual(x, filters, f"block{group}_{block}", strides=1 if block else strides)
    x = pyramid_pooling(
        x,
        _BINS,
        _FILTERS,
        branch_filters=x.shape[-1] // len(_BINS),
        kernel_size=1,
        normalize=True if normalize_image else None,
        epsilon=TORCH_EPSILON,
        align_corners=True,
    )

    # Both, and the classes
    x = ResizeLike(align_corners=True, name="low_up")([x, fine])
    x = depthwise_block(x, "low_depthwise", epsilon=TORCH_EPSILON)
    x = _convolved(x, _FILTERS, "low", activation=None, use_bias=True)
    fine = _convolved(fine, _FILTERS, "high", activation=None, use_bias=True)
    x = layers.ReLU(name="fused_relu")(layers.Add(name="fused")([x, fine]))
    for number in (1, 2):
        x = _separable(x, _FILTERS, f"head{number}")
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    return resized_model(image, class_scores(x, num_classes), activation, align_corners=True, aux=extra, name=name)


def _convolved(x: Tensor, filters: int, name: str, *, kernel_size: int = 1, **options: Any) -> Tensor:
    return conv_block(x, filters, name, kernel_size=kernel_size, epsilon=TORCH_EPSILON, **options)


def _separable(x: Tensor, filters: int, name: str, *, strides: int = 1) -> Tensor:
    x = depthwise_block(x, f"{name}_depthwise", strides=strides, epsilon=TORCH_EPSILON)
    return _convolved(x, filters, name)


def _inverted_residual(x: Tensor, filters: int, name: str, *, strides: int) -> Tensor:
    """MobileNetV2's block."""
    wide = _convolved(x, x.shape[-1] * _EXPANSION, f"{name}_expand")
    wide = depthwise_block(wide, f"{name}_depthwise", strides=strides, epsilon=TORCH_EPSILON)
    out = _convolved(wide, filters, f"{name}_project", activation=None)
    return layers.Add(name=f"{name}_add")([x, out]) if strides == 1 and x.shape[-1] == filters else out
