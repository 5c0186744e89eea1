"""Batches of augmented examples beside albumentations, and read from files beside the training step that they feed."""

import os
import pathlib
import tempfile
import time

BATCH, BATCHES, FIRST, CROP = 8, 40, 4, (320, 416)
OWN = {"returns_milliseconds": True}
SAME = "standard, 360x480 to 256x256"
CASES = [SAME, "read from PNG files", "read from JPEG files"]
# Files are to be read three times as fast as a step takes.
OURS = {"keras_seg": {SAME: 0.45, "files": 1 / 3}}
STEP = "a training step"
WAYS = [f"albumentations {color}, {way}" for color in ("jitter", "hsv") for way in ("processes", "tf.data")]
PEERS = [*WAYS, STEP]
FOREIGN = []
MEMORY = None


def has(system, case):
    return system == "keras_seg" or (system == STEP) == (case != SAME)


def prepare(system, case):
    data = pathlib.Path(os.environ["KERAS_SEG_DATA"], "camvid")
    if case == SAME:
        return several(augmented(system, data)), OWN
    return several(on_files(data, case) if system == "keras_seg" else training_steps()), OWN


def augmented(system, data):
    """Batches of images in memory, by the recipe of `benchmarks/augmentation.py`."""
    import multiprocessing

    import augmentation

    augmentation.load(data)
    if system == "keras_seg":
        return augmentation.ours
    color, way = system.removeprefix("albumentations ").split(", ")
    if way == "tf.data":
        return lambda: augmentation.peer_in_tf_data(color)
    pool = multiprocessing.get_context("fork").Pool(os.cpu_count(), augmentation.start_worker, (color,))
    return lambda: augmentation.pool_batches(pool)


def several(start):
    """A call that reads batches from the beginning, so that none are made between the turns; its milliseconds."""
    batches = None

    def call():
        nonlocal batches
        batches = batches or start()
        iterator = iter(batches)
        for _ in range(FIRST):
            next(iterator)
        began = time.perf_counter()
        for _ in range(BATCHES):
            next(iterator)
        return 1000 * (time.perf_counter() - began)

    return call


def on_files(data, case):
    """CamVid, decoded each time, in the crops that plans choose."""
    import keras_seg as ks

    data = saved_as("png" if "PNG" in case else "jpg", data, pathlib.Path(tempfile.mkdtemp(prefix="files-")))
    index = ks.data.scan_folder(data, split="train", num_classes=11, ignore_class=11)
    augment = ks.augmentation.standard(crop=CROP, scale=(0.75, 1.5), ignore_class=11)
    return lambda: ks.data.from_folder(index, augment=augment, batch_size=BATCH, cache=False, repeat=True)


def saved_as(ending, data, folder):
    """The data set with its images as PNG or JPEG files."""
    import shutil

    from PIL import Image

    for split in ("train", "val"):
        (folder / split / "images").mkdir(parents=True)
        shutil.copytree(data / split / "masks", folder / split / "masks")
        for file in (data / split / "images").iterdir():
            options = {"quality": 92} if ending == "jpg" else {}
            Image.open(file).convert("RGB").save(folder / split / "images" / f"{file.stem}.{ending}", **options)
    return folder


def training_steps():
    """Steps of the model that plans choose on a CPU without pretrained weights."""
    import keras
    import numpy as np

    import keras_seg as ks

    model = ks.models.UNet(
        num_classes=11,
        backbone="Compact",
        decoder_filters=(96, 64, 32),
        decoder_convolutions=1,
        decoder_stride=4,
        activation=None,
    )
    model.compile(keras.optimizers.AdamW(1e-3), loss=ks.losses.Crossentropy(from_logits=True))
    images = np.random.default_rng(0).uniform(0, 255, (BATCH, *CROP, 3)).astype("float32")
    labels = np.zeros((BATCH, *CROP), "int32")
    return lambda: iter(lambda: model.train_on_batch(images, labels), None)
