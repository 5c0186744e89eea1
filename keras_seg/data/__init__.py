"""Images and masks: folders, TensorFlow Datasets, generated scenes."""

from keras_seg.data.conversion.convert import convert
from keras_seg.data.conversion.report import ConversionReport
from keras_seg.data.diagnosis.diagnose import diagnose
from keras_seg.data.diagnosis.diagnosis import Diagnosis
from keras_seg.data.diagnosis.finding import Finding
from keras_seg.data.index.folder_index import FolderIndex, scan_folder
from keras_seg.data.index.instance_index import InstanceIndex, scan_instances
from keras_seg.data.index.instance_pairs import find_instance_pairs, find_instance_splits
from keras_seg.data.index.instance_reading import read_instances
from keras_seg.data.index.label_encoding import LabelEncoding
from keras_seg.data.index.multilabel_index import MultiLabelIndex, scan_multilabel
from keras_seg.data.index.pairs import Pair, find_pairs, find_splits
from keras_seg.data.index.reading import image_size, read_image, read_mask
from keras_seg.data.index.split_folds import split_folds
from keras_seg.data.index.split_index import split_index
from keras_seg.data.pipeline.from_folder import from_folder
from keras_seg.data.pipeline.from_raster import from_raster
from keras_seg.data.pipeline.from_shards import from_shards
from keras_seg.data.pipeline.patches_from_folder import patches_from_folder
from keras_seg.data.shards.shard_index import Shard, ShardIndex
from keras_seg.data.shards.write_shards import write_shards
from keras_seg.data.sources.cells import cells_scene, write_cells
from keras_seg.data.sources.from_open_images import from_open_images
from keras_seg.data.sources.from_tfds import from_tfds
from keras_seg.data.sources.open_images_masks import write_open_images
from keras_seg.data.sources.shapes import SHAPE_NAMES, shapes_scene, write_shapes
from keras_seg.data.statistics.class_weights import class_weights
from keras_seg.data.statistics.count_pixels import PixelCounts, count_pixels
from keras_seg.data.statistics.stratified_positions import stratified_positions
from keras_seg.data.targets.boundary_targets import BOUNDARY_CLASSES, add_boundary_targets, boundary_targets
from keras_seg.data.targets.boundary_weights import add_boundary_weights, boundary_weights
from keras_seg.data.targets.instance_targets import (
    INSTANCE_CLASSES,
    InstanceTargets,
    add_instance_targets,
    instance_targets,
)
from keras_seg.data.targets.multilabel_targets import add_multilabel_targets, multilabel_targets

__all__ = [
    "BOUNDARY_CLASSES",
    "INSTANCE_CLASSES",
    "SHAPE_NAMES",
    "ConversionReport",
    "Diagnosis",
    "Finding",
    "FolderIndex",
    "InstanceIndex",
    "InstanceTargets",
    "LabelEncoding",
    "MultiLabelIndex",
    "Pair",
    "PixelCounts",
    "Shard",
    "ShardIndex",
    "add_boundary_targets",
    "add_boundary_weights",
    "add_instance_targets",
    "add_multilabel_targets",
    "boundary_targets",
    "boundary_weights",
    "cells_scene",
    "class_weights",
    "convert",
    "count_pixels",
    "diagnose",
    "find_instance_pairs",
    "find_instance_splits",
    "find_pairs",
    "find_splits",
    "from_folder",
    "from_open_images",
    "from_raster",
    "from_shards",
    "from_tfds",
    "image_size",
    "instance_targets",
    "multilabel_targets",
    "patches_from_folder",
    "read_image",
    "read_instances",
    "read_mask",
    "scan_folder",
    "scan_instances",
    "scan_multilabel",
    "shapes_scene",
    "split_folds",
    "split_index",
    "stratified_positions",
    "write_cells",
    "write_open_images",
    "write_shapes",
    "write_shards",
]
