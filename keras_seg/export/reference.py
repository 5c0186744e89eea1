"""Predictions of a model on one backend, for the comparison with another: exports are made on TensorFlow."""

import pathlib
from typing import Any, NoReturn

import keras
import numpy as np

from keras_seg import _files, _validation
from keras_seg._types import ArrayLike, PathLike
from keras_seg.export import verification
from keras_seg.export.comparison_images import comparison_images, one_array, taken_size
from keras_seg.export.exportable import image_shape
from keras_seg.export.score_map import ScoreMap, score_map
from keras_seg.inference.output_kind import check_finite

# No multiple of any stride, so that padding and cropping are part of the comparison.
_SIZE = (97, 130)


def write_reference(
    model: keras.Model, path: PathLike, *, images: ArrayLike | None = None, overwrite: bool = False
) -> pathlib.Path:
    """Write the predictions of a model to a small file, for `check_reference` on another backend.

    Args:
        model: keras.Model. With one image input, on any backend.
        path: str or path. The `.npz` file.
        images: array (n, height, width, channels), 0..255. Defaults to two images of seeded noise.
        overwrite: bool. Whether an existing file may be replaced. Defaults to False.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        InputError: if an argument is not as above, the path cannot be written, the file exists, or an output is not
            finite.

    Examples:

    ```python
    model.save("segmenter.keras")  # with KERAS_BACKEND=jax
    ks.export.write_reference(model, "segmenter.npz")
    ```
    """
    path = pathlib.Path(path)
    _, *own, _ = image_shape(model)
    if images is None:
        size = taken_size(model, _SIZE, fixed=(own[0], own[1]))
    else:
        images = one_array("images", images)
        sides = images.shape[1:3] if images.ndim == 4 else _SIZE
        size = own[0] or sides[0], own[1] or sides[1]
    images = comparison_images(model, images, size)
    maps: dict[str, Any] = {f"map/{name}": value for name, value in _predicted(model, images, score_map(model)).items()}
    with _files.written_aside(path, overwrite=overwrite) as aside, aside.open("wb") as file:
        np.savez_compressed(file, images=images, backend=keras.backend.backend(), **maps)
    return path


def check_reference(model: keras.Model, path: PathLike) -> float:
    """Fail unless a model predicts here what `write_reference` wrote where it was trained.

    The limits are those of an exported file: every value within 0.001 and 99.9 % of the pixels of the same class.

    Args:
        model: keras.Model. Loaded from the file that was saved there.
        path: str or path. The file that `write_reference` wrote.

    Returns:
        float. The largest difference of any value.

    Raises:
        InputError: if there is no file, it is not one of `write_reference` or belongs to a model with other inputs or
            outputs, or an output is not finite.
        RuntimeError: if the predictions differ here.

    Examples:

    ```python
    model = keras.saving.load_model("segmenter.keras")  # with KERAS_BACKEND=tensorflow
    ks.export.check_reference(model, "segmenter.npz")
    ks.export.tflite(model, "segmenter.tflite", input_size=(256, 256))
    ```
    """
    shape = image_shape(model)[1:]
    images, backend, expected = _read(path)
    if any(own not in (None, side) for own, side in zip(shape, images.shape[1:], strict=True)):
        _fail_other(path, f"It holds images {images.shape[1:]}")
    scores = score_map(model)
    found = _predicted(model, images, scores)
    if sorted(found) != sorted(expected):
        _validation.fail("path", f"is the reference of a model with the outputs {sorted(expected)}", str(path))
    for name, value in found.items():
        if value.shape != expected[name].shape:
            _fail_other(path, f"Its {name} have the shape {expected[name].shape}, those of `model` {value.shape}")
    comparison = verification.compare_maps(expected, found, scores)
    rounding = verification.moved_by_rounding(model, images, found, scores)
    here = keras.backend.backend()
    verification.check_float32(comparison, rounding, f"The model on {here}", f"its output differs from {backend}'s")
    return comparison.difference


def _predicted(model: keras.Model, images: np.ndarray, scores: ScoreMap) -> dict[str, np.ndarray]:
    """The outputs of the model by name, as NumPy arrays."""
    maps = scores.named(model.predict(images, batch_size=1, verbose=0))  # pyright: ignore[reportArgumentType]
    # NumPy stores bfloat16 as bytes that it cannot read.
    arrays = {name: np.asarray(value, "float32") for name, value in maps.items()}
    check_finite(arrays[scores.name], f"The {scores.name} of `model`")
    return arrays


def _fail_other(path: PathLike, reason: str) -> NoReturn:
    fix = f"{reason}: load the model that was saved with it."
    _validation.fail("path", "is the reference of another model", str(path), fix)


def _read(path: PathLike) -> tuple[np.ndarray, str, dict[str, np.ndarray]]:
    """(images, backend, maps by name) of a file that `write_reference` wrote."""
    try:
        with np.load(path, allow_pickle=False) as file:
            maps = {name.removeprefix("map/"): file[name] for name in file.files if name.startswith("map/")}
            images, backend = file["images"], str(file["backend"])
    except FileNotFoundError:
        fix = "Write it with ks.export.write_reference(model, path) where the model was trained."
        _validation.fail("path", "does not exist", str(path), fix)
    except Exception:  # A damaged archive raises what its bytes lead to, and a `.npy` file is none.
        _fail_foreign(path)
    if images.ndim != 4 or len(images) == 0 or any(array.dtype.kind != "f" for array in (images, *maps.values())):
        _fail_foreign(path)
    return images, backend, maps


def _fail_foreign(path: PathLike) -> NoReturn:
    fix = "Write it again where the model was trained."
    _validation.fail("path", "is not a file of ks.export.write_reference", str(path), fix)
