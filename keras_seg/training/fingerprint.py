"""Facts about the data and the machine, from which a plan is made."""

import os
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._memory import installed_memory
from keras_seg._text import counted
from keras_seg._validation import InputError
from keras_seg.data import FolderIndex
from keras_seg.training import processor
from keras_seg.training.hosts.group import Group
from keras_seg.training.mixed_precision import FLOAT32
from keras_seg.training.same_data import files_digest
from keras_seg.training.tasks import find_task


def fingerprint(train: Any, validation: Any, *, task: str = "semantic") -> dict:
    """Facts about a dataset and this machine, as a JSON-ready dict.

    Args:
        train: `data.FolderIndex` to train on; a `data.InstanceIndex` for the task "instances", a `data.MultiLabelIndex`
            for "multilabel".
        validation: index of the same kind to validate on.
        task: "semantic", "multilabel", "instances" or "boundary". Defaults to "semantic".

    Returns:
        A dict: `task`, `train_images`, `validation_images`, `median_size` and `smallest_size` (height, width),
        `same_size`, `train_files` and `validation_files` (hashes of the names, sizes and labels), `channels`,
        `group_by` if images were set aside by groups, and `fold` (number, folds) of a fold; `num_classes`,
        `ignore_class`, `class_names` and `class_share` (share of the labeled pixels by name) of the targets, and of
        class masks `class_width` (mean width of the parts of a class in pixels, by name); `decoded_megabytes` (all
        training images and masks, as they are kept in memory), `backend`, `device` ("cpu" or "gpu"), `devices` if
        batches are divided among several by `keras.distribution`, `bfloat16` (whether the processor has instructions
        for products in it), `dtype_policy` of Keras if it is not float32, `cores` and `memory_megabytes`.

    Raises:
        InputError: `task` is not one of these, an index is not of the task, the two have other classes or channels, or
            all pixels of the images to train on, or to validate on, are ignored.

    Examples:

    ```python
    facts = ks.training.fingerprint(train_index, val_index)
    print(facts["median_size"], facts["class_share"])
    ```
    """
    check_alike(train, validation, task=task)
    if train.fold is None:  # The scores of folds are those of all images together.
        _check_labeled(train, "train")
        _check_labeled(validation, "validate")
    sizes, memory, devices = np.array(train.sizes), installed_memory(), Group.current().devices
    policy = keras.config.dtype_policy().name
    return {
        "task": task,
        "train_images": len(train),
        "validation_images": len(validation),
        "median_size": [int(value) for value in np.median(sizes, axis=0)],
        "smallest_size": [int(value) for value in sizes.min(axis=0)],
        "same_size": len({tuple(size) for size in train.sizes}) == 1,
        "train_files": files_digest(train),
        "validation_files": files_digest(validation),
        "channels": train.channels,
        # A resumed run divides the images in the same way.
        **({} if train.group_by is None else {"group_by": train.group_by}),
        **({} if train.fold is None else {"fold": list(train.fold)}),
        **find_task(task).class_statistics(train),
        "decoded_megabytes": round(float(sizes.prod(axis=1).sum()) * _bytes_per_pixel(train) / 2**20),
        "backend": keras.backend.backend(),
        "device": device(),
        **({} if devices == 1 else {"devices": devices}),
        "bfloat16": processor.has_bfloat16(),
        **({} if policy == FLOAT32 else {"dtype_policy": policy}),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_megabytes": None if memory is None else memory // 2**20,
    }


def check_alike(train: Any, validation: Any, *, task: str, name: str = "validation") -> None:
    """Fail where a model that learns from some images cannot be scored on others, or would be with mixed up classes.

    Args:
        train: index to train on.
        validation: index to validate on.
        task: str. Name of the task.
        name: str. The argument of the second index. Defaults to "validation".

    Raises:
        InputError: an index is not of the task, or the two have other classes or channels.
    """
    kind = find_task(task)
    for argument, index in (("train", train), (name, validation)):
        if not isinstance(index, kind.index_type):
            rule = f"must be of the type {kind.index_type.__name__} for `task={task!r}`"
            _validation.fail(
                argument, rule, type(index).__name__, "Scan the folder for this task, or name another one."
            )
    if train.channels != validation.channels:
        rule = f"must have the {train.channels} channels of the images to train on"
        _validation.fail(name, rule, validation.channels, "Scan it with the same `channels`.")
    ours, theirs = (kind.label_schema(index)["names"] for index in (train, validation))
    unnamed = [f"class_{place}" for place in range(len(ours))]
    if ours != theirs and (len(ours) != len(theirs) or unnamed not in (ours, theirs)):
        rule = f"must have the {len(ours)} classes of the images to train on, in their order: {_some(ours)}"
        fix = "Read it as these are: scan_folder takes their `encoding`, scan_multilabel their `class_names`."
        _validation.fail(name, rule, f"{len(theirs)} classes: {_some(theirs)}", fix)


def _some(names: list[str]) -> str:
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")


def _check_labeled(index: Any, purpose: str) -> None:
    """Fail for masks without a class, as published test images have them: nothing can be learned from or scored on."""
    # In masks of objects, and in those of one class each, the rest is background, which is a label.
    if isinstance(index, FolderIndex) and not index.pixel_counts.any():
        images = counted(len(index), "image")
        raise InputError(
            f"{index.path}: no pixel has a class in the masks of {images} to {purpose} on. Give images with labels."
        )


def _bytes_per_pixel(index: Any) -> int:
    """Of a decoded image and its labels: values of 16 bits or floats, and numbers of objects, take four bytes each."""
    return index.channels * np.dtype(index.image_dtype).itemsize + index._label_dtype.itemsize


def device() -> str:
    """ "gpu" if the backend sees an accelerator, otherwise "cpu"."""
    devices = keras.distribution.list_devices() if keras.backend.backend() != "torch" else _torch_devices()
    return "cpu" if all(name.lower().startswith("cpu") for name in devices) else "gpu"


def _torch_devices() -> list[str]:
    import torch

    return ["gpu:0"] if torch.cuda.is_available() else ["cpu:0"]
