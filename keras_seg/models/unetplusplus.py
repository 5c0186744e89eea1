"""U-Net++: skip connections that are small decoders themselves."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Tensor, Weights
from keras_seg.backbones.pyramid import level_of
from keras_seg.layers.upsample_conv import TORCH_EPSILON
from keras_seg.models.parts.blocks import ATTENTIONS, decoder_stage
from keras_seg.models.parts.decoder_filters import decoder_stages, decoder_widths
from keras_seg.models.parts.encoder_decoder import BackboneChoice, cropped_model, padded_pyramid
from keras_seg.models.parts.heads import AUX, class_scores
from keras_seg.models.parts.image_model import check_common, check_dropout


def UNetPlusPlus(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | keras.Model = "ResNet34", weights: Weights = None, backbone_trainable: bool = True,
    decoder_filters: Sequence[int] | None = None, decoder_stride: int = 1, decoder_attention: str | None = None,
    interpolation: str = "nearest", normalization: str | None = "batch", aux: bool = False, dropout: float = 0.0,
    activation: str | None = "softmax", include_preprocessing: bool | str = True, name: str = "unetplusplus",
) -> keras.Model:  # fmt: skip
    """A U-Net on any backbone whose skip connections are dense: every map of the encoder has a decoder of its own.

    A plain skip joins an early map, which knows edges, with a late one, which knows objects. Here each map of the
    encoder is also enlarged step by step, and every step reads all maps made before it at its resolution, so that what
    is joined differs little. Every stage has the two convolutions of `UNet`'s, computed in the same fast form.

    It is the net of segmentation_models_pytorch, whose weights `keras_seg.models.convert` takes: the classes are read
    by a 3x3 convolution, and the inner nodes have as many channels as the backbone's map of their resolution. At the
    full resolution, of which no backbone here but VGG has a map, there is one node.

    Args:
        decoder_filters: sequence of ints or None. Of the nodes that lead from the deepest map up, deepest first.
            Defaults to (256, 128, 64, 32, 16), as many as there are stages.
        decoder_stride: int. A power of two, where the decoder stops, as in `UNet`. Defaults to 1.
        decoder_attention: str or None. `"scse"`, as in `UNet`, in every node. Defaults to None.
        interpolation: str. As in `UNet`. Defaults to `"nearest"`.
        normalization: str or None. As in `UNet`. Defaults to `"batch"`.
        aux: bool. True adds deep supervision: the last node of every smaller decoder decides about the classes too, by
            a 1x1 convolution. The model then has the outputs `{"main": ..., "aux1": ..., "aux2": ..., ...}`, as in
            `PSPNet`, `"aux1"` that of the smallest. The paper weighs all losses alike, and can average the outputs or
            cut the model at one of them. Defaults to False.
        dropout: float. In [0, 1), before the classes. Defaults to 0.

    Other arguments, result and errors: see `UNet`; `backbone` cannot be None here.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.UNetPlusPlus(num_classes=21, backbone="ResNet34")
        >>> sum(int(weight.numpy().size) for weight in model.trainable_weights)
        26081509

    Reference: Zhou, Siddiquee, Tajbakhsh and Liang, "UNet++: A Nested U-Net Architecture for Medical Image
        Segmentation", DLMIA 2018, section 3.1 and figure 1; `aux` is section 3.2.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    dropout = check_dropout(dropout)
    _validation.boolean("aux", aux)
    if _validation.one_of("decoder_attention", decoder_attention, ATTENTIONS) == "gate":
        rule = "must be 'scse' or None here: a gate weighs one skip, and a node joins several maps"
        _validation.fail("decoder_attention", rule, decoder_attention, "Use UNet.")

    # Encoder
    choice = BackboneChoice(backbone, weights, backbone_trainable, include_preprocessing)
    image, pyramid, strides = padded_pyramid(choice, input_shape)
    deepest = strides[-1]
    _check_complete(strides)
    widths = decoder_widths(decoder_filters, decoder_stages(decoder_stride, deepest))

    # Decoder: nodes[start] is the newest node of the decoder that begins at the encoder's map number `start`.
    nodes: list[Tensor] = [pyramid[level_of(deepest)]]
    extra: dict[str, Tensor] = {}
    for stage, width in enumerate(widths):
        skip: Tensor = pyramid.get(level_of(deepest >> stage + 1))
        made: list[Tensor] = []
        # The finest decoder, of one step, first: each of the others reads all those that begin above it.
        for start in reversed(range(len(nodes) if skip is not None else 1)):
            made.append(
                decoder_stage(
                    nodes[start],
                    _joined([*reversed(made), skip], f"node{start}_{stage}_join"),
                    width if start == 0 or skip is None else skip.shape[-1],
                    f"node{start}_{stage}",
                    interpolation=interpolation,
                    normalization=normalization,
                    epsilon=TORCH_EPSILON,
                    attention=decoder_attention,
                )
            )
        # The newest nodes of the smaller decoders are at the finest resolution that they reach.
        extra = {f"{AUX}{number}": node for number, node in enumerate(made[:-1], start=1)} or extra
        nodes = [*reversed(made), *([] if skip is None else [skip])]
    x = nodes[0]
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)

    # Head
    if aux and not extra:
        fix = "Leave it out, or pass a backbone with more maps or a lower decoder_stride."
        _validation.fail("aux", "must be False where one decoder joins one skip", aux, fix)
    extra = {key: class_scores(node, num_classes, name=f"{key}_logits") for key, node in extra.items() if aux}
    return cropped_model(image, x, num_classes, activation, kernel_size=3, scale=decoder_stride, aux=extra, name=name)


def _joined(maps: list[Tensor], name: str) -> Tensor:
    """The maps as one; None where there is no map at this resolution."""
    return layers.Concatenate(name=name)(maps) if len(maps) > 1 else maps[0]


def _check_complete(strides: list[int]) -> None:
    """Fail where an encoder leaves a stride out between its first and its last."""
    missing = [stride for stride in _doublings(strides[0], strides[-1]) if stride not in strides]
    if missing:
        rule = "must have a map at every stride from its first to its last, for the nodes to join"
        fix = "Use UNet, which does without."
        _validation.fail("backbone", rule, f"none at {', '.join(map(str, missing))}", fix)


def _doublings(first: int, last: int) -> list[int]:
    return [first << step for step in range((last // first).bit_length())]
