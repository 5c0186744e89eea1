"""The names of PAN's decoder in state dicts of segmentation_models_pytorch."""

from collections.abc import Container
from typing import Any

from keras_seg import _validation
from keras_seg.backbones import resnet
from keras_seg.models.parts.published_dilation import check_normalized_average, last_strided
from keras_seg.models.parts.smp_heads import PREFIXES as PREFIXES
from keras_seg.models.parts.smp_heads import UNUSED as UNUSED

MODEL = "PAN"
# A layer that no other model has.
MARK = "pyramid_pad"
BACKBONES = tuple(resnet.VARIANTS)


def module_of(layer: str, keys: Container[str]) -> str:
    """The module that a layer of `PAN` is."""
    return _MODULES.get(layer, layer)


_BLOCKS = {
    "image": "fpa.branch1.1",
    "pixel": "fpa.mid.0",
    **{f"down{number}": f"fpa.down{number}.1" for number in (1, 2, 3)},
    "bottom": "fpa.down3.2",
    **{f"up{number}": f"fpa.conv{number}" for number in (1, 2)},
    **{f"stage{stride}": f"gau{number}.conv2" for number, stride in enumerate((4, 8, 16), start=1)},
    **{f"stage{stride}_gate": f"gau{number}.conv1.1" for number, stride in enumerate((4, 8, 16), start=1)},
}
_MODULES = {
    **{f"{block}_conv": f"decoder.{module}.conv" for block, module in _BLOCKS.items()},
    **{f"{block}_norm": f"decoder.{module}.bn" for block, module in _BLOCKS.items()},
    "logits": "segmentation_head.0",
}


def check(model: Any, name: str, keys: Container[str]) -> None:
    """Fail where the model differs from the original in what no shape shows."""
    check_normalized_average(model, "image_norm")
    strided = last_strided(model, name)
    # A stride that is still there is that of encoder_output_stride=32, which the state dict does not tell.
    if strided.strides[0] == strided.dilation_rate[0] == 1:
        rule = "must have convolutions that lost their stride dilated, as in segmentation_models_pytorch"
        _validation.fail("model", rule, "dilate_strided=False", "Build the model with dilate_strided=True.")
