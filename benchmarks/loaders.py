"""Examples per second of `from_folder` by tf.data and in NumPy: CamVid, augmented crops of 256x256, batches of 8.

    python benchmarks/loaders.py $KERAS_SEG_DATA/camvid

Files are decoded each time, or once and kept in memory. Both loaders take turns and start again each time, so that
none reads ahead meanwhile; the median counts.
"""

import argparse
import functools
import os
import statistics

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from cases.augmentation import BATCH, BATCHES, several

import keras_seg as ks

ROUNDS = 5


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    index = ks.data.scan_folder(parser.parse_args().data, split="train", num_classes=11, ignore_class=11)
    augment = ks.augmentation.standard(crop=(256, 256), ignore_class=11)
    for cache in (False, True):
        options = {"augment": augment, "batch_size": BATCH, "cache": cache, "repeat": True}
        calls = {
            loader: several(functools.partial(ks.data.from_folder, index, loader=loader, **options))
            for loader in ("tensorflow", "numpy")
        }
        # The first ones compile and fill the cache.
        times = [{loader: call() for loader, call in calls.items()} for _ in range(ROUNDS + 2)][2:]
        rates = {
            loader: 1000 * BATCHES * BATCH / statistics.median(of_round[loader] for of_round in times)
            for loader in calls
        }
        print(
            f"{'kept in memory' if cache else 'decoded each time'}: tf.data {rates['tensorflow']:.0f}, NumPy "
            f"{rates['numpy']:.0f} examples per second, ratio {rates['numpy'] / rates['tensorflow']:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
