"""DDRNet: two branches of different resolution that talk to each other, for real time."""

import keras
from keras import layers

from keras_seg import _validation
from keras_seg.backbones.residual_block import padded_convolution, residual_block
from keras_seg.layers import ResizeLike
from keras_seg.models.parts.branches import aux_scores, head_scores, pooled_context, relu, residual_stage, strided_stem
from keras_seg.models.parts.encoder_decoder import cropped_scores, padded
from keras_seg.models.parts.heads import AUX
from keras_seg.models.parts.image_model import check_common, check_dropout, preprocessed

# variant: (channels of the first stage, of the head)
_VARIANTS = {"23-slim": (32, 64), "23": (64, 128)}
_CONTEXT_FILTERS = 128
# The finest stride at which the branches meet; the original fails at sizes that it does not divide.
_STRIDE = 8


def DDRNet(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    variant: str = "23-slim", aux: bool = False, dropout: float = 0.0,
    activation: str | None = "softmax", include_preprocessing: bool = True, name: str = "ddrnet",
) -> keras.Model:  # fmt: skip
    """A residual network with a second branch that never leaves stride 8, for video and phones.

    A decoder has to win detail back; here it is never given up. From stride 8 on, one branch compresses further, to
    stride 64, and the other keeps its resolution at a fraction of the channels. They exchange their maps twice, the
    deep one is read at four sizes of pooling, and the sum of both decides. `keras_seg.models.convert` takes the weights
    of the authors' code.

    Args:
        variant: str. `"23-slim"`, 5.7 million parameters, or `"23"`, 20.1 million. Defaults to `"23-slim"`.
        aux: bool. True adds a head for training where the branches have met once: the model then has two outputs,
            `{"main": ..., "aux": ...}`, as in `PSPNet`. The authors weigh its loss by 0.4. Defaults to False.
        dropout: float. In [0, 1), before the classes. Defaults to 0.

    Other arguments, result and errors: see `UNet`.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.DDRNet(num_classes=19)
        >>> sum(int(weight.numpy().size) for weight in model.trainable_weights)
        5695987

    Reference: Hong, Pan, Sun and Jia, "Deep Dual-Resolution Networks for Real-time and Accurate Semantic Segmentation
        of Road Scenes", 2021, section III and figure 3.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    _validation.boolean("aux", aux)
    dropout = check_dropout(dropout)
    width, head = _VARIANTS[_validation.one_of("variant", variant, _VARIANTS)]
    image = keras.Input(input_shape, name="image")
    x = preprocessed(padded(image, _STRIDE), "torch", include=include_preprocessing)

    # To stride 8
    x = relu(residual_stage(strided_stem(x, width), width, "layer1"), "layer1_out")
    shared = relu(residual_stage(x, 2 * width, "layer2", strides=2), "layer2_out")

    # Two branches, and what they tell each other
    deep, fine, extra = shared, shared, {}
    for stage, (filters, downs) in enumerate(((4 * width, 1), (8 * width, 2)), start=3):
        deep = residual_stage(deep, filters, f"layer{stage}", strides=2)
        fine = residual_stage(fine, 2 * width, f"fine{stage}")
        down = relu(fine, f"fine{stage}_out")
        for number in range(1, downs + 1):
            wide = 2 * width * 2**number
            down = padded_convolution(down, wide, f"down{stage}_", number, kernel=3, strides=2)
            down = down if number == downs else relu(down, f"down{stage}_relu{number}")
        up = padded_convolution(relu(deep, f"layer{stage}_out"), 2 * width, f"compression{stage}_", 1, kernel=1)
        up = ResizeLike(name=f"compression{stage}_up")([up, fine])
        deep = relu(layers.Add(name=f"deep{stage}")([deep, down]), f"deep{stage}_out")
        fine = layers.Add(name=f"fine{stage}_joined")([fine, up])
        if aux and stage == 3:
            extra = aux_scores(fine, head, num_classes, AUX)
        fine = relu(fine, f"fine{stage}_joined_out")
    deep = residual_block(deep, 8 * width, "layer5_0_", strides=2, expansion=2, activate=False)
    fine = residual_block(fine, 2 * width, "fine5_0_", expansion=2, activate=False)

    # Context, and the classes
    deep = ResizeLike(name="context_up")([pooled_context(deep, _CONTEXT_FILTERS, 4 * width), fine])
    x = layers.Add(name="joined")([deep, fine])
    scores = head_scores(x, head, num_classes, dropout=dropout)
    return cropped_scores(image, scores, activation, scale=_STRIDE, aux=extra, name=name)
