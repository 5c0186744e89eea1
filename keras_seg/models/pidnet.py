"""PIDNet: a branch for detail, one for context, and one for borders, for real time."""

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.backbones.residual_block import padded_convolution, residual_block
from keras_seg.layers import ResizeLike
from keras_seg.layers.channel_sum import ChannelSum
from keras_seg.models.parts.branches import (
    activated_convolution,
    aux_scores,
    head_scores,
    pooled_context,
    relu,
    residual_stage,
    strided_stem,
)
from keras_seg.models.parts.encoder_decoder import resized_model
from keras_seg.models.parts.heads import AUX, AUX_BORDER
from keras_seg.models.parts.image_model import check_common, check_dropout, preprocessed

# variant: (channels of the first stage, blocks of the early stages, of the late ones, filters of the context, of the
# head)
_VARIANTS = {"s": (32, 2, 3, 96, 128), "m": (64, 2, 3, 96, 128), "l": (64, 3, 4, 112, 256)}


def PIDNet(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    variant: str = "s", aux: bool = False, dropout: float = 0.0,
    activation: str | None = "softmax", include_preprocessing: bool = True, name: str = "pidnet",
) -> keras.Model:  # fmt: skip
    """`DDRNet` with a third branch, which finds borders and decides where detail counts, for video and phones.

    Where two branches are summed, context flows over the borders of small objects. Here a third branch at stride 8 is
    for the borders alone: at the end, detail is taken where it sees one, and context elsewhere. On the way, the detail
    branch takes from the deep one what it resembles at each position. `keras_seg.models.convert` takes the weights of
    the authors' code. Images are taken as they are, at any size.

    Args:
        variant: str. `"s"`, 7.6 million parameters, `"m"`, 28.5 million, or `"l"`, 36.9 million. Defaults to `"s"`.
        aux: bool. True adds two heads for training, on the branches for detail and for borders: the model then has
            the outputs `{"main": ..., "aux": ..., "aux_border": ...}`, the last of one channel, the probability that a
            pixel lies at a border between classes (its targets: `keras_seg.data.boundary_targets`). The authors weigh
            their losses by 0.4 and 20. Defaults to False.
        dropout: float. In [0, 1), before the classes. Defaults to 0.

    Other arguments, result and errors: see `UNet`.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.PIDNet(num_classes=19)
        >>> sum(int(weight.numpy().size) for weight in model.trainable_weights)
        7625715

    Reference: Xu, Xiong and Bhattacharyya, "PIDNet: A Real-time Semantic Segmentation Network Inspired by PID
        Controllers", CVPR 2023, section 3 and figure 4.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    _validation.boolean("aux", aux)
    dropout = check_dropout(dropout)
    width, early, late, context, head = _VARIANTS[_validation.one_of("variant", variant, _VARIANTS)]
    large = variant == "l"
    image = keras.Input(input_shape, name="image")
    x = preprocessed(image, "torch", include=include_preprocessing)

    # To stride 8
    x = relu(residual_stage(strided_stem(x, width), width, "layer1", blocks=early), "layer1_out")
    x = relu(residual_stage(x, 2 * width, "layer2", blocks=early, strides=2), "layer2_out")

    # Three branches, and what the deep one tells the others
    deep, fine, edge, extra = x, x, x, {}
    edge_widths = (2 * width, 2 * width) if large else (width, 2 * width)
    for stage, edge_width in enumerate(edge_widths, start=3):
        filters = width * 2 ** (stage - 1)
        deep = relu(residual_stage(deep, filters, f"layer{stage}", blocks=late, strides=2), f"layer{stage}_out")
        fine = residual_stage(fine, 2 * width, f"fine{stage}", blocks=early)
        fine = _taken(fine, deep, 2 * width, f"stage{stage}")
        if aux and stage == 3:
            extra |= aux_scores(fine, head, num_classes, AUX)
        if large or stage == 3:
            edge = residual_block(edge, edge_width, f"edge{stage}_", activate=False)
        else:
            edge = residual_block(edge, width, f"edge{stage}_0_", expansion=2, activate=False)
        change = padded_convolution(deep, edge_width, f"change{stage}_", "", kernel=3)
        change = ResizeLike(name=f"change{stage}_up")([change, edge])
        edge = layers.Add(name=f"edge{stage}_joined")([edge, change])
        if aux and stage == 4:
            extra |= aux_scores(edge, width, 1, AUX_BORDER)
        edge = relu(edge, f"edge{stage}_joined_out")
        fine = relu(fine, f"fine{stage}_out")
    for index in range(2):
        strides = 1 if index else 2
        deep = residual_block(deep, 8 * width, f"layer5_{index}_", strides=strides, expansion=2, activate=False)
    fine = residual_block(fine, 2 * width, "fine5_0_", expansion=2, activate=False)
    edge = residual_block(edge, 2 * width, "edge5_0_", expansion=2, activate=False)

    # Context, the border's choice, and the classes
    deep = pooled_context(deep, context, 4 * width, parallel=not large)
    deep = ResizeLike(name="context_up")([deep, fine])
    x = _chosen(fine, deep, edge, 4 * width, large=large)
    scores = head_scores(x, head, num_classes, dropout=dropout)
    return resized_model(image, scores, activation, aux=extra, name=name)


def _taken(fine: Tensor, deep: Tensor, filters: int, name: str) -> Tensor:
    """The fine map, and the compressed deep map the more, the more both resemble each other at a position."""
    deep = padded_convolution(deep, filters, f"{name}_compression_", "", kernel=1)
    queries = padded_convolution(fine, filters // 2, f"{name}_fine_", "", kernel=1)
    keys = padded_convolution(deep, filters // 2, f"{name}_deep_", "", kernel=1)
    keys = ResizeLike(name=f"{name}_deep_up")([keys, fine])
    alike = ChannelSum(name=f"{name}_sum")(layers.Multiply(name=f"{name}_products")([queries, keys]))
    alike = layers.Activation("sigmoid", name=f"{name}_alike")(alike)
    return _between(fine, ResizeLike(name=f"{name}_up")([deep, fine]), alike, name)


def _chosen(fine: Tensor, deep: Tensor, edge: Tensor, filters: int, *, large: bool) -> Tensor:
    """Detail where the third branch sees a border, context elsewhere."""
    edge = layers.Activation("sigmoid", name="border")(edge)
    if large:
        return activated_convolution(_between(deep, fine, edge, "chosen"), filters, "chosen", kernel=3)
    both = layers.Add(name="both")([deep, fine])
    detail = layers.Multiply(name="border_fine")([edge, fine])
    context = layers.Multiply(name="border_deep")([edge, deep])
    detail = layers.Add(name="deep_and_border")([deep, detail])
    context = layers.Subtract(name="fine_and_rest")([both, context])
    sides = [
        padded_convolution(x, filters, f"chosen_{part}_", "", kernel=1)
        for part, x in (("fine", context), ("deep", detail))
    ]
    return layers.Add(name="chosen")(sides)


def _between(first: Tensor, second: Tensor, share: Tensor, name: str) -> Tensor:
    """`first`, and the `share` of the way from it to `second`."""
    way = layers.Subtract(name=f"{name}_way")([second, first])
    return layers.Add(name=f"{name}_between")([first, layers.Multiply(name=f"{name}_share")([way, share])])
