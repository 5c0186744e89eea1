"""The checks, each a function to findings: some from the index of a scan, the others from all files."""

from collections.abc import Callable, Iterator

from keras_seg.data.diagnosis.checks.borders import offset_borders, speckled_masks
from keras_seg.data.diagnosis.checks.classes import absent_classes, constant_masks, many_values, rare_classes
from keras_seg.data.diagnosis.checks.copies import HashedImages, exact_copies, near_copies
from keras_seg.data.diagnosis.checks.file_pairs import lone_files, other_files, unpaired_folders, unreadable_files
from keras_seg.data.diagnosis.checks.image_sizes import unusual_sizes
from keras_seg.data.diagnosis.checks.image_values import low_range, transparent_images, turned_images
from keras_seg.data.diagnosis.checks.indices import Indices
from keras_seg.data.diagnosis.checks.mask_values import lossy_masks, mixed_scales, out_of_range, painted_masks
from keras_seg.data.diagnosis.checks.objects import (
    constant_files,
    empty_objects,
    inverted_objects,
    overlapping_objects,
    unusable_files,
)
from keras_seg.data.diagnosis.checks.readings import refused_readings, unlike_sizes
from keras_seg.data.diagnosis.checks.splits import leaking_groups, tiny_splits
from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding

# From all files, readable or not.
FILE_CHECKS: tuple[Callable[[Collected], Iterator[Finding]], ...] = (
    unpaired_folders,
    unreadable_files,
    lone_files,
    unlike_sizes,
    painted_masks,
    out_of_range,
    lossy_masks,
    refused_readings,
    mixed_scales,
    offset_borders,
    speckled_masks,
    inverted_objects,
    unusable_files,
    constant_files,
    overlapping_objects,
    empty_objects,
    low_range,
    transparent_images,
    turned_images,
    other_files,
)
# From what a scan knows anyway: training runs these too.
INDEX_CHECKS: tuple[Callable[[Indices], Iterator[Finding]], ...] = (
    constant_masks,
    many_values,
    tiny_splits,
    unusual_sizes,
    absent_classes,
    rare_classes,
    leaking_groups,
)
# From the pixels of the images alone.
IMAGE_CHECKS: tuple[Callable[[HashedImages], Iterator[Finding]], ...] = (exact_copies, near_copies)
