"""Examples per second of `from_folder` by tf.data and in NumPy, by threads and by processes: CamVid, augmented crops of
256x256, batches of 8.

    python benchmarks/loaders.py $KERAS_SEG_DATA/camvid

Files are decoded each time, or once and kept in memory. The loaders take turns and start again each time, so that none
reads ahead meanwhile; the median counts.
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
LOADERS = {
    "tf.data": {"loader": "tensorflow"},
    "NumPy, threads": {"loader": "numpy"},
    "NumPy, processes": {"loader": "numpy", "use_multiprocessing": True},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    index = ks.data.scan_folder(parser.parse_args().data, split="train", num_classes=11, ignore_class=11)
    augment = ks.augmentation.standard(crop=(256, 256), ignore_class=11)
    for cache in (False, True):
        options = {"augment": augment, "batch_size": BATCH, "cache": cache, "repeat": True}
        calls = {
            name: several(functools.partial(ks.data.from_folder, index, **loader, **options))
            for name, loader in LOADERS.items()
        }
        # The first ones compile and fill the cache.
        times = [{name: call() for name, call in calls.items()} for _ in range(ROUNDS + 2)][2:]
        rates = {
            name: 1000 * BATCHES * BATCH / statistics.median(of_round[name] for of_round in times) for name in calls
        }
        shown = (f"{name} {rate:.0f} ({rate / rates['tf.data']:.2f})" for name, rate in rates.items())
        print(
            f"{'kept in memory' if cache else 'decoded each time'}: {', '.join(shown)} examples per second", flush=True
        )


if __name__ == "__main__":
    main()
