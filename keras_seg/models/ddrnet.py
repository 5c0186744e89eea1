"""DDRNet: two branches of different resolution that talk to each other, for real time."""

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.backbones.residual_block import normalization, padded_convolution, residual_block
from keras_seg.layers import ResizeLike
from keras_seg.models.parts.encoder_decoder import cropped_scores, padded
from keras_seg.models.parts.heads import class_scores
from keras_seg.models.parts.image_model import check_common, check_dropout, preprocessed

# variant: (channels of the first stage, of the head)
_VARIANTS = {"23-slim": (32, 64), "23": (64, 128)}
_CONTEXT_FILTERS = 128
# The finest stride at which the branches meet; the original fails at sizes that it does not divide.
_STRIDE = 8


def DDRNet(
    num_classes: int,
    *,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    variant: str = "23-slim",
    dropout: float = 0.0,
    activation: str | None = "softmax",
    include_preprocessing: bool | str = True,
    name: str = "ddrnet",
) -> keras.Model:
    """A residual network with a second branch that never leaves stride 8, for video and phones.

    A decoder has to win detail back; here it is never given up. From stride 8 on, one branch compresses further, to
    stride 64, and the other keeps its resolution at a fraction of the channels. They exchange their maps twice, the
    deep one is read at four sizes of pooling, and the sum of both decides. `keras_seg.models.convert` takes the weights
    of the authors' code.

    Args:
        variant: str. `"23-slim"`, 5.7 million parameters, or `"23"`, 20.1 million. Defaults to `"23-slim"`.
        dropout: float. In [0, 1), before the classes. Defaults to 0.

    Other arguments, result and errors: see `UNet`.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.DDRNet(num_classes=19)
        >>> sum(int(weight.numpy().size) for weight in model.trainable_weights)
        5695987

    Reference: Hong, Pan, Sun and Jia, "Deep Dual-Resolution Networks for Real-time and Accurate Semantic Segmentation
        of Road Scenes", 2021, section III and figure 3. Without the head that is for training only.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    dropout = check_dropout(dropout)
    width, head = _VARIANTS[_validation.one_of("variant", variant, _VARIANTS)]
    image = keras.Input(input_shape, name="image")
    x = preprocessed(padded(image, _STRIDE), "torch", include=include_preprocessing)

    # To stride 8
    for number in (1, 2):
        x = padded_convolution(x, width, "stem_", number, kernel=3, strides=2, use_bias=True)
        x = _relu(x, f"stem_relu{number}")
    x = _relu(_stage(x, width, "layer1"), "layer1_out")
    shared = _relu(_stage(x, 2 * width, "layer2", strides=2), "layer2_out")

    # Two branches, and what they tell each other
    deep, fine = shared, shared
    for stage, (filters, downs) in enumerate(((4 * width, 1), (8 * width, 2)), start=3):
        deep = _stage(deep, filters, f"layer{stage}", strides=2)
        fine = _stage(fine, 2 * width, f"fine{stage}")
        down = _relu(fine, f"fine{stage}_out")
        for number in range(1, downs + 1):
            wide = 2 * width * 2**number
            down = padded_convolution(down, wide, f"down{stage}_", number, kernel=3, strides=2)
            down = down if number == downs else _relu(down, f"down{stage}_relu{number}")
        up = padded_convolution(_relu(deep, f"layer{stage}_out"), 2 * width, f"compression{stage}_", 1, kernel=1)
        up = ResizeLike(name=f"compression{stage}_up")([up, fine])
        deep = _relu(layers.Add(name=f"deep{stage}")([deep, down]), f"deep{stage}_out")
        fine = _relu(layers.Add(name=f"fine{stage}_joined")([fine, up]), f"fine{stage}_joined_out")
    deep = residual_block(deep, 8 * width, "layer5_0_", strides=2, expansion=2, activate=False)
    fine = residual_block(fine, 2 * width, "fine5_0_", expansion=2, activate=False)

    # Context, and the classes
    deep = ResizeLike(name="context_up")([_context(deep, 4 * width), fine])
    x = layers.Add(name="joined")([deep, fine])
    x = _convolved(x, head, "head", kernel=3)
    x = _relu(normalization("head_bn2")(x), "head_relu2")
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    return cropped_scores(image, class_scores(x, num_classes), activation, scale=_STRIDE, name=name)


def _stage(x: Tensor, filters: int, name: str, *, strides: int = 1) -> Tensor:
    """Two residual blocks, the second without activation."""
    x = residual_block(x, filters, f"{name}_0_", strides=strides)
    return residual_block(x, filters, f"{name}_1_", activate=False)


def _context(x: Tensor, filters: int) -> Tensor:
    """What the map says at every position and, pooled over windows of growing size, around it."""
    maps = [_convolved(x, _CONTEXT_FILTERS, "scale0")]
    for number, window in enumerate((5, 9, 17, None), start=1):
        if window is None:
            pooled = layers.GlobalAveragePooling2D(keepdims=True, name=f"scale{number}_pool")(x)
        else:
            # Zeros beyond the border count, as in the original.
            pooled = layers.ZeroPadding2D(window // 2, name=f"scale{number}_pad")(x)
            pooled = layers.AveragePooling2D(window, strides=2**number, name=f"scale{number}_pool")(pooled)
        pooled = _convolved(pooled, _CONTEXT_FILTERS, f"scale{number}")
        pooled = ResizeLike(name=f"scale{number}_up")([pooled, x])
        pooled = layers.Add(name=f"scale{number}_add")([pooled, maps[-1]])
        maps.append(_convolved(pooled, _CONTEXT_FILTERS, f"process{number}", kernel=3))
    joined = _convolved(layers.Concatenate(name="context_join")(maps), filters, "compression")
    return layers.Add(name="context")([joined, _convolved(x, filters, "shortcut")])


def _convolved(x: Tensor, filters: int, name: str, *, kernel: int = 1) -> Tensor:
    """Normalization, activation, and a convolution."""
    x = _relu(normalization(f"{name}_bn")(x), f"{name}_relu")
    return layers.Conv2D(
        filters, kernel, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)


def _relu(x: Tensor, name: str) -> Tensor:
    return layers.ReLU(name=name)(x)
