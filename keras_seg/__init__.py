"""Semantic segmentation for Keras 3: build, train, evaluate, ship."""

from keras_seg import (
    analysis,
    augmentation,
    backbones,
    data,
    evaluation,
    export,
    inference,
    initializers,
    layers,
    losses,
    metrics,
    models,
    report,
    surgery,
    training,
    visualization,
)
from keras_seg._validation import InputError
from keras_seg._version import __version__

__all__ = [
    "InputError",
    "__version__",
    "analysis",
    "augmentation",
    "backbones",
    "data",
    "evaluation",
    "export",
    "inference",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "report",
    "surgery",
    "training",
    "visualization",
]
