"""All formats by name."""

from keras_seg.data.conversion.formats import coco_instances, coco_panoptic, labelme, yolo
from keras_seg.data.conversion.formats.format import Format

_MODULES = (coco_instances, coco_panoptic, yolo, labelme)
FORMATS: dict[str, Format] = {module.FORMAT.name: module.FORMAT for module in _MODULES}
