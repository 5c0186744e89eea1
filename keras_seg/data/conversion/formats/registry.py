"""All formats by name."""

from keras_seg.data.conversion.formats import (
    ade20k,
    camvid,
    cityscapes,
    coco_instances,
    coco_panoptic,
    cvat,
    folders,
    kitti,
    label_studio,
    labelme,
    mapillary,
    nnunet,
    roboflow_masks,
    supervisely,
    supervisely_masks,
    ultralytics_masks,
    via,
    voc,
    yolo,
)
from keras_seg.data.conversion.formats.format import Format

_MODULES = (
    coco_instances,
    coco_panoptic,
    yolo,
    labelme,
    cvat,
    roboflow_masks,
    ultralytics_masks,
    voc,
    cityscapes,
    ade20k,
    camvid,
    nnunet,
    kitti,
    mapillary,
    supervisely,
    supervisely_masks,
    label_studio,
    via,
    folders,
)
FORMATS: dict[str, Format] = {module.FORMAT.name: module.FORMAT for module in _MODULES}
