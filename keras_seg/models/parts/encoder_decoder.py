"""What models on a backbone share: the encoder, the image padded to suit it, checks of its pyramid, the last steps.

The maps go from encoder to decoder as the pyramid of `keras_seg.backbones.build`: `{"P1": map, ..., "P5": map}`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras

from keras_seg import _validation, backbones, surgery
from keras_seg._types import Tensor, Weights
from keras_seg.backbones import mobilenet_v3
from keras_seg.backbones.plain_vit import patch_stride, undilated
from keras_seg.backbones.ported import in_torch_form, variant_of
from keras_seg.backbones.pyramid import level_of, stride_of
from keras_seg.layers import CropLike, PadToStride
from keras_seg.models.parts.heads import AUX, class_scores, enlarged_scores, named_outputs
from keras_seg.models.parts.image_model import image_model

# The score maps of auxiliary heads by the names of their outputs.
AuxScores = Mapping[str, Tensor] | None


class BackboneChoice(NamedTuple):
    """The arguments of a model that choose its backbone."""

    backbone: str | keras.Model
    weights: Weights
    trainable: bool
    include_preprocessing: bool | str


def backbone_encoder(
    choice: BackboneChoice,
    input_shape: tuple[int | None, int | None, int],
    *,
    output_stride: int | None = None,
    dilate_strided: bool | None = False,
    every_map: bool = False,
    aux: bool = False,
) -> keras.Model:
    """The encoder of a model: a model from an image of any size to a pyramid.

    It becomes one layer of the model, named "backbone": that is where `unfreeze` looks for it. With an
    `output_stride`, the stages that would compress further are dilated instead, and their last map is the one there.
    `dilate_strided` is that of `keras_seg.surgery.dilate`; None chooses what torchvision does with the backbone. With
    `every_map` the maps beyond the stride keep their levels, though they are as large as the one there. With `aux` the
    pyramid also has the map before the deepest, for an auxiliary head, under that name.
    """
    _validation.boolean("backbone_trainable", choice.trainable)
    encoder = backbones.build(
        choice.backbone,
        input_shape=(None, None, input_shape[-1]),
        weights=choice.weights,
        include_preprocessing=choice.include_preprocessing,
        trainable=choice.trainable,
        name="backbone",
    )
    if aux:
        encoder = _with_aux_map(encoder)
    if output_stride is None:
        return encoder
    strides = strides_of(encoder)
    if _validation.integer("output_stride", output_stride) not in strides:
        rule = f"must be a stride of the backbone's maps, {', '.join(map(str, strides))}"
        fix = f"Pass one of these, or a backbone with a map of stride {output_stride}."
        _validation.fail("output_stride", rule, output_stride, fix)
    deepest = strides[-1]
    if dilate_strided is not None:
        _validation.boolean("dilate_strided", dilate_strided)
    if output_stride == deepest:
        if dilate_strided:
            fix = f"Leave it out, or pass an output_stride below {deepest}."
            _validation.fail("dilate_strided", "has no effect where no stride is removed", dilate_strided, fix)
        return encoder
    vit = undilated(encoder, output_stride)
    if vit is not None and dilate_strided:
        fix = "Leave it out."
        _validation.fail("dilate_strided", "has no effect on a plain vision transformer", dilate_strided, fix)
    encoder = vit or encoder
    maps: Any = encoder.output
    pyramid = dict(maps)
    if not every_map:
        pyramid = {level_of(stride): maps[level_of(stride)] for stride in strides if stride < output_stride}
        pyramid[level_of(output_stride)] = maps[level_of(deepest)]
        if aux:
            pyramid[AUX] = maps[AUX]
    if dilate_strided is None:
        dilate_strided = variant_of(encoder) in mobilenet_v3.VARIANTS
    encoder = keras.Model(encoder.inputs[0], pyramid, name="backbone")
    if vit is None:
        encoder = _dilate(encoder, output_stride, deepest, dilate_strided=dilate_strided)
    if not choice.trainable:
        encoder.trainable = False
    return encoder


def _with_aux_map(encoder: keras.Model) -> keras.Model:
    """`encoder` with the map before its deepest, as torchvision has it, under the name of an auxiliary output."""
    strides = strides_of(encoder)
    if len(strides) < 2:
        fix = "Leave it out, or pass a backbone that compresses in several steps."
        _validation.fail("aux", "must be False for a backbone with one map", True, fix)
    variant = variant_of(encoder)
    if variant in mobilenet_v3.VARIANTS:
        found = mobilenet_v3.early_map(variant, encoder)
    else:
        found = encoder.output[level_of(strides[-2])]
    return with_map(encoder, AUX, found)


def with_map(encoder: keras.Model, level: str, tensor: Tensor) -> keras.Model:
    """`encoder` with one of its tensors as the map `level`."""
    trainable = encoder.trainable
    encoder = keras.Model(encoder.inputs[0], {**encoder.output, level: tensor}, name=encoder.name)
    if not trainable:
        encoder.trainable = False
    return encoder


def joinable_encoder(
    choice: BackboneChoice, input_shape: tuple[int | None, int | None, int], *, finest: int | None = None
) -> tuple[keras.Model, list[int]]:
    """The encoder of a model that joins neighboring maps, and their strides, all or those from `finest`."""
    encoder = backbone_encoder(choice, input_shape)
    strides = strides_of(encoder) if finest is None else strides_from(finest, encoder)
    check_joinable(strides)
    return encoder, strides


def padded_pyramid(
    choice: BackboneChoice, input_shape: tuple[int | None, int | None, int], *, finest: int | None = None
) -> tuple[Tensor, dict[str, Tensor], list[int]]:
    """(image, maps of the image padded to the deepest stride, strides of those to be joined) of a model."""
    encoder, strides = joinable_encoder(choice, input_shape, finest=finest)
    image = keras.Input(input_shape, name="image")
    return image, encoder(padded(image, strides[-1])), strides


def padded(image: Tensor, stride: int, *, encoder: keras.Model | None = None) -> Tensor:
    """`image`, reflected up to sides that are multiples of `stride`, and of the patches of an `encoder` that has some.

    `CropLike` undoes it behind the head.
    """
    if encoder is not None:
        stride = max(stride, patch_stride(encoder) or 1)
    return PadToStride(stride, dtype="float32", name="pad_to_stride")(image)


def cropped_model(
    image: Tensor,
    x: Tensor,
    num_classes: int,
    activation: str | None,
    *,
    kernel_size: int = 1,
    scale: int = 1,
    aux: AuxScores = None,
    name: str,
) -> keras.Model:
    """The model from `image` to the head of the features `x`, enlarged by `scale` and cropped to the image's size."""
    scores = class_scores(x, num_classes, kernel_size=kernel_size)
    return cropped_scores(image, scores, activation, scale=scale, aux=aux, name=name)


def cropped_scores(
    image: Tensor, scores: Tensor, activation: str | None, *, scale: int, aux: AuxScores = None, name: str
) -> keras.Model:
    """The model from `image` to the `scores`, enlarged by `scale` and cropped to the image's size; `aux` likewise."""
    main = enlarged_scores(scores, activation, scale=scale)

    def finish(scores: Tensor, activation: str | None, prefix: str) -> Tensor:
        return _cropped(enlarged_scores(scores, activation, like=main, prefix=prefix), image, prefix)

    return image_model(image, named_outputs(_cropped(main, image), aux, activation, finish), name=name)


def _cropped(x: Tensor, image: Tensor, prefix: str = "") -> Tensor:
    return CropLike(dtype="float32", name=f"{prefix}crop")([x, image])


def resized_model(
    image: Tensor,
    scores: Tensor,
    activation: str | None,
    *,
    align_corners: bool = False,
    aux: AuxScores = None,
    name: str,
) -> keras.Model:
    """The model from `image` to the `scores`, enlarged to exactly the image's size; `aux` likewise."""

    def finish(scores: Tensor, activation: str | None, prefix: str = "") -> Tensor:
        return enlarged_scores(scores, activation, like=image, align_corners=align_corners, prefix=prefix)

    return image_model(image, named_outputs(finish(scores, activation), aux, activation, finish), name=name)


def torch_padded(image: Tensor, encoder: keras.Model, stride: int) -> Tensor:
    """`image` for an encoder of which one map alone is read, or maps that are resized to one another.

    An encoder in PyTorch's form takes it as it is, and its maps round up at odd sizes, as published. For all others it
    is reflected up to multiples of `stride`.
    """
    return image if in_torch_form(encoder) else padded(image, stride, encoder=encoder)


def torch_resized_model(
    image: Tensor,
    scores: Tensor,
    activation: str | None,
    encoder: keras.Model,
    *,
    scale: int,
    aux: AuxScores = None,
    name: str,
) -> keras.Model:
    """The model from `image` to the `scores`, enlarged to its size, for an image that `torch_padded` padded or not."""
    if in_torch_form(encoder):
        return resized_model(image, scores, activation, aux=aux, name=name)
    return cropped_scores(image, scores, activation, scale=scale, aux=aux, name=name)


def strides_of(encoder: keras.Model) -> list[int]:
    """The strides of an encoder's maps, the finest first."""
    return sorted(stride_of(level) for level in encoder.output if level != AUX)


def strides_from(stride: int, encoder: keras.Model) -> list[int]:
    """The strides of an encoder's maps from `stride` on, the finest first; all of them where there are none."""
    strides = strides_of(encoder)
    return [found for found in strides if found >= stride] or strides


def check_joinable(strides: list[int]) -> None:
    """Fail where an encoder's `strides` are too few for a decoder that joins deep maps with early ones."""
    if len(strides) < 2:
        _validation.fail(
            "backbone",
            "must have maps of at least two strides, for the decoder to join them",
            f"maps of stride {', '.join(map(str, strides))}",
            "Pass one that compresses in several steps, or see keras_seg.backbones.names().",
        )


def _dilate(encoder: keras.Model, output_stride: int, deepest: int, *, dilate_strided: bool) -> keras.Model:
    try:
        return surgery.dilate(encoder, output_stride=output_stride, dilate_strided=dilate_strided)
    except _validation.InputError as error:
        fix = f"Pass output_stride={deepest}, which leaves it unchanged."
        message = f"`output_stride` {output_stride} needs a backbone that can be dilated. {error} {fix}"
        raise _validation.InputError(message) from error
