"""How fast and how large a trained model is in one format."""

from typing import NamedTuple

import keras
import numpy as np

from keras_seg import _validation, export
from keras_seg._export_report import exports_of
from keras_seg.export.benchmark import alternating
from keras_seg.training.trained_run import TrainedRun

# Other names than those that exports of a run usually have, which may be quantized and are not replaced.
_FILES = {"tflite": "leaderboard.tflite", "saved_model": "leaderboard_saved_model"}
FORMATS = (*_FILES, "keras")
_ROUNDS = 15


class ModelSpeed(NamedTuple):
    """Latency and size of a model.

    Attributes:
        milliseconds: float or None. Median time for one image.
        size_bytes: int or None. Of the file, or of the float32 weights of a Keras model.
        reason: str or None. Why it could not be measured.
    """

    milliseconds: float | None
    size_bytes: int | None
    reason: str | None = None


def usual_format() -> str:
    """The format to measure where none is given: only TensorFlow exports TFLite."""
    return "tflite" if keras.backend.backend() == "tensorflow" else "keras"


def model_speed(run: TrainedRun, model: keras.Model, *, format: str) -> ModelSpeed:
    """Measure a model at the median size of its data; the file that is timed stays in the folder of the run.

    Args:
        run: `TrainedRun`.
        model: keras.Model. That of the run.
        format: str. One of `FORMATS`.
    """
    size = run.typical_size
    if format == "keras":
        image = np.zeros((1, *size, run.channels), "float32")
        (milliseconds,) = alternating([lambda: model.predict_on_batch(image)], _ROUNDS)
        return ModelSpeed(milliseconds, 4 * model.count_params())
    name = _FILES[format]
    earlier = exports_of(run.path).get(name)
    if earlier is not None:
        return ModelSpeed(earlier["milliseconds"], earlier["size_bytes"])
    labels = {"class_names": run.labels["names"], "ignore_class": run.ignore_class}
    try:
        found = getattr(export, format)(
            model, run.path / name, input_size=size, facts=run.facts.to_dict(), overwrite=True, **labels
        )
    except (RuntimeError, ImportError, ValueError) as error:
        return ModelSpeed(None, None, f"not exported: {' '.join(_validation.printable(str(error)).split())[:300]}")
    return ModelSpeed(found.milliseconds, found.size_bytes)
