"""SegFormers of keras-hub that are named, not given: presets, their folders, and files of weights."""

import pathlib
import re
import warnings
from typing import Any

import h5py
import keras

from keras_seg import _validation
from keras_seg.backbones import mix_transformer
from keras_seg.backbones.hub import PREFIX, installed, load_preset

_TASK = "task.json"
# The presets of SegFormer are named so. Another name may be the folder of a run, an address of another host PyTorch's.
_PRESET = r"segformer_b\d_(ade20k|cityscapes)_\d+|kaggle://.+"


def names_hub_preset(source: Any) -> bool:
    """Whether `source` is `"hub:PRESET"`, or the folder of a preset that keras-hub saved."""
    if str(source).startswith(PREFIX):
        return True
    path = pathlib.Path(source)
    return (path / "config.json").is_file() and any(path.glob("*.weights.*"))


def refuse_bare_preset(argument: str, source: Any) -> None:
    """Fail for a preset without its prefix, unless a file or folder has this name."""
    if re.fullmatch(_PRESET, str(source)) and not pathlib.Path(source).exists():
        fix = f"Pass {PREFIX + str(source)!r}."
        _validation.fail(argument, "names a preset of keras-hub without its prefix", str(source), fix)


def read_hub_preset(source: Any, argument: str) -> keras.Model:
    """The SegFormer of a preset: with its classes, or without where the folder has none.

    Raises:
        InputError: if keras-hub is not installed, or cannot load it, with its reason.
    """
    folder = pathlib.Path(str(source).removeprefix(PREFIX))
    kind = "SegFormerBackbone" if folder.is_dir() and not (folder / _TASK).is_file() else "SegFormerImageSegmenter"
    return load_preset(argument, str(source), lambda hub, preset: getattr(hub.models, kind).from_preset(preset))


def read_hub_weights(path: Any, variant: str) -> keras.Model | None:
    """keras-hub's SegFormer on the backbone `variant`, filled from its `.weights.h5` file; None if it is no such file.

    The filters of the decoder are those of the file, and so are the classes, if there are any.
    """
    models = installed("weights", str(path)).models
    filters, classes = _sizes(path)
    if filters is None:
        return None
    widths, depths = mix_transformer.VARIANTS[variant]
    encoder = models.MiTBackbone(
        layerwise_depths=list(depths),
        num_layers=len(depths),
        layerwise_num_heads=list(mix_transformer.HEADS),
        layerwise_sr_ratios=list(mix_transformer.REDUCTIONS),
        max_drop_path_rate=0.1,
        layerwise_patch_sizes=[7, 3, 3, 3],
        layerwise_strides=list(mix_transformer.STRIDES),
        image_shape=(64, 64, 3),  # No weight depends on it.
        hidden_dims=list(widths),
    )
    model = models.SegFormerBackbone(encoder, projection_filters=filters)
    if classes is not None:
        model = models.SegFormerImageSegmenter(model, num_classes=classes)
    try:
        with warnings.catch_warnings():
            # A file without optimizer, and Keras' record of graph depths: a layer without weights is an error.
            warnings.filterwarnings("ignore", message="Skipping (nested container|variable loading for optimizer)")
            model.load_weights(path)
    except Exception:  # Of Keras, h5py and Python itself: no place for a weight, another shape, no such format.
        return None
    return model


def _sizes(path: Any) -> tuple[int | None, int | None]:
    """(filters of the decoder, number of classes) in a file of keras-hub's SegFormer; None for what it has not.

    Its 1x1 convolutions are the one over the four joined maps, and that to the classes.
    """
    kernels: list[tuple[int, int]] = []

    def note(name: str, item: Any) -> None:
        shape = tuple(getattr(item, "shape", ()))
        if len(shape) == 4 and shape[:2] == (1, 1):
            kernels.append((shape[2], shape[3]))

    try:
        with h5py.File(path, "r") as file:
            file.visititems(note)
    except OSError:  # Not in this format.
        return None, None
    joined, filters = max(kernels, default=(0, 0))
    if not filters or joined != 4 * filters:
        return None, None
    return filters, next((count for channels, count in kernels if channels == filters), None)
