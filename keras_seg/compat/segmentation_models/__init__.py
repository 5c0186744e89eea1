"""Segmentation_models 1.0.1 on Keras 3: the same names, signatures and defaults, and weights files that load.

Change one line of a script, `import segmentation_models as sm`:

    import keras_seg.compat.segmentation_models as sm

Models take preprocessed images whose sides are multiples of 32, as there; `keras_seg.models` goes further.
docs/how-to/migrating.md lists what differs.
"""

from keras_seg.compat.segmentation_models import losses, metrics, utils
from keras_seg.compat.segmentation_models._backbones import get_available_backbone_names, get_preprocessing
from keras_seg.compat.segmentation_models._fpn import FPN
from keras_seg.compat.segmentation_models._framework import framework, set_framework
from keras_seg.compat.segmentation_models._linknet import Linknet
from keras_seg.compat.segmentation_models._pspnet import PSPNet
from keras_seg.compat.segmentation_models._unet import Unet

# The version whose interface this is.
__version__ = "1.0.1"

__all__ = [
    "FPN",
    "Linknet",
    "PSPNet",
    "Unet",
    "__version__",
    "framework",
    "get_available_backbone_names",
    "get_preprocessing",
    "losses",
    "metrics",
    "set_framework",
    "utils",
]
