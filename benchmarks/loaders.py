"""Examples per second of `from_folder` by tf.data and in NumPy: CamVid, augmented crops of 256x256, batches of 8.

    python benchmarks/loaders.py $KERAS_SEG_DATA/camvid

Files are decoded each time, or once and kept in memory. Both loaders take turns; the median of several epochs counts.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras_seg as ks

STEPS, BATCH, ROUNDS = 30, 8, 5


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    index = ks.data.scan_folder(parser.parse_args().data, split="train", num_classes=11, ignore_class=11)
    augment = ks.augmentation.standard(crop=(256, 256), ignore_class=11)
    for cache in (False, True):
        rates = {}
        datasets = {
            loader: iter(
                ks.data.from_folder(
                    index,
                    augment=augment,
                    batch_size=BATCH,
                    cache=cache,
                    repeat=True,
                    steps_per_epoch=STEPS,
                    loader=loader,
                )
            )
            for loader in ("tensorflow", "numpy")
        }
        for round_ in range(ROUNDS + 2):
            for loader, batches in datasets.items():
                start = time.perf_counter()
                for _ in range(STEPS):
                    next(batches)
                if round_ > 1:  # The first ones compile and fill the cache.
                    rates.setdefault(loader, []).append(STEPS * BATCH / (time.perf_counter() - start))
        medians = {loader: statistics.median(values) for loader, values in rates.items()}
        print(
            f"{'kept in memory' if cache else 'decoded each time'}: tf.data {medians['tensorflow']:.0f}, NumPy "
            f"{medians['numpy']:.0f} examples per second, ratio {medians['numpy'] / medians['tensorflow']:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
