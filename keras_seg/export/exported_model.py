"""An exported file as a model that evaluation and prediction take."""

import json
import pathlib
import zipfile
from collections.abc import Mapping
from typing import Any, cast

import keras
import numpy as np

from keras_seg._memory import is_out_of_memory
from keras_seg._types import PathLike
from keras_seg._validation import InputError, first_line
from keras_seg.export.format import Format, Loaded
from keras_seg.export.onnx_format import ONNX
from keras_seg.export.openvino_format import OPENVINO
from keras_seg.export.saved_model_format import SAVED_MODEL
from keras_seg.export.tflite.tflite_format import TFLITE

FORMATS: dict[str, Format] = {format_.name: format_ for format_ in (TFLITE, SAVED_MODEL, ONNX, OPENVINO)}
_SUFFIXES = {".tflite": TFLITE, ".onnx": ONNX, ".xml": OPENVINO}
KNOWN_FILES = ".tflite, .onnx, .xml of OpenVINO, or the folder of a SavedModel"
_EXPORT_AGAIN = "Export the model with keras_seg."


class ExportedModel(keras.Model):
    """An exported file, run in its own runtime, as a keras.Model from images to score maps. `load` makes it.

    `predict`, `predict_on_batch` and calls compute with the file, so evaluation, tiled prediction and test-time
    augmentation take it in place of the model it was exported from. It has no weights, and cannot be trained or saved.

    The scores are those of the file. A file of class ids alone gives 1 for the class of a pixel and 0 for all others.

    Attributes:
        file: pathlib.Path. The file, or the folder of a SavedModel.
        format: str. Such as "tflite".
        description: dict. What `keras_seg.export` wrote about the file: names, colors, input, outputs, facts.
        gives_scores: bool. Whether the file outputs scores, not class ids alone.
        size: (height, width) of the images, either None where it may be any.
        channels: int. Channels of the images.
    """

    def __init__(self, path: pathlib.Path, *, format_: Format, loaded: Loaded, description: Mapping[str, Any]) -> None:
        names, outputs = description["class_names"], list(description["outputs"])
        scores = next((name for name in outputs if name != "class_ids"), None)
        classes = 1 if description["threshold"] is not None and scores is not None else len(names)
        batch, height, width, channels = loaded.input_shape
        layer = _FileLayer(
            self._run,
            classes=classes,
            activation=_activation(scores, classes, description.get("activation")),
            stride=description.get("stride", (1, 1)),
            digest=format_.digest(path),
        )
        image = keras.Input((height, width, channels), name="image")
        super().__init__(inputs=image, outputs=layer(image), name="exported_model")
        self.run_eagerly = True  # The file is run outside of what a backend can compile.
        self.file, self.format, self.description = path, format_.name, dict(description)
        self.gives_scores = scores is not None
        self.size, self.channels = (height, width), cast(int, channels)
        self._scores, self._classes, self._batch, self._loaded = scores, classes, batch, loaded

    def predict_on_batch(self, x: Any) -> np.ndarray:
        """Score maps (batch, height, width, classes) of images (batch, height, width, channels)."""
        images = np.asarray(x)
        self._check(images)
        return np.asarray(super().predict_on_batch(images))  # pyright: ignore[reportArgumentType]

    def served(self, images: np.ndarray) -> np.ndarray:
        """Images as the file takes them: of its type, as often repeated as its batch size asks for.

        Args:
            images: array (batch, height, width, channels), 0..255.

        Raises:
            InputError: the file takes bytes, and the images hold values that no byte has.
        """
        if self._batch is not None and len(images) < self._batch:
            images = np.concatenate([images, np.repeat(images[-1:], self._batch - len(images), axis=0)])
        if self.description["input"]["type"] == "float32":
            return images.astype("float32", copy=False)
        rounded = np.rint(images)
        if rounded.size and not (rounded.min() >= 0 and rounded.max() <= 255):
            found = f"values from {images.min():.3g} to {images.max():.3g}"
            raise InputError(f"{self.file}: takes bytes, and an image holds {found}. Export it with `input='float32'`.")
        return rounded.astype("uint8")

    def run(self, served: np.ndarray) -> dict[str, Any]:
        """The outputs of the file by name, for images that `served` gives.

        Args:
            served: array (batch, height, width, channels).

        Raises:
            InputError: the runtime fails, as for a size that the model does not take.
        """
        try:
            return self._loaded.run(served)
        except Exception as error:  # Runtimes raise exceptions of their own.
            if is_out_of_memory(error):
                raise  # What predicts images names a fix that suits it.
            height, width = served.shape[1:3]
            fix = " Resize or pad them to a size that the model takes." if None in self.size else ""
            raise InputError(
                f"{self.file}: cannot be run on images of {height}x{width} pixels ({first_line(error)}).{fix}"
            ) from error

    def _check(self, images: np.ndarray) -> None:
        found = images.shape[1:]
        if images.ndim != 4 or found[-1] != self.channels:
            rule = f"{self.file}: takes images of {self.channels} channels (batch, height, width, {self.channels})"
            raise InputError(f"{rule}, and these are {images.shape}.")
        if any(side not in (None, own) for side, own in zip(self.size, found, strict=False)):
            height, width = (side or own for side, own in zip(self.size, found, strict=False))
            raise InputError(
                f"{self.file}: takes images of {height}x{width} pixels, and this one has {found[0]}x{found[1]}. Export "
                f"the model for any size, or predict in tiles with `tile=({height}, {width})`."
            )

    def _run(self, images: np.ndarray) -> np.ndarray:
        """Score maps of any number of images."""
        step = self._batch or max(1, len(images))
        parts = [self._maps(images[start : start + step]) for start in range(0, len(images), step)]
        return np.concatenate(parts) if parts else np.zeros((*images.shape[:3], self._classes), "float32")

    def _maps(self, images: np.ndarray) -> np.ndarray:
        maps = self.run(self.served(images))
        name = self._scores or "class_ids"
        expected = images.shape[:3] if self._scores is None else (*images.shape[:3], self._classes)
        found = None if name not in maps else np.asarray(maps[name])[: len(images)]
        if found is None or found.shape != expected:
            shape = "no such output" if found is None else found.shape
            raise InputError(
                f"{self.file}: should give {name} {expected} by its description, and gives {shape}. {_EXPORT_AGAIN}"
            )
        if self._scores is None:
            return (found[..., None] == np.arange(self._classes)).astype("float32")
        return found.astype("float32", copy=False)


class _FileLayer(keras.layers.Layer):
    """The file in the graph of its model. Its stride and last activation are read as those of other layers are."""

    def __init__(self, run: Any, *, classes: int, activation: str | None, stride: Any, digest: str) -> None:
        super().__init__(name="file", dtype="float32")
        self._run, self.classes, self.digest = run, classes, digest
        self.stated_activation = activation
        self.shift_stride = tuple(stride)
        self.supports_jit = False

    def call(self, images: Any) -> Any:
        return keras.ops.convert_to_tensor(self._run(np.asarray(keras.ops.convert_to_numpy(images))))

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (*input_shape[:-1], self.classes)

    def get_config(self) -> dict[str, Any]:
        """By which an interrupted prediction knows the file again."""
        return {"classes": self.classes, "digest": self.digest}


def load(path: PathLike) -> ExportedModel:
    """Load an exported file as a model that evaluation and prediction take, on any backend.

    Args:
        path: str or path. A `.tflite`, `.onnx` or OpenVINO `.xml` file, or the folder of a SavedModel, with the
            description that `keras_seg.export` wrote: inside a TFLite or ONNX file, beside all but TFLite as NAME.json.

    Returns:
        An `ExportedModel`.

    Raises:
        InputError: there is no such file, a part of it is missing, it has no description or one of another file, or it
            cannot be loaded.
        ImportError: the runtime of the format is missing.

    Examples:

    ```python
    model = ks.export.load("unet.tflite")
    print(ks.evaluation.evaluate(model, "camvid", split="val", ignore_class=11).mean_iou)
    ```
    """
    path = pathlib.Path(path)
    format_ = format_of(path)
    if format_ is None:
        raise InputError(f"{path}: is no exported file ({KNOWN_FILES}).")
    if not path.exists():
        raise InputError(f"{path}: no such file.")
    format_.check_complete(path)
    format_.check_runnable()
    description = _description(format_, path)
    try:
        loaded = format_.load(path)
    except InputError:
        raise
    except Exception as error:  # Runtimes raise exceptions of their own.
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{path}: cannot be loaded as {format_.title} ({reason}). Export it again.") from error
    _check_belongs(path, description, loaded)
    return ExportedModel(path, format_=format_, loaded=loaded, description=description)


def format_of(path: PathLike) -> Format | None:
    """The format of an exported file by its suffix, or by what a folder holds; None for other paths.

    Args:
        path: str or path.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        return SAVED_MODEL if (path / str(SAVED_MODEL.folder_mark)).exists() else None
    return _SUFFIXES.get(path.suffix.lower())


def facts_of(path: PathLike) -> Mapping[str, Any]:
    """The facts that an exported file carries along; none where its description cannot be read.

    Args:
        path: str or path.
    """
    path = pathlib.Path(path)
    format_ = format_of(path)
    try:
        found = None if format_ is None else _description(format_, path).get("facts")
    except (InputError, ImportError, OSError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _description(format_: Format, path: pathlib.Path) -> dict[str, Any]:
    """What `keras_seg.export` wrote about a file."""
    place = format_.sidecar_of(path) if format_.sidecar else path
    try:
        found = _read_description(format_, path, place)
        _ = found["class_names"], found["threshold"], found["input"]["type"], found["outputs"]
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        missing = "it has none" if not format_.sidecar else f"there is no {place.name} beside it"
        why = missing if isinstance(error, (FileNotFoundError, KeyError, zipfile.BadZipFile)) else "it cannot be read"
        raise InputError(
            f"{path}: needs the description of its classes, input and outputs, and {why}. {_EXPORT_AGAIN}"
        ) from error
    if found.get("digest") not in (None, format_.digest(path)):
        if format_.inside is not None:
            format_.inside(path)  # Fails with a message of its own where a part of the file is missing.
        raise InputError(f"{path}: {place.name} beside it describes another file. {_EXPORT_AGAIN}")
    return found


def _read_description(format_: Format, path: pathlib.Path, place: pathlib.Path) -> dict[str, Any]:
    """The description beside a file, which knows the file again, or that inside it."""
    if format_.inside is None or (format_.sidecar and place.exists()):
        return json.loads(place.read_text(encoding="utf-8"))
    return format_.inside(path)


def _check_belongs(path: pathlib.Path, description: Mapping[str, Any], loaded: Loaded) -> None:
    """Fail where the file has another input than its description says."""
    shape = loaded.input_shape
    described = description["input"].get("size")
    if len(shape) != 4 or shape[-1] is None:
        raise InputError(f"{path}: must take one input (batch, height, width, channels), and takes {shape}.")
    if described is not None and tuple(described) != tuple(shape[1:3]):
        said, own = (tuple(side or "any" for side in size) for size in (described, shape[1:3]))
        raise InputError(f"{path}: takes images of {own}, and its description says {said}. {_EXPORT_AGAIN}")


def _activation(scores: str | None, classes: int, described: str | None) -> str | None:
    """The last activation of a file whose scores have this name; as `output_kind.last_activation` returns it."""
    if scores == "logits":
        return "logits"
    if scores == "scores":
        return None
    if scores is not None and described in ("softmax", "sigmoid"):
        return described
    # Descriptions of class ids, of claimed probabilities and of earlier versions do not decide.
    return "sigmoid" if classes == 1 else "softmax"
