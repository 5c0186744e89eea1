"""Examples per second of `from_shards` beside `from_folder`: CamVid, augmented crops of 256x256, batches of 8.

    python benchmarks/shards.py $KERAS_SEG_DATA/camvid

The folder is packed first. Files and shards take turns, with each loader; the median of several epochs counts.
"""

import argparse
import collections
import functools
import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from alternating import alternate

import keras_seg as ks

BATCH, ROUNDS = 8, 5


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--loaders", nargs="+", default=["tensorflow", "numpy"])
    given = parser.parse_args()
    index = ks.data.scan_folder(given.data, split="train", num_classes=11, ignore_class=11)
    options = {"augment": ks.augmentation.standard(crop=(256, 256), ignore_class=11), "batch_size": BATCH}
    with tempfile.TemporaryDirectory() as folder:
        packed = ks.data.write_shards(index, pathlib.Path(folder, "packed"), shard_mb=16, progress=False)
        for loader in given.loaders:
            datasets = {
                "files": ks.data.from_folder(index, loader=loader, **options),
                "shards": ks.data.from_shards(packed, loader=loader, **options),
            }
            # Whole epochs: between two turns, nothing is made ahead.
            turns = {name: functools.partial(collections.deque, data, maxlen=0) for name, data in datasets.items()}
            medians = alternate(turns, rounds=given.rounds, warmup=1)
            rates = {name: 1000 * len(index) / median for name, median in medians.items()}
            print(
                f"{loader}: files {rates['files']:.0f}, shards {rates['shards']:.0f} examples per second, ratio "
                f"{rates['shards'] / rates['files']:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
