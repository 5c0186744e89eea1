"""The weights of a whole model from its original in PyTorch."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike, PathLike
from keras_seg.backbones.array_files import SUFFIXES
from keras_seg.backbones.mix_transformer import variant_of
from keras_seg.backbones.ported_weights import note_license, read_state
from keras_seg.backbones.state_dict import ENCODERS, Matching, arrays_of, match_encoder
from keras_seg.backbones.weights import existing_file
from keras_seg.models.parts import segformer_names

_CLASSES = "logits"


def convert(weights: PathLike | Mapping[str, ArrayLike], model: keras.Model, *, head: bool = True) -> keras.Model:
    """Fill a `SegFormer` on a Mix Transformer with the weights of its original, decoder included.

    It takes the state dicts of transformers' `SegformerForSemanticSegmentation`, as its files and as its versions have
    them, of the authors' code, and of segmentation_models_pytorch's `Segformer`, whose decoder has 256 filters on every
    backbone. Outputs equal the original's to 1e-4, at any size. Two things differ elsewhere: transformers normalizes
    with an epsilon of 1e-5 where the authors' code and this one have 1e-6, and segmentation_models_pytorch enlarges its
    scores with aligned corners, which moves them by up to half a pixel of their map.

    The weights that NVIDIA published are for non-commercial use only; a warning says so.

    Args:
        weights: str, path or dict. A state dict, or a `.safetensors`, `.pth`, `.pt` or `.bin` file.
        model: keras.Model. A `SegFormer` with a backbone `MiTB0` to `MiTB5`, of the size of the weights. All its
            weights are changed or, when an error is raised, none.
        head: bool. Whether the layer of the classes is filled too. False leaves it as it is, for classes of your own.
            Defaults to True.

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
    encoder, name = _encoder(model)
    if not isinstance(weights, Mapping):
        path = existing_file(weights, f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
        if not str(path).lower().endswith(SUFFIXES):
            fix = "For a file of Keras, call model.load_weights."
            _validation.fail("weights", f"must be a {', '.join(SUFFIXES)} file", str(path), fix)
        weights = path
    state, source = read_state(weights)
    arrays = arrays_of(state, source)
    decoder = {key: array for key, array in arrays.items() if key.startswith(segformer_names.PREFIXES)}
    if not decoder or not any(key.startswith(ENCODERS) for key in arrays):
        fix = "Pass the state dict of a whole SegFormer; a backbone alone is filled by the weights= of SegFormer."
        _validation.fail("weights", "must hold a backbone and a decoder", source, fix)
    encoded = {key: array for key, array in arrays.items() if key not in decoder}
    matchings = [match_encoder(encoder, name, encoded, source), _matched_decoder(model, decoder, source, head=head)]
    for matching in matchings:
        matching.assign()
    note_license(name)
    return model


def _encoder(model: keras.Model) -> tuple[keras.Model, str]:
    """The backbone of a SegFormer and its name."""
    names = {layer.name for layer in model.layers}
    if names >= {"backbone", "fuse_conv", _CLASSES}:
        encoder = model.get_layer("backbone")
        name = variant_of(encoder) if isinstance(encoder, keras.Model) else None
        if name is not None:
            return encoder, name
    fix = 'Pass ks.models.SegFormer(num_classes, backbone="MiTB0"), up to "MiTB5".'
    return _validation.fail("model", "must be a SegFormer on a Mix Transformer", model.name, fix)


def _matched_decoder(model: keras.Model, arrays: dict[str, np.ndarray], source: str, *, head: bool) -> Matching:
    modules = segformer_names.modules(arrays)
    filled: list[Any] = [model.get_layer(name) for name in modules if head or name != _CLASSES]
    key = f"{modules[_CLASSES]}.bias"
    classes = model.get_layer(_CLASSES).filters
    if head and key in arrays and arrays[key].shape != (classes,):
        fix = f"Pass head=False to keep the model's own {classes}, or build it with num_classes={len(arrays[key])}."
        _validation.fail(
            "weights", f"must have scores of {classes} classes, as the model; they have {len(arrays[key])}", source, fix
        )
    matching = Matching(arrays, model.name, source)
    matching.match(filled, lambda layer: modules[layer])
    matching.check_rest((*segformer_names.UNUSED, *(() if head else (modules[_CLASSES],))))
    return matching
