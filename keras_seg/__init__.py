"""Semantic segmentation for Keras 3: build, train, evaluate, ship."""

import importlib
import types
from typing import TYPE_CHECKING

# The first one comes before TensorFlow's first operation. The others have classes that saved models hold: Keras finds
# them only if they are imported.
from keras_seg import (
    _tensorflow_memory,  # noqa: F401
    augmentation,
    inference,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
)
from keras_seg._validation import InputError
from keras_seg._version import __version__

if TYPE_CHECKING:
    from keras_seg import (
        analysis,
        backbones,
        data,
        evaluation,
        export,
        models,
        report,
        scale,
        surgery,
        training,
        visualization,
    )

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
    "optimizers",
    "report",
    "scale",
    "surgery",
    "training",
    "visualization",
]


def __getattr__(name: str) -> types.ModuleType:
    """The other packages, each imported when it is first used: together they take longer than all above."""
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
