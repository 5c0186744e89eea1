"""The effect of losses on thin and rare classes: CamVid, the same small U-Net, the same budget for each loss.

    python benchmarks/class_imbalance.py $KERAS_SEG_DATA/camvid --minutes 4 --seeds 0 1 2 --out class_imbalance.json

Every run with the same seed starts from the same weights and gets the same crops in the same order; only the loss
differs. With `--minutes` a slower loss gets fewer steps; with `--steps` all get the same number. Images are halved to
180x240; IoU is over all pixels of the val split at that size. The file is written after every run, and runs in it are
not repeated, so that an interrupted benchmark can be resumed.
"""

import argparse
import json
import os
import pathlib
import statistics
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_seg as ks

NAMES = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist")
THIN_OR_RARE = ("pole", "sign", "fence", "pedestrian", "bicyclist")
CLASSES, VOID, SIZE, CROP, BATCH, RATE = 11, 11, (180, 240), (160, 192), 8, 3e-3


def losses(index):
    """The losses to compare, by name."""
    weights = ks.data.class_weights(index, rule="median_frequency")
    plain = ks.losses.Crossentropy(ignore_class=VOID)
    return {
        "cross-entropy": plain,
        "weighted cross-entropy": ks.losses.Crossentropy(ignore_class=VOID, class_weights=weights),
        "focal": ks.losses.FocalCrossentropy(ignore_class=VOID),
        "cross-entropy + SoftIoU": plain + ks.losses.SoftIoU(ignore_class=VOID),
        "cross-entropy + Lovasz": plain + ks.losses.LovaszSoftmax(ignore_class=VOID),
    }


def batches(index, seed):
    """Endless augmented batches, the same for each loss."""
    return ks.data.from_folder(
        index,
        batch_size=BATCH,
        image_size=SIZE,
        augment=ks.augmentation.standard(crop=CROP, scale=(0.75, 1.5), ignore_class=VOID),
        seed=seed,
        cache="memory",
        repeat=True,
        steps_per_epoch=50,
    )


def train(index, loss, seed, steps, minutes):
    """A model trained with `loss`, and its number of steps and seconds."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    model = ks.models.UNet(
        num_classes=CLASSES,
        backbone="Compact",
        decoder_filters=[96, 64, 32, 24],
        decoder_convolutions=1,
        decoder_stride=2,
    )
    model.compile(ks.optimizers.KernelDecayAdamW(RATE, weight_decay=0.01, global_clipnorm=5.0), loss=loss)
    data = batches(index, seed)
    # Compilation is not part of the budget: one step, after which the initial state is restored.
    weights = [keras.ops.convert_to_numpy(variable).copy() for variable in model.variables]
    model.fit(data, steps_per_epoch=1, verbose=0)
    for variable, value in zip(model.variables, weights, strict=True):
        variable.assign(value)
    for variable in model.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    schedule = ks.training.ProgressSchedule(RATE, steps=steps, seconds=None if steps else minutes * 60)
    start = time.monotonic()
    # The schedule ends the run.
    history = model.fit(data, steps_per_epoch=50, epochs=10**6, callbacks=[schedule], verbose=0)
    return model, int(model.optimizer.iterations), time.monotonic() - start, history.history["loss"][-1]


def judge(model, index):
    """IoU per class on a split, at the training size."""
    matrix = np.zeros((CLASSES, CLASSES), "int64")
    for images, masks in ks.data.from_folder(index, batch_size=BATCH, image_size=SIZE):
        predicted = np.argmax(keras.ops.convert_to_numpy(model.predict_on_batch(images)), -1)
        masks = np.asarray(masks)
        valid = masks != VOID
        pairs = masks[valid].astype("int64") * CLASSES + predicted[valid]
        matrix += np.bincount(pairs, minlength=CLASSES**2).reshape(CLASSES, CLASSES)
    hits = np.diag(matrix)
    return hits / np.maximum(matrix.sum(0) + matrix.sum(1) - hits, 1)


def show(runs, shares):
    """A table: mean and standard deviation over the seeds, in percent."""
    columns = ["mean", "thin or rare", *THIN_OR_RARE]
    print(f"\n| IoU, % | {' | '.join(columns)} | steps |")
    print("|---" * (len(columns) + 2) + "|")
    print(f"| share of the pixels | | | {' | '.join(f'{100 * shares[n]:.2f}' for n in THIN_OR_RARE)} | |")
    for name in dict.fromkeys(run["loss"] for run in runs):
        own = [run for run in runs if run["loss"] == name]
        cells = []
        for column in columns:
            chosen = {"mean": NAMES, "thin or rare": THIN_OR_RARE}.get(column, (column,))
            values = [100 * statistics.mean(run["iou"][item] for item in chosen) for run in own]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            cells.append(f"{statistics.mean(values):.1f} ± {spread:.1f}")
        steps = round(statistics.mean(run["steps"] for run in own))
        print(f"| {name} | {' | '.join(cells)} | {steps} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=pathlib.Path)
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, help="training time per run")
    budget.add_argument("--steps", type=int, help="training steps per run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--losses", nargs="+", help="some of the names; all by default")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("class_imbalance.json"))
    arguments = parser.parse_args()

    index = ks.data.scan_folder(arguments.data, split="train", ignore_class=VOID, class_names=NAMES, check_images=False)
    val = ks.data.scan_folder(arguments.data, split="val", encoding=index.encoding, check_images=False)
    shares = dict(zip(NAMES, (index.class_pixels / index.class_pixels.sum()).tolist(), strict=True))
    protocol = {"minutes": arguments.minutes, "steps": arguments.steps, "size": SIZE, "crop": CROP, "batch": BATCH}
    protocol = json.loads(json.dumps(protocol))
    runs = []
    if arguments.out.exists():
        content = json.loads(arguments.out.read_text(encoding="utf-8"))
        if content["protocol"] != protocol:
            parser.error(f"{arguments.out} holds runs of another budget: {content['protocol']}. Name another --out.")
        runs = content["runs"]
    compared = losses(index)
    for name in arguments.losses or compared:
        if name not in compared:
            parser.error(f"no loss {name!r}; available: {', '.join(compared)}")
    # Seeds in the outer loop, so that changes of machine load over the hours affect all losses.
    for seed in arguments.seeds:
        for name in arguments.losses or compared:
            if any(run["loss"] == name and run["seed"] == seed for run in runs):
                continue
            model, steps, seconds, last = train(index, compared[name], seed, arguments.steps, arguments.minutes)
            iou = dict(zip(NAMES, judge(model, val).tolist(), strict=True))
            run = {"loss": name, "seed": seed, "steps": steps, "seconds": seconds, "last_loss": last, "iou": iou}
            runs.append(run)
            arguments.out.write_text(json.dumps({"protocol": protocol, "share": shares, "runs": runs}, indent=1))
            mean, thin = (100 * statistics.mean(iou[n] for n in chosen) for chosen in (NAMES, THIN_OR_RARE))
            print(f"seed {seed} {name}: {steps} steps, {seconds:.0f} s, mean {mean:.1f}, thin {thin:.1f}", flush=True)
    show(runs, shares)


if __name__ == "__main__":
    main()
