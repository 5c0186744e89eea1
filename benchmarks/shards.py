"""Examples per second of `from_shards` beside `from_folder`: CamVid, augmented crops of 256x256, batches of 8.

    python benchmarks/shards.py $KERAS_SEG_DATA/camvid

The folder is packed first. Files and shards take turns, with each loader; the median of several epochs counts.
"""

import argparse
import os
import pathlib
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

from alternating import alternate

import keras_seg as ks

STEPS, BATCH, ROUNDS = 30, 8, 5


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    parser.add_argument("--steps", type=int, default=STEPS, help="batches of each turn")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    index = ks.data.scan_folder(given.data, split="train", num_classes=11, ignore_class=11, check_images=False)
    options = {
        "augment": ks.augmentation.standard(crop=(256, 256), ignore_class=11),
        "batch_size": BATCH,
        "repeat": True,
        "steps_per_epoch": given.steps,
    }
    with tempfile.TemporaryDirectory() as folder:
        packed = ks.data.write_shards(index, pathlib.Path(folder, "packed"), shard_mb=16, progress=False)
        for loader in ("tensorflow", "numpy"):
            datasets = {
                "files": iter(ks.data.from_folder(index, loader=loader, **options)),
                "shards": iter(ks.data.from_shards(packed, loader=loader, **options)),
            }

            def turn(batches):
                for _ in range(given.steps):
                    next(batches)

            turns = {name: lambda batches=batches: turn(batches) for name, batches in datasets.items()}
            medians = alternate(turns, rounds=given.rounds)
            rates = {name: 1000 * given.steps * BATCH / median for name, median in medians.items()}
            print(
                f"{loader}: files {rates['files']:.0f}, shards {rates['shards']:.0f} examples per second, ratio "
                f"{rates['shards'] / rates['files']:.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
