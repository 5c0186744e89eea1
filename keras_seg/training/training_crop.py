"""The window that training cuts out of an image."""

from keras_seg.augmentation import RandomCrop
from keras_seg.training.choices import Plan

# As nnU-Net favors the foreground.
_FAVORED = 1 / 3


def training_crop(plan: Plan) -> RandomCrop:
    """The crop of a plan: a third of them lie around a pixel of its rare classes, if it has any."""
    crop, rare = plan["crop"], plan.get("rare_classes")
    size = (crop, crop) if isinstance(crop, int) else tuple(crop)
    return RandomCrop(size, classes=tuple(rare), probability=_FAVORED) if rare else RandomCrop(size)
