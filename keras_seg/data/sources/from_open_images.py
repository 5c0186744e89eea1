"""Batches from a downloaded Open Images release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keras_seg import _validation
from keras_seg._types import PathLike, Progress, Size
from keras_seg.data.pipeline.batches import Augment, BatchSettings, ExampleOrder
from keras_seg.data.pipeline.from_folder import from_folder
from keras_seg.data.sources.open_images_masks import Classes, write_open_images

if TYPE_CHECKING:
    import tensorflow as tf


def from_open_images(
    path: PathLike,
    *,
    split: str = "train",
    classes: Classes = None,
    batch_size: int = 8,
    augment: Augment | None = None,
    image_size: Size | None = None,
    shuffle: bool | None = None,
    seed: int = 0,
    cache: bool | PathLike = False,
    repeat: bool = False,
    first_epoch: int = 0,
    steps_per_epoch: int | None = None,
    workers: int | None = None,
    allow_orphans: bool = False,
    unlabeled: str = "background",
    max_images: int | None = None,
    destination: PathLike | None = None,
    progress: Progress = True,
) -> tf.data.Dataset:
    """A `tf.data.Dataset` of batches from the objects of Open Images V5, V6 or V7: 2.8 million masks of 350 classes.

    The first call paints the masks of each image into one file (`write_open_images`) and shows its progress; later
    calls with the same arguments reuse these files. Everything else is as in `from_folder`.

    Download these files from https://storage.googleapis.com/openimages into the folder `path`, and unpack the archives.
    The three versions share the masks, which are those of V5:

    | File | Purpose |
    |---|---|
    | `v5/validation-annotations-object-segmentation.csv` | list of the masks; `train-`, `test-` for the other splits |
    | `v5/validation-masks/validation-masks-0.zip` ... `-f.zip` | the masks, for `masks/validation/`, flat or not |
    | `v7/oidv7-class-descriptions-boxable.csv` | names; or `v5/class-descriptions-boxable.csv` |
    | `v5/classes-segmentation.txt` | the 350 labels with masks, for `classes=None` |
    | `v5/validation-annotations-human-imagelabels-boxable.csv` | classes verified to be absent, for "ignore" |

    The images are at `s3://open-images-dataset/validation` (`aws s3 --no-sign-request sync`), and the site's
    `downloader.py` fetches those of a list; put them in `validation/` or `images/validation/`. Missing images are
    skipped, so part of the data set is enough. Tables may be in a folder of their own.

    Other arguments: see `from_folder`.

    Args:
        path: path. The folder of the download.
        split: str. "train", "validation" ("val") or "test". Defaults to "train".
        classes: names ("Person") or labels ("/m/01g317"), or a dict from the name of a class to one or several of them;
            see `write_open_images`. Ids start at 1; 0 is the background. Defaults to None, for all 350.
        workers: int >= 1. Examples painted, decoded and augmented in parallel. Defaults to None, for the number of
            cores to paint, and tf.data's choice afterwards.
        allow_orphans: bool. Skip images whose masks are missing, damaged or of another shape. Defaults to False.
        unlabeled: "background" or "ignore". The label of pixels outside all masks. Open Images does not outline every
            object in an image; see `write_open_images` before you choose. Defaults to "background".
        max_images: int >= 1. Maximum number of images. Defaults to None.
        destination: path. Folder for the painted masks. Defaults to None, for a folder in `path` named after the
            classes.
        progress: True for a progress bar while masks are painted, False or None for none, or a function called with
            (done, total). Defaults to True.

    Returns:
        `tf.data.Dataset` of (image, mask): float32 (batch, height, width, 3) in 0..255 and int32 (batch, height,
        width). Pixels without a class are 255 (65535 with more than 254 classes): pass it as `ignore_class` to the
        loss, the metrics and the augmentation.

    Raises:
        InputError: A table, a mask or a class is missing, no image is left, or an argument is out of range.
        ImportError: TensorFlow is missing; it runs the input pipeline on every backend.

    Examples:

    ```python
    train = keras_seg.data.from_open_images(
        "open_images", split="train", classes={"person": ("Person", "Man", "Woman", "Boy", "Girl"), "dog": "Dog"},
        augment=keras_seg.augmentation.standard(crop=(256, 256), ignore_class=255),
    )
    model.fit(train, epochs=10)
    ```

    Reference:
        Benenson, Popov and Ferrari, "Large-scale interactive object segmentation with human annotators", CVPR 2019.
    """
    _validation.optional_import("tensorflow", "tensorflow", "`from_open_images` (tf.data)")
    # Painting may take hours, so arguments are checked first.
    BatchSettings(image_size=image_size, augment=augment, workers=workers)
    ExampleOrder(
        count=1,
        batch_size=batch_size,
        seed=seed,
        repeat=repeat,
        first_epoch=first_epoch,
        steps_per_epoch=steps_per_epoch,
    )
    painted = write_open_images(
        path,
        split=split,
        classes=classes,
        workers=workers,
        allow_orphans=allow_orphans,
        unlabeled=unlabeled,
        max_images=max_images,
        destination=destination,
        progress=progress,
    )
    return from_folder(
        painted,
        split="val" if split == "validation" else split,
        batch_size=batch_size,
        augment=augment,
        image_size=image_size,
        shuffle=shuffle,
        seed=seed,
        cache=cache,
        repeat=repeat,
        first_epoch=first_epoch,
        steps_per_epoch=steps_per_epoch,
        workers=workers,
    )
