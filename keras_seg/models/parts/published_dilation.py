"""What no shape of a weight shows: how the backbones of published nets are dilated, and averages normalized."""

from typing import Any

from keras_seg import _validation
from keras_seg.backbones.ported import family_of
from keras_seg.models.parts.encoder_decoder import strides_of


def check_dilation(model: Any, name: str, library: str, *, strides: tuple[int, ...], dilate_strided: bool) -> None:
    """Fail where backbone `name` is not dilated as in the net that a `library` trains."""
    encoder = model.get_layer("backbone")
    output_stride = strides_of(encoder)[-1]
    if output_stride not in strides:
        fix = f"Build the model with output_stride={strides[0]}."
        _validation.fail("model", f"must have the output stride of {library}'s", output_stride, fix)
    strided = last_strided(model, name).dilation_rate[0] == 32 // output_stride
    if strided != dilate_strided:
        fix = f"Build the model with dilate_strided={dilate_strided}."
        which = "dilated" if dilate_strided else "not dilated"
        rule = f"must have convolutions that lost their stride {which}, as in {library}"
        _validation.fail("model", rule, f"dilate_strided={strided}", fix)


def last_strided(model: Any, name: str) -> Any:
    """The last convolution with a stride of the backbone `name` of a model."""
    return model.get_layer("backbone").get_layer(family_of(name).last_strided(name))


def check_normalized_average(model: Any, layer: str) -> None:
    """Fail where a model lacks the `layer` that normalizes the average of the image in the original."""
    if layer not in {item.name for item in model.layers}:
        fix = "Build the model with normalize_image=True."
        _validation.fail("model", "must normalize the average of the image, as its original", model.name, fix)
