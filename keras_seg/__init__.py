"""Semantic segmentation for Keras 3: build, train, judge, ship."""

import os
import sys

from keras_seg._version import __version__

# The command line imports Keras itself, once its arguments are checked and the backend's start-up notes are silenced.
# Everywhere else importing the package registers its layers, losses and metrics, so that saved models load.
_program = os.path.splitext(os.path.basename(sys.argv[0] if sys.argv else ""))[0]
if _program != "keras-seg" and sys.orig_argv[-len(sys.argv) - 1 :][:2] != ["-m", "keras_seg"]:
    from keras_seg import (
        analysis,
        augmentation,
        backbones,
        data,
        export,
        inference,
        initializers,
        layers,
        losses,
        metrics,
        models,
        surgery,
        training,
        visualization,
    )

__all__ = [
    "__version__",
    "analysis",
    "augmentation",
    "backbones",
    "data",
    "export",
    "inference",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "surgery",
    "training",
    "visualization",
]
