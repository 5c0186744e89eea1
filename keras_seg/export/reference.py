"""What a model predicts on one backend, kept for another to be held against: exports are made on TensorFlow."""

import pathlib
import zipfile

import keras
import numpy as np

from keras_seg import _files, _validation
from keras_seg.export import verification
from keras_seg.export.traced_module import named

# No multiple of any stride, so that padding and cropping are part of what is compared.
_SIZE = (97, 130)


def write_reference(model, path, *, images=None, overwrite=False):
    """Write what a model predicts to a small file, for `check_reference` on another backend.

    Args:
        model: keras.Model with one image input, on any backend.
        path: str or path, of the `.npz` file.
        images: array (n, height, width, channels), 0..255. Defaults to two images of seeded noise.
        overwrite: bool. Whether an existing file may be replaced. Defaults to False.

    Returns:
        The path, a `pathlib.Path`.

    Raises:
        ValueError: if an argument is not as above, the path cannot be written, or the file exists.

    Examples:

    ```python
    model.save("segmenter.keras")  # with KERAS_BACKEND=jax
    ks.export.write_reference(model, "segmenter.npz")
    ```
    """
    path = pathlib.Path(path)
    sides = np.shape(images)[1:3] if np.ndim(images) == 4 else _SIZE
    size = [own or side for own, side in zip(model.input_shape[1:3], sides, strict=True)]
    images = verification.comparison_images(model, images, size)
    maps = {f"map/{name}": value for name, value in _predicted(model, images).items()}
    with _files.written_aside(path, overwrite) as aside, aside.open("wb") as file:
        np.savez_compressed(file, images=images, backend=keras.backend.backend(), **maps)
    return path


def check_reference(model, path):
    """Fail unless a model predicts here what `reference` wrote where it was trained.

    The limits are those of an exported file: every value within 0.001 and 99.9 % of the pixels of the same class.

    Args:
        model: keras.Model, loaded from what was saved there.
        path: str or path, of the file that `reference` wrote.

    Returns:
        The largest difference of any value, a float.

    Raises:
        ValueError: if the file is not there, or not of `reference`, or of a model of other inputs.
        RuntimeError: if the model predicts something else here.

    Examples:

    ```python
    model = keras.saving.load_model("segmenter.keras")  # with KERAS_BACKEND=tensorflow
    ks.export.check_reference(model, "segmenter.npz")
    ks.export.tflite(model, "segmenter.tflite", input_size=(256, 256))
    ```
    """
    images, backend, expected = _read(path)
    if model.input_shape[-1] != images.shape[-1]:
        fix = f"It holds images {images.shape[1:]}: load the model that was saved with it."
        _validation.fail("path", "is the reference of another model", str(path), fix)
    found = _predicted(model, images)
    if sorted(found) != sorted(expected):
        _validation.fail("path", f"is the reference of a model with the outputs {sorted(expected)}", str(path))
    comparison = verification.compare_maps(expected, found)
    rounding = verification.moved_by_rounding(model, images, found)
    here = keras.backend.backend()
    verification.check_float32(comparison, rounding, f"The model on {here}", f"its output differs from {backend}'s")
    return comparison.difference


def _predicted(model, images):
    """The model's maps by name, as NumPy arrays."""
    return {name: np.asarray(value) for name, value in named(model.predict(images, batch_size=1, verbose=0)).items()}


def _read(path):
    """(images, backend, maps by name) of a file that `reference` wrote."""
    try:
        with np.load(path, allow_pickle=False) as file:
            maps = {name.removeprefix("map/"): file[name] for name in file.files if name.startswith("map/")}
            found = file["images"], str(file["backend"]), maps
    except FileNotFoundError:
        fix = "Write it with ks.export.write_reference(model, path) where the model was trained."
        _validation.fail("path", "is not there", str(path), fix)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        fix = "Write it anew where the model was trained."
        _validation.fail("path", "is no file of ks.export.reference", str(path), fix)
    return found
