"""Batches from a downloaded Open Images release."""

from keras_seg import _validation
from keras_seg.data.pipeline.batches import Finish, Schedule
from keras_seg.data.pipeline.from_folder import from_folder
from keras_seg.data.sources.open_images_masks import write_open_images


def from_open_images(
    folder,
    *,
    split="train",
    classes=None,
    batch_size=8,
    augment=None,
    size=None,
    unlabeled="background",
    max_images=None,
    destination=None,
    allow_orphans=False,
    shuffle=None,
    seed=0,
    cache=False,
    repeat=False,
    first_epoch=0,
    steps_per_epoch=None,
    workers=None,
    verbose=True,
):
    """A `tf.data.Dataset` of batches from the objects of Open Images V5, V6 or V7, with 2.8 million masks of 350
    classes.

    The first call paints the masks of each image into one file (`write_open_images`) and says how far it is; later
    calls with the same arguments find them. Then everything is as in `from_folder`.

    Download these from https://storage.googleapis.com/openimages into `folder`, and unpack the archives. The three
    versions share the masks, which are those of V5:

    | File | What it is for |
    |---|---|
    | `v5/validation-annotations-object-segmentation.csv` | which masks there are; `train-`, `test-` for the others |
    | `v5/validation-masks/validation-masks-0.zip` ... `-f.zip` | the masks, for `masks/validation/`, flat or not |
    | `v7/oidv7-class-descriptions-boxable.csv` | names; `v5/class-descriptions-boxable.csv` does too |
    | `v5/classes-segmentation.txt` | the 350 labels with masks, for `classes=None` |
    | `v5/validation-annotations-human-imagelabels-boxable.csv` | what is verified to be absent, for "ignore" |

    The images lie at `s3://open-images-dataset/validation` (`aws s3 --no-sign-request sync`), or those of a list are
    fetched by the site's `downloader.py`; they belong into `validation/` or `images/validation/`. Images that are not
    there are passed over, so that a part of the data set is enough. Tables may lie in a folder of their own.

    Args:
        folder: the folder with the download.
        split: "train", "validation" ("val") or "test".
        classes: names ("Person") or labels ("/m/01g317"), a dict from the name of a class to one or several of these,
            or None for all 350; see `write_open_images`. Ids start at 1; 0 is the background.
        batch_size: examples a batch.
        augment: callable of (image, mask, seed), as `keras_seg.augmentation.standard(...)`, or None.
        size: (height, width) in pixels that every image is resized to before it is augmented, or None.
        unlabeled: "background" or "ignore": what pixels outside all masks are. Open Images does not outline
            everything in an image; see `write_open_images` before you choose.
        max_images: take that many images at most, or None.
        destination: folder for the painted masks. None for a folder in `folder`, named after the classes.
        allow_orphans: leave out images whose masks are missing, broken or of another shape.
        shuffle: another order in every epoch; by default only with `augment`.
        seed: int of at least 0.
        cache: keep decoded examples: False, True or "memory", or the path of a folder.
        repeat: go on without end, in epochs of exactly `steps_per_epoch` batches.
        first_epoch: number of the epoch to begin with. Needs `repeat`.
        steps_per_epoch: batches an epoch; by default what holds every example once.
        workers: examples painted, decoded and augmented at the same time.
        verbose: show a progress bar while masks are painted.

    Returns:
        `tf.data.Dataset` of (image, mask): float32 (batch, height, width, 3) in 0..255 and int32 (batch, height,
        width). Pixels without a class are 255 (65535 with more than 254 classes): pass it as `ignore_class` to the
        loss, the metrics and the augmentation.

    Raises:
        InputError: a table, a mask or a class is missing, no image is left, or an argument is out of range.
        ImportError: TensorFlow is missing; it does the input on every backend.

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
    # Painting may take hours: what can be refused is refused before.
    Finish(size, augment, workers)
    Schedule(
        count=1,
        batch_size=batch_size,
        seed=seed,
        repeat=repeat,
        first_epoch=first_epoch,
        steps_per_epoch=steps_per_epoch,
    )
    painted = write_open_images(
        folder,
        destination=destination,
        split=split,
        classes=classes,
        unlabeled=unlabeled,
        max_images=max_images,
        allow_orphans=allow_orphans,
        workers=workers,
        verbose=verbose,
    )
    return from_folder(
        painted,
        split="val" if split == "validation" else split,
        batch_size=batch_size,
        augment=augment,
        size=size,
        shuffle=shuffle,
        seed=seed,
        cache=cache,
        repeat=repeat,
        first_epoch=first_epoch,
        steps_per_epoch=steps_per_epoch,
        workers=workers,
    )
