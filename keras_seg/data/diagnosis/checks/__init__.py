"""The checks, each a function from what was collected to findings."""

from collections.abc import Callable, Iterator

from keras_seg.data.diagnosis.checks.borders import offset_borders
from keras_seg.data.diagnosis.checks.classes import absent_classes, constant_masks, imbalance
from keras_seg.data.diagnosis.checks.copies import exact_copies, near_copies
from keras_seg.data.diagnosis.checks.file_pairs import lone_files, other_files, unpaired_folders
from keras_seg.data.diagnosis.checks.image_ranges import low_range, turned_images, unusual_sizes
from keras_seg.data.diagnosis.checks.mask_colors import painted_masks
from keras_seg.data.diagnosis.checks.mask_values import gray_levels, lossy_masks, mixed_kinds, out_of_range
from keras_seg.data.diagnosis.checks.readability import unreadable_files
from keras_seg.data.diagnosis.checks.scan import refused_by_scan
from keras_seg.data.diagnosis.checks.sizes import unlike_sizes
from keras_seg.data.diagnosis.checks.specks import speckled_masks
from keras_seg.data.diagnosis.checks.splits import leaking_groups, tiny_splits
from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding

CHECKS: tuple[Callable[[Collected], Iterator[Finding]], ...] = (
    unpaired_folders,
    unreadable_files,
    lone_files,
    unlike_sizes,
    painted_masks,
    mixed_kinds,
    out_of_range,
    constant_masks,
    exact_copies,
    lossy_masks,
    gray_levels,
    absent_classes,
    near_copies,
    offset_borders,
    low_range,
    tiny_splits,
    speckled_masks,
    unusual_sizes,
    turned_images,
    imbalance,
    leaking_groups,
    other_files,
    refused_by_scan,
)
