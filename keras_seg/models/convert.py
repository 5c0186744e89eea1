"""The weights of a whole model from its original in PyTorch."""

import os
import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike, PathLike
from keras_seg.backbones.array_files import SUFFIXES
from keras_seg.backbones.ported import variant_of
from keras_seg.backbones.ported_weights import note_license, read_state
from keras_seg.backbones.state_dict import ENCODERS, Matching, arrays_of, match_encoder
from keras_seg.backbones.weights import existing_file
from keras_seg.models.parts import (
    bisenetv2_names,
    ddrnet_names,
    deeplabv3_names,
    dpt_names,
    fast_scnn_names,
    fcn_names,
    lraspp_names,
    manet_names,
    pan_names,
    pidnet_names,
    segformer_names,
    unet_names,
    unetplusplus_names,
    upernet_names,
)
from keras_seg.models.parts.heads import AUX
from keras_seg.models.parts.hub_segformer import state_of_hub
from keras_seg.models.parts.hub_source import (
    names_hub_preset,
    read_hub_preset,
    read_hub_weights,
    refuse_bare_preset,
)

_HUB_WEIGHTS = ".weights.h5"
# The layers of the class scores, unless an original names others.
_CLASSES = ("logits",)
_ORIGINALS = (
    segformer_names, deeplabv3_names, lraspp_names, unetplusplus_names, manet_names, pan_names, upernet_names,
    ddrnet_names, pidnet_names, fast_scnn_names, bisenetv2_names, fcn_names, dpt_names, unet_names,
)  # fmt: skip


def convert(
    weights: PathLike | Mapping[str, ArrayLike] | keras.Model, model: keras.Model, *, head: bool = True
) -> keras.Model:
    """Fill a model with the weights of its original in PyTorch, decoder included.

    It takes the state dicts of

    - `SegFormer` on `MiTB0` to `MiTB5`: transformers' `SegformerForSemanticSegmentation`, as its files and as its
      versions have them, the authors' code, segmentation_models_pytorch's `Segformer`, whose decoder has 256 filters on
      every backbone, and keras-hub's `SegFormerImageSegmenter` or `SegFormerBackbone`: the model itself, its
      `"hub:PRESET"`, the folder of a saved preset, or its `.weights.h5`;
    - `DeepLabV3` on `ResNet18`, `ResNet34`, `ResNet50Torchvision`, `ResNet101Torchvision` and
      `MobileNetV3LargeTorchvision`: torchvision's `deeplabv3_...`, and on the ResNets segmentation_models_pytorch's
      `DeepLabV3`;
    - `FCN` on `ResNet50Torchvision` and `ResNet101Torchvision`: torchvision's `fcn_resnet50` and `fcn_resnet101`;
    - `LRASPP` on `MobileNetV3LargeTorchvision`: torchvision's `lraspp_mobilenet_v3_large`;
    - `UNet` with `head_kernel_size=3`, `UNetPlusPlus`, `MAnet`, `PAN` and `UPerNet` on these ResNets: those of
      segmentation_models_pytorch;
    - `DPT` on keras-hub's `ViTBackbone`: segmentation_models_pytorch's `DPT` on timm's `vit_..._patch16_...`, such as
      `"tu-vit_base_patch16_224"`, made for images of the same size;
    - `DDRNet` and `PIDNet`: the authors' code; `FastSCNN`: Tramac/Fast-SCNN-pytorch; `BiSeNetV2`: CoinCheung/BiSeNet.

    Outputs equal the original's to 1e-4, at any size that it takes. Two things differ elsewhere: transformers
    normalizes with an epsilon of 1e-5 where the authors' code and this one have 1e-6, and segmentation_models_pytorch
    enlarges scores with aligned corners, which moves them by up to half a pixel of their map. keras-hub has the first
    of these, and approximates GELU, which changes scores by about a thousandth. Its presets of MiTB2 to MiTB5 have a
    decoder of 256 filters, where the published ones have 768: build the model with `filters=256`.

    Images are normalized as the originals do, by ImageNet's means and deviations. CoinCheung/BiSeNet alone has those of
    the data set: a warning says so, and `BiSeNetV2` what to do.

    Auxiliary heads are filled too where the model is built with `aux=True`, and left out where it is not. If the
    weights have none, those of the model keep theirs, and a warning says so.

    A model whose layers hold the weights but compute something else with them, as by other dilations, is refused. The
    weights of segmentation_models_pytorch's `DeepLabV3` do not tell its `decoder_atrous_rates`: a warning says so where
    the model has others than its default, 12, 24, 36, as `DeepLabV3` has at `output_stride=16`.

    The weights of SegFormer that NVIDIA published are for non-commercial use only; a warning says so.

    Args:
        weights: str, path, dict or keras.Model. A state dict, a `.safetensors`, `.pth`, `.pt`, `.bin` or `.ckpt` file,
            or a SegFormer of keras-hub in one of the forms above.
        model: keras.Model. One of the table, of the size of the weights. All its weights are changed or, when an error
            is raised, none.
        head: bool. Whether the layers of the classes are filled too. False leaves them as they are, for classes of your
            own. Defaults to True.

    Returns:
        `model`.

    Raises:
        InputError: if the model is another one, the file cannot be read, or the weights do not fit: with the first key
            that does not.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.SegFormer(num_classes=150, backbone="MiTB0")
        >>> ks.models.convert("model.safetensors", model)  # doctest: +SKIP
    """
    _validation.boolean("head", head)
    if not isinstance(model, keras.Model):
        _validation.fail("model", "must be a keras.Model", model)
    original = _recognized(model)
    name = _backbone(model, original)
    state, source = _state(weights, model, original, name)
    arrays = arrays_of(state, source)
    decoder = {key: array for key, array in arrays.items() if key.startswith(original.PREFIXES)}
    transformer = hasattr(original, "matched_encoder")
    if (name is not None or transformer) and (not decoder or not any(key.startswith(ENCODERS) for key in arrays)):
        fix = "Pass the state dict of the whole model; a backbone alone is filled by the weights= of the model."
        _validation.fail("weights", "must hold a backbone and a decoder", source, fix)
    original.check(model, name, arrays)
    encoded = {key: array for key, array in arrays.items() if key not in decoder}
    if transformer:
        matchings = [original.matched_encoder(model, encoded, source)]
    else:
        matchings = [] if name is None else [match_encoder(model.get_layer("backbone"), name, encoded, source)]
    matchings.append(_matched_decoder(original, model, decoder, source, head=head))
    for matching in matchings:
        matching.assign()
    if name is not None:
        note_license(name)
    if hasattr(original, "note"):
        original.note(model)
    return model


def _state(
    weights: Any, model: keras.Model, original: ModuleType, name: str | None
) -> tuple[Mapping[str, ArrayLike], str]:
    """(state dict, what errors call it) of any weights that `convert` takes."""
    if isinstance(weights, keras.Model):
        return state_of_hub(weights), weights.name
    if isinstance(weights, Mapping):
        return read_state(weights)
    if isinstance(weights, (str, os.PathLike)):
        if names_hub_preset(weights):
            return state_of_hub(read_hub_preset(weights, "weights")), str(weights)
        refuse_bare_preset("weights", weights)
    suffixes = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
    path = str(existing_file(weights, suffixes, others="a state dict"))
    if path.lower().endswith(SUFFIXES):
        return read_state(path)
    found = None
    if path.lower().endswith(_HUB_WEIGHTS) and original is segformer_names and name is not None:
        found = read_hub_weights(path, name)
    if found is None:
        rule = f"must be a {', '.join(SUFFIXES)} file, or of SegFormer a {_HUB_WEIGHTS} of keras-hub for {model.name}"
        fix = "For weights that this package saved, call model.load_weights; of a preset, pass the folder."
        _validation.fail("weights", rule, path, fix)
    return state_of_hub(found), path


def _recognized(model: keras.Model) -> ModuleType:
    """What is known of the original of a model."""
    layers = {layer.name for layer in model.layers}
    original = next((original for original in _ORIGINALS if original.MARK in layers), None)
    if original is None:
        names = ", ".join(original.MODEL for original in _ORIGINALS[:-1])
        rule = f"must be a {names} or {_ORIGINALS[-1].MODEL}"
        _validation.fail("model", rule, model.name, "Other models have no original whose weights fit.")
    return original


def _backbone(model: keras.Model, original: ModuleType) -> str | None:
    """The name of a model's backbone, one of its original's; None for those that have none."""
    if not original.BACKBONES:
        return None
    encoder = next((layer for layer in model.layers if layer.name == "backbone"), None)
    name = variant_of(encoder) if isinstance(encoder, keras.Model) else None
    if name not in original.BACKBONES:
        rule = f"must have a backbone in PyTorch's form: {', '.join(original.BACKBONES)}"
        fix = f'Pass ks.models.{original.MODEL}(num_classes, backbone="{original.BACKBONES[0]}").'
        _validation.fail("model", rule, model.name, fix)
    return name


def _matched_decoder(
    original: ModuleType, model: keras.Model, arrays: dict[str, np.ndarray], source: str, *, head: bool
) -> Matching:
    classes = getattr(original, "CLASSES", _CLASSES)
    aux: dict[str, str] = getattr(original, "AUX", {})

    def module_of(layer: str) -> str:
        return aux.get(layer) or original.module_of(layer, arrays)

    modules = {layer.name: module_of(layer.name) for layer in model.layers}
    key = f"{modules[classes[0]]}.bias"
    count = model.get_layer(classes[0]).filters
    if head and key not in arrays and original is segformer_names:
        fix = f"Pass head=False to keep the model's own {count}."
        _validation.fail("weights", "must have scores of classes, which a SegFormer's backbone has not", source, fix)
    if head and key in arrays and arrays[key].shape != (count,):
        fix = f"Pass head=False to keep the model's own {count}, or build it with num_classes={len(arrays[key])}."
        _validation.fail(
            "weights", f"must have scores of {count} classes, as the model; they have {len(arrays[key])}", source, fix
        )
    left = () if head else (*classes, *_aux_classes(model, aux, count))
    if not any(f"{module}.weight" in arrays for module in aux.values()):
        left = (*left, *_without_aux_weights(model, source))
    filled = [layer for layer in model.layers if layer.weights and layer.name not in ("backbone", *left)]
    matching = Matching(arrays, model.name, source)
    parts = {"part_of": original.part_of} if hasattr(original, "part_of") else {}
    matching.match(filled, module_of, **parts)
    matching.check_rest((*original.UNUSED, *aux.values(), *(modules[layer] for layer in left)))
    return matching


def _aux_classes(model: keras.Model, aux: dict[str, str], count: int) -> list[str]:
    """The layers of auxiliary heads in a model that score its `count` classes."""
    return [layer.name for layer in model.layers if layer.name in aux and layer.name.endswith("_logits")
            and layer.filters == count]  # fmt: skip


def _without_aux_weights(model: keras.Model, source: str) -> list[str]:
    """The layers of the auxiliary heads of a model, none of which has weights in the `source`; a warning says so."""
    # By their names, as there are originals without such heads.
    left = [layer.name for layer in model.layers if layer.weights and layer.name.startswith(AUX)]
    if left:
        heads = ", ".join(layer.removesuffix("_logits") for layer in left if layer.endswith("_logits"))
        warnings.warn(f"{source} has no auxiliary heads: {heads} of {model.name} keep their weights.", stacklevel=3)
    return left
