"""What models on a backbone share: the encoder, the image padded to suit it, checks of its pyramid, the last steps.

The maps go from encoder to decoder as the pyramid of `keras_seg.backbones.build`: `{"P1": map, ..., "P5": map}`.
"""

from typing import Any, NamedTuple

import keras

from keras_seg import _validation, backbones, surgery
from keras_seg._types import Tensor, Weights
from keras_seg.backbones.pyramid import level_of, stride_of
from keras_seg.layers import CropLike, PadToStride
from keras_seg.models.parts.heads import segmentation_head
from keras_seg.models.parts.image_model import image_model


class BackboneChoice(NamedTuple):
    """The arguments of a model that choose its backbone."""

    backbone: str | keras.Model
    weights: Weights
    trainable: bool
    include_preprocessing: bool | str


def backbone_encoder(
    choice: BackboneChoice, input_shape: tuple[int | None, int | None, int], *, output_stride: int | None = None
) -> keras.Model:
    """The encoder of a model: a model from an image of any size to a pyramid.

    It becomes one layer of the model, named "backbone": that is where `unfreeze` looks for it. With an
    `output_stride`, the stages that would compress further are dilated instead, and their last map is the one there.
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
    if output_stride is None:
        return encoder
    strides = strides_of(encoder)
    if _validation.integer("output_stride", output_stride) not in strides:
        rule = f"must be a stride of the backbone's maps, {', '.join(map(str, strides))}"
        fix = f"Pass one of these, or a backbone with a map of stride {output_stride}."
        _validation.fail("output_stride", rule, output_stride, fix)
    deepest = strides[-1]
    if output_stride == deepest:
        return encoder
    maps: Any = encoder.output
    pyramid = {level: tensor for level, tensor in maps.items() if stride_of(level) < output_stride}
    pyramid[level_of(output_stride)] = maps[level_of(deepest)]
    encoder = _dilate(keras.Model(encoder.inputs[0], pyramid, name="backbone"), output_stride, deepest)
    if not choice.trainable:
        encoder.trainable = False
    return encoder


def padded(image: Tensor, stride: int) -> Tensor:
    """`image`, reflected up to sides that are multiples of `stride`. `CropLike` undoes it behind the head."""
    return PadToStride(stride, dtype="float32", name="pad_to_stride")(image)


def cropped_model(
    image: Tensor, x: Tensor, num_classes: int, activation: str | None, *, scale: int = 1, name: str
) -> keras.Model:
    """The model from `image` to the head of the features `x`, enlarged by `scale` and cropped to the image's size."""
    x = segmentation_head(x, num_classes, activation, scale=scale)
    x = CropLike(dtype="float32", name="crop")([x, image])
    return image_model(image, x, name=name)


def resized_model(image: Tensor, x: Tensor, num_classes: int, activation: str | None, *, name: str) -> keras.Model:
    """The model from `image` to the head of the features `x`, enlarged to exactly the image's size."""
    return image_model(image, segmentation_head(x, num_classes, activation, like=image), name=name)


def strides_of(encoder: keras.Model) -> list[int]:
    """The strides of an encoder's maps, the finest first."""
    return sorted(stride_of(level) for level in encoder.output)


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


def _dilate(encoder: keras.Model, output_stride: int, deepest: int) -> keras.Model:
    try:
        return surgery.dilate(encoder, output_stride=output_stride)
    except _validation.InputError as error:
        fix = f"Pass output_stride={deepest}, which leaves it unchanged."
        message = f"`output_stride` {output_stride} needs a backbone that can be dilated. {error} {fix}"
        raise _validation.InputError(message) from error
