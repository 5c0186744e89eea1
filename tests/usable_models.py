"""Runs of nothing, to predict with any model."""

import types

from keras_seg.inference import Postprocessing
from keras_seg.training.tasks import find_task


def usable_model(image_range):
    """What predicting asks of a semantic run of two classes."""
    labels = {"names": ["a", "b"], "ignore_class": []}
    return types.SimpleNamespace(
        task=find_task("semantic"),
        channels=3,
        exif_orientation="apply",
        image_range=image_range,
        labels=labels,
        decoding={},
        folder=types.SimpleNamespace(path="run"),
        postprocessing=Postprocessing(),
    )
