"""Images and masks: folders, TensorFlow Datasets, generated scenes."""

from keras_seg.data.boundary_targets import BOUNDARY_CLASSES, add_boundary_targets, boundary_targets
from keras_seg.data.boundary_weights import add_boundary_weights, boundary_weights
from keras_seg.data.cells import cells_scene, write_cells
from keras_seg.data.class_weights import class_weights
from keras_seg.data.count_pixels import PixelCounts, count_pixels
from keras_seg.data.folder_index import FolderIndex, scan_folder, split_index
from keras_seg.data.instance_index import InstanceIndex, scan_instances
from keras_seg.data.instance_pairs import find_instance_pairs, instance_splits
from keras_seg.data.instance_reading import read_instances
from keras_seg.data.instance_targets import INSTANCE_CLASSES, InstanceTargets, add_instance_targets, instance_targets
from keras_seg.data.label_encoding import LabelEncoding
from keras_seg.data.open_images import open_images
from keras_seg.data.open_images_masks import write_open_images
from keras_seg.data.pairs import Pair, find_pairs, find_splits
from keras_seg.data.patches import patches
from keras_seg.data.pipeline import from_folder
from keras_seg.data.pipeline_error import pipeline_error
from keras_seg.data.reading import image_size, read_image, read_mask
from keras_seg.data.shapes import SHAPE_NAMES, shapes_scene, write_shapes
from keras_seg.data.stratified_images import stratified_positions
from keras_seg.data.tfds import from_tfds

__all__ = [
    "BOUNDARY_CLASSES",
    "INSTANCE_CLASSES",
    "SHAPE_NAMES",
    "FolderIndex",
    "InstanceIndex",
    "InstanceTargets",
    "LabelEncoding",
    "Pair",
    "PixelCounts",
    "add_boundary_targets",
    "add_boundary_weights",
    "add_instance_targets",
    "boundary_targets",
    "boundary_weights",
    "cells_scene",
    "class_weights",
    "count_pixels",
    "find_instance_pairs",
    "find_pairs",
    "find_splits",
    "from_folder",
    "from_tfds",
    "image_size",
    "instance_splits",
    "instance_targets",
    "open_images",
    "patches",
    "pipeline_error",
    "read_image",
    "read_instances",
    "read_mask",
    "scan_folder",
    "scan_instances",
    "shapes_scene",
    "split_index",
    "stratified_positions",
    "write_cells",
    "write_open_images",
    "write_shapes",
]
