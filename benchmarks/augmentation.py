"""Images per second of the standard recipe, 360x480 -> 256x256, against albumentations; or the wait for data.

The recipe: scale 0.5 to 2, crop with padding, horizontal flip, brightness, contrast, saturation 0.2 and hue 0.02.
CamVid images decoded in memory, batches of 8. albumentations runs in the three ways it is used: `tf.numpy_function` in
a parallel map, the same under `tf.data`'s own batching in NumPy, and a pool of processes, each with OpenCV's own
threads off; the best one counts. It may leave its images uint8; ours are float32, as the model needs them.

pip install albumentations opencv-python-headless
python benchmarks/augmentation.py $KERAS_SEG_DATA/camvid
python benchmarks/augmentation.py $KERAS_SEG_DATA/camvid --idle
"""

import argparse
import multiprocessing
import os
import pathlib
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import numpy as np
from PIL import Image

CROP, BATCH, VOID = (256, 256), 8, 11
DATA = {}


def load(folder, count=96):
    images = sorted((pathlib.Path(folder) / "train" / "images").iterdir())[:count]
    masks = sorted((pathlib.Path(folder) / "train" / "masks").iterdir())[:count]
    DATA["images"] = np.stack([np.array(Image.open(path)) for path in images])
    DATA["masks"] = np.stack([np.array(Image.open(path)) for path in masks])


def peer(color="jitter"):
    """The recipe in albumentations, with two ways to change colors: one is faster, the other closer to ours."""
    import albumentations as alb
    import cv2

    cv2.setNumThreads(0)
    colors = {
        "jitter": [alb.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.02, p=1)],
        "hsv": [alb.RandomBrightnessContrast(0.2, 0.2, p=1), alb.HueSaturationValue(4, 51, 0, p=1)],
    }
    return alb.Compose(
        [
            alb.RandomScale((-0.5, 1.0), p=1),
            alb.PadIfNeeded(*CROP, border_mode=cv2.BORDER_CONSTANT, fill=127, fill_mask=VOID),
            alb.RandomCrop(*CROP),
            alb.HorizontalFlip(p=0.5),
            *colors[color],
        ]
    )


def start_worker(color):
    DATA["peer"] = peer(color)


def work(first):
    """One batch, computed in a process of the pool."""
    count = len(DATA["images"])
    made = [
        DATA["peer"](image=DATA["images"][i % count], mask=DATA["masks"][i % count])
        for i in range(first, first + BATCH)
    ]
    return np.stack([item["image"] for item in made]), np.stack([item["mask"] for item in made])


def pool_batches(pool):
    """Batches from a pool of processes, with a few always in progress."""
    waiting = [pool.apply_async(work, (BATCH * i,)) for i in range(6)]
    step = 6
    while True:
        yield waiting.pop(0).get()
        waiting.append(pool.apply_async(work, (BATCH * step,)))
        step += 1


def examples():
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((DATA["images"], DATA["masks"])).repeat().enumerate()


def finished(dataset):
    import tensorflow as tf

    return dataset.batch(BATCH, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def ours():
    import tensorflow as tf

    import keras_seg as ks

    augment = ks.augmentation.standard(crop=CROP, scale=(0.5, 2.0), color=0.2, hue=0.02, ignore_class=VOID)
    # As in from_folder: batches first, in which each image has its own seed.
    batches = examples().batch(BATCH, drop_remainder=True)
    batches = batches.map(lambda i, e: augment.of_batch(*e, i), num_parallel_calls=tf.data.AUTOTUNE)
    return batches.prefetch(tf.data.AUTOTUNE)


def peer_in_tf_data(color):
    import tensorflow as tf

    recipe = peer(color)

    def call(image, mask):
        made = recipe(image=image, mask=mask)
        return made["image"], made["mask"]

    def one(_, example):
        image, mask = tf.numpy_function(call, example, (tf.uint8, tf.uint8))
        return tf.ensure_shape(image, (*CROP, 3)), tf.ensure_shape(mask, CROP)

    return finished(examples().map(one, num_parallel_calls=tf.data.AUTOTUNE))


def rate(iterator, seconds):
    """Images per second."""
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        next(iterator)
        count += BATCH
    return count / (time.perf_counter() - start)


def compare(arguments):
    pools = {
        color: multiprocessing.get_context("fork").Pool(arguments.processes, start_worker, (color,))
        for color in ("jitter", "hsv")
    }
    import tensorflow as tf

    ways = {"keras_seg": iter(ours())}
    # Paused between its turns: only the few batches in progress can run ahead.
    for color, pool in pools.items():
        ways[f"albumentations {color}, {arguments.processes} processes"] = pool_batches(pool)
        ways[f"albumentations {color}, tf.data"] = iter(peer_in_tf_data(color))
    rates = {name: [] for name in ways}
    for round_ in range(arguments.rounds + 1):
        for name, iterator in ways.items():
            value = rate(iterator, arguments.seconds)
            if round_:
                rates[name].append(value)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    best = max(value for name, value in medians.items() if name != "keras_seg")
    for name, value in medians.items():
        print(f"{name}: {value:.0f} images/s ({min(rates[name]):.0f} to {max(rates[name]):.0f})")
    print(f"keras_seg over the best other: {medians['keras_seg'] / best:.2f}x (TensorFlow {tf.__version__})")
    for pool in pools.values():
        pool.terminate()


def idle(arguments):
    """Steps of a U-Net on the real pipeline against steps on one batch already in memory, alternating."""
    import keras

    import keras_seg as ks

    keras.utils.set_random_seed(0)
    model = ks.models.UNet(num_classes=11, input_shape=(*CROP, 3), backbone="Compact")
    model.compile("adamw", loss=ks.losses.Crossentropy(ignore_class=VOID))
    augment = ks.augmentation.standard(crop=CROP, ignore_class=VOID)
    folder = ks.data.from_folder(
        arguments.folder, split="train", num_classes=11, ignore_class=VOID, batch_size=BATCH, augment=augment,
        cache=True, repeat=True,
    )  # fmt: skip
    iterator = iter(folder)
    constant = next(iterator)
    for _ in range(5):
        model.train_on_batch(*next(iterator))
        model.train_on_batch(*constant)
    fed, alone, waits = [], [], []
    for _ in range(arguments.rounds):
        for times, source in ((fed, lambda: next(iterator)), (alone, lambda: constant)):
            start = time.perf_counter()
            for _ in range(arguments.steps):
                asked = time.perf_counter()
                batch = source()
                if times is fed:
                    waits.append(time.perf_counter() - asked)
                model.train_on_batch(*batch)
            times.append(time.perf_counter() - start)
    share = sum(waits) / sum(fed)
    print(f"a step: {1000 * statistics.median(fed) / arguments.steps:.0f} ms fed by from_folder, ", end="")
    print(f"{1000 * statistics.median(alone) / arguments.steps:.0f} ms on a batch in memory")
    print(f"the step waits for data {100 * share:.2f} % of the time")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--idle", action="store_true", help="measure the training step instead")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="duration of each turn")
    parser.add_argument("--steps", type=int, default=10, help="steps per turn of --idle")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    if arguments.idle:
        idle(arguments)
        return
    load(arguments.folder)
    compare(arguments)


if __name__ == "__main__":
    main()
