"""BiSeNetV2: a wide shallow branch for detail, a narrow deep one for classes, for real time."""

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.backbones.residual_block import normalization
from keras_seg.layers import Resize2D
from keras_seg.layers.upsample_conv import TORCH_EPSILON
from keras_seg.models.parts.blocks import conv_block, depthwise_block
from keras_seg.models.parts.encoder_decoder import cropped_scores, padded
from keras_seg.models.parts.heads import AUX, class_scores
from keras_seg.models.parts.image_model import check_common, check_dropout, preprocessed

_EXPANSION = 6
# Of the map where the branches meet, and the deepest stride divided by that one.
_FILTERS, _RATIO = 128, 4
_AUX_FILTERS = 128
_STRIDE = 8


def BiSeNetV2(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    head_filters: int = 1024, normalize_image: bool = True, aux: bool = False, dropout: float = 0.1,
    activation: str | None = "softmax", include_preprocessing: bool = True, name: str = "bisenetv2",
) -> keras.Model:  # fmt: skip
    """Two branches from the image on, each with the shape that its task needs.

    Detail needs channels and resolution, so its branch is wide and ends at stride 8 after eight convolutions. Classes
    need depth and context, so theirs is thin, made of depthwise convolutions, and goes to stride 32. Where they meet,
    each branch is weighed by the other one at both resolutions. The image is reflected up to a multiple of 32, as in
    `UNet`.

    `keras_seg.models.convert` takes the weights of CoinCheung/BiSeNet. That code normalizes images by the means and
    deviations of the data set, RGB in 0..1: those of Cityscapes are (0.3257, 0.3690, 0.3223) and (0.2112, 0.2148,
    0.2115), and its configurations have the others. Build the model with `include_preprocessing=False` then, and put a
    `keras.layers.Rescaling(1 / (255 * deviation), -mean / deviation)` in front of it.

    Args:
        head_filters: int. Of the convolution before the classes, a third of all parameters. Defaults to 1024.
        normalize_image: bool. As in `DeepLabV3`. Without it, the average of the map is not normalized at all. Defaults
            to True.
        aux: bool. True adds four heads for training, the booster of the paper, one for each stage of the semantic
            branch: the model then has the outputs `{"main": ..., "aux2": ..., "aux3": ..., "aux4": ..., "aux5": ...}`,
            as in `PSPNet`, all with a weight of 1. Defaults to False.
        dropout: float. In [0, 1), before the classes. Defaults to 0.1.

    Other arguments, result and errors: see `UNet`.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.BiSeNetV2(num_classes=19)
        >>> sum(int(weight.numpy().size) for weight in model.trainable_weights)
        3358627

    Reference: Yu, Gao, Wang, Yu, Shen and Sang, "BiSeNet V2: Bilateral Network with Guided Aggregation for Real-time
        Semantic Segmentation", IJCV 2021, section 3 to 5, in the form of CoinCheung/BiSeNet.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    head_filters = _validation.integer("head_filters", head_filters)
    dropout = check_dropout(dropout)
    _validation.boolean("normalize_image", normalize_image)
    _validation.boolean("aux", aux)
    image = keras.Input(input_shape, name="image")
    x = preprocessed(padded(image, _STRIDE * _RATIO), "torch", include=include_preprocessing)
    fine, stages = _detail(x), _stages(x)
    deep = _semantics(stages[-1], normalize_image=normalize_image)
    x = _convolved(_aggregated(fine, deep), head_filters, "head")
    extra = {}
    if aux:
        for stage, map in enumerate(stages, start=2):
            extra |= _boosting(map, num_classes, f"{AUX}{stage}", stride=2**stage, dropout=dropout)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    return cropped_scores(image, class_scores(x, num_classes), activation, scale=_STRIDE, aux=extra, name=name)


def _detail(x: Tensor) -> Tensor:
    """To stride 8 with eight convolutions."""
    for stage, (count, filters) in enumerate(((2, 64), (3, 64), (3, 128)), start=1):
        for index in range(count):
            x = _convolved(x, filters, f"detail{stage}_{index}", strides=1 if index else 2)
    return x


def _stages(x: Tensor) -> list[Tensor]:
    """The maps at strides 4 to 32 of depthwise convolutions."""
    x = _convolved(x, 16, "stem", strides=2)
    left = _convolved(_convolved(x, 8, "stem_narrow", kernel_size=1), 16, "stem_left", strides=2)
    # What was activated is never below the zeros around it.
    right = layers.MaxPooling2D(3, strides=2, name="stem_pool")(layers.ZeroPadding2D(1, name="stem_pool_pad")(x))
    x = _convolved(layers.Concatenate(name="stem_join")([left, right]), 16, "stem_fused")
    stages = [x]
    for stage, (filters, count) in enumerate(((32, 2), (64, 2), (128, 4)), start=3):
        for index in range(count):
            x = _gathered(x, filters, f"semantic{stage}_{index}_", strides=1 if index else 2)
        stages.append(x)
    return stages


def _semantics(x: Tensor, *, normalize_image: bool) -> Tensor:
    """The deepest map and its average over the whole image."""
    average = layers.GlobalAveragePooling2D(keepdims=True, name="average")(x)
    if normalize_image:
        average = normalization("average_bn")(average)
    average = conv_block(
        average,
        _FILTERS,
        "average",
        kernel_size=1,
        normalization="batch" if normalize_image else None,
        epsilon=TORCH_EPSILON,
    )
    return _convolved(layers.Add(name="average_add")([x, average]), _FILTERS, "semantic")


def _boosting(x: Tensor, num_classes: int, name: str, *, stride: int, dropout: float) -> dict[str, Tensor]:
    """The scores of an auxiliary head, at twice the resolution of `x`, by its name."""
    x = _convolved(x, _AUX_FILTERS, name)
    if dropout:
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    x = Resize2D(2, interpolation="nearest", name=f"{name}_up")(x)
    x = _convolved(x, stride**2, f"{name}_fine")
    return {name: class_scores(x, num_classes, name=f"{name}_logits")}


def _gathered(x: Tensor, filters: int, name: str, *, strides: int) -> Tensor:
    """A convolution, depthwise ones with six results per channel, and one back, beside a shortcut."""
    shortcut, inner = x, _convolved(x, x.shape[-1], f"{name}first")
    if strides > 1:
        inner = _depthwise(inner, f"{name}strided", strides=strides, multiplier=_EXPANSION)
        inner = _depthwise(inner, f"{name}depthwise", activation="relu")
        shortcut = _depthwise(shortcut, f"{name}shortcut_strided", strides=strides)
        shortcut = _convolved(shortcut, filters, f"{name}shortcut", kernel_size=1, activation=None)
    else:
        inner = _depthwise(inner, f"{name}depthwise", multiplier=_EXPANSION, activation="relu")
    inner = _convolved(inner, filters, f"{name}project", kernel_size=1, activation=None)
    return layers.ReLU(name=f"{name}relu")(layers.Add(name=f"{name}add")([inner, shortcut]))


def _aggregated(fine: Tensor, deep: Tensor) -> Tensor:
    """Each branch times what the other one shows, at the resolution of both, and their sum."""
    kept = _pointwise(_depthwise(fine, "fine_kept"), "fine_out")
    down = _convolved(fine, _FILTERS, "fine_down", strides=2, activation=None)
    # Zeros beyond the border count, as in the original.
    down = layers.AveragePooling2D(3, strides=2, name="fine_pool")(layers.ZeroPadding2D(1, name="fine_pool_pad")(down))
    gate = layers.Activation("sigmoid", name="deep_gate")(_convolved(deep, _FILTERS, "deep_up", activation=None))
    gate = Resize2D(_RATIO, interpolation="nearest", name="deep_gate_up")(gate)
    deep = layers.Activation("sigmoid", name="deep_sigmoid")(_pointwise(_depthwise(deep, "deep_kept"), "deep_out"))
    at_fine = layers.Multiply(name="at_fine")([kept, gate])
    at_deep = layers.Multiply(name="at_deep")([down, deep])
    at_deep = Resize2D(_RATIO, interpolation="nearest", name="at_deep_up")(at_deep)
    return _convolved(layers.Add(name="aggregated")([at_fine, at_deep]), _FILTERS, "aggregation")


def _convolved(
    x: Tensor, filters: int, name: str, *, kernel_size: int = 3, strides: int = 1, activation: str | None = "relu"
) -> Tensor:
    return conv_block(
        x, filters, name, kernel_size=kernel_size, strides=strides, activation=activation, epsilon=TORCH_EPSILON
    )


def _depthwise(x: Tensor, name: str, *, strides: int = 1, multiplier: int = 1, activation: str | None = None) -> Tensor:
    return depthwise_block(
        x, name, strides=strides, multiplier=multiplier, activation=activation, epsilon=TORCH_EPSILON
    )


def _pointwise(x: Tensor, name: str) -> Tensor:
    return layers.Conv2D(x.shape[-1], 1, use_bias=False, kernel_initializer="he_normal", name=name)(x)
