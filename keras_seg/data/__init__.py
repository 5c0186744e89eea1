"""Images and masks: folders, TensorFlow Datasets, generated scenes."""

from keras_seg.data.boundary_weights import add_boundary_weights, boundary_weights
from keras_seg.data.class_weights import class_weights
from keras_seg.data.count_pixels import PixelCounts, count_pixels
from keras_seg.data.folder_index import FolderIndex, scan_folder, split_index
from keras_seg.data.label_encoding import LabelEncoding
from keras_seg.data.pairs import Pair, find_pairs, find_splits
from keras_seg.data.patches import patches
from keras_seg.data.pipeline import from_folder
from keras_seg.data.pipeline_error import pipeline_error
from keras_seg.data.reading import image_size, read_image, read_mask
from keras_seg.data.shapes import SHAPE_NAMES, shapes_scene, write_shapes
from keras_seg.data.tfds import from_tfds

__all__ = [
    "SHAPE_NAMES",
    "FolderIndex",
    "LabelEncoding",
    "Pair",
    "PixelCounts",
    "add_boundary_weights",
    "boundary_weights",
    "class_weights",
    "count_pixels",
    "find_pairs",
    "find_splits",
    "from_folder",
    "from_tfds",
    "image_size",
    "patches",
    "pipeline_error",
    "read_image",
    "read_mask",
    "scan_folder",
    "shapes_scene",
    "split_index",
    "write_shapes",
]
