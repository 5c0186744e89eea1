"""What a file computes on a GPU, and in float16, beside what it computes on the processor."""

import pathlib
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from keras_seg._types import ArrayLike, IgnoreClass
from keras_seg.export.class_agreement import iou_per_class
from keras_seg.export.delegates.gpu_run import run_on_gpu
from keras_seg.export.delegates.half_precision import LARGEST, in_half_precision
from keras_seg.export.delegates.report import DeviceCheck, HalfPrecisionCheck
from keras_seg.export.exported_model import ExportedModel, load
from keras_seg.export.report import mean
from keras_seg.export.tflite.interpreter import interpreter, produced_by
from keras_seg.export.verification import classes, same_classes

Maps = dict[str, np.ndarray]


def device_check(
    file: ExportedModel, content: bytes, images: np.ndarray, expected: Sequence[Maps]
) -> DeviceCheck | None:
    """What LiteRT's GPU delegate computes; None where this machine has no device for it.

    Args:
        file: the loaded file.
        content: bytes of the file.
        images: array (n, height, width, channels), 0..255.
        expected: the outputs of the file on the processor, per image.
    """
    found = run_on_gpu(content, file.served(images))
    if found is None:
        return None
    if found.error:
        return DeviceCheck(device=found.device, complete=False, error=found.error)
    maps = [{name: held[place][None] for name, held in found.maps.items()} for place in range(len(images))]
    differences = [
        np.abs(one[name].astype("float64") - own[name]).max() for one, own in _pairs(maps, expected) for name in own
    ]
    return DeviceCheck(
        device=found.device,
        complete=found.complete,
        max_abs_difference=float(max(differences)),
        agreement=_agreement(file, maps, expected),
    )


def half_precision_check(
    file: ExportedModel,
    content: bytes,
    images: np.ndarray,
    expected: Sequence[Maps],
    *,
    name: Callable[[str], str],
    masks: ArrayLike | None,
    ignore_class: IgnoreClass,
) -> HalfPrecisionCheck:
    """The file with weights and results rounded to float16. Arguments as above; `name` gives the layer of a tensor."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / file.file.name
        path.write_bytes(in_half_precision(content, str(file.file)))
        half = load(path)
        maps = [half.run(half.served(image[None])) for image in images]
    scores = [None, None]
    if masks is not None:
        options = {"num_classes": len(file.description["class_names"]), "ignore_class": ignore_class}
        ids = [np.concatenate([_classes(file, one) for one in part]) for part in (maps, expected)]
        scores = [mean(iou_per_class(one, masks, **options)) for one in ids]
    largest = _largest(content, file.served(images))
    tensor = max(largest, key=largest.__getitem__)
    beyond = dict.fromkeys(name(one) for one, value in largest.items() if not value <= LARGEST)
    return HalfPrecisionCheck(
        agreement=_agreement(file, maps, expected),
        largest=largest[tensor],
        largest_layer=name(tensor),
        overflowing=tuple(beyond),
        mean_iou=scores[0],
        float_mean_iou=scores[1],
    )


def _pairs(maps: Sequence[Maps], expected: Sequence[Maps]) -> list[tuple[Maps, Maps]]:
    return list(zip(maps, expected, strict=True))


def _agreement(file: ExportedModel, maps: Sequence[Maps], expected: Sequence[Maps]) -> float:
    """The share of pixels of the same class, or of the same classes where they overlap."""
    described = file.description
    single = described["threshold"] is not None
    overlapping = described.get("activation") == "sigmoid" and not single and "class_ids" not in described["outputs"]
    pairs = [[_classes(file, one, overlapping=overlapping) for one in pair] for pair in _pairs(maps, expected)]
    return float(np.mean([same_classes(*pair, overlapping=overlapping) for pair in pairs]))


def _classes(file: ExportedModel, maps: Maps, *, overlapping: bool = False) -> Any:
    if "class_ids" in maps:
        return maps["class_ids"]
    (scores,) = maps.values()
    threshold = file.description["threshold"]
    return classes(scores, 0.5 if threshold is None else threshold, overlapping=overlapping)


def _largest(content: bytes, served: np.ndarray) -> dict[str, float]:
    """The largest absolute value of each float tensor that a node gives, by name."""
    made = interpreter(content)
    (source,) = made.get_input_details()
    tensors, found = [one for one in produced_by(made) if one.dtype.kind == "f"], {}
    for image in served:
        made.set_tensor(source["index"], image[None])
        made.invoke()
        for one in tensors:
            found[one.name] = max(found.get(one.name, 0.0), float(np.abs(made.get_tensor(one.index)).max(initial=0)))
    return found
