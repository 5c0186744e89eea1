"""The loss of accuracy by quantization: every model, trained briefly on CamVid, in every type of `export.tflite`.

    python benchmarks/quantization.py $KERAS_SEG_DATA/camvid --work WORK                # all rows
    python benchmarks/quantization.py $KERAS_SEG_DATA/camvid --work WORK --only SegNet  # one row again

Images are reduced to 120x160, the VGG-like models are narrow, and each row gives its number of training steps: the
scores do not compare models, only their change matters. One row comes from `--run`, the folder of a `keras-seg train`
run, at its own 360x480. Ranges are measured on a hundred training images in which every class occurs, and files are
evaluated on images of the val split. Trained models are kept in WORK and rows in docs/quantization.json, so that an
interrupted run can be resumed.
"""

import argparse
import datetime
import json
import os
import pathlib
import tempfile
import time

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import page_tables
import tensorflow as tf
from reduced_folder import reduced_folder

import keras_seg as ks
from keras_seg.data.pipeline.decoded_store import DecodedStore

DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"
CLASSES, VOID, SIZE, CROP, BATCH = 11, 11, (120, 160), (96, 128), 8
REPRESENTATIVE, JUDGED = 100, 24
# For a larger loss of mean IoU in int8, layers are analyzed and kept in float32.
MOST = 0.01
KINDS = ("int8", "float16", "dynamic", "int16x8")

VGG = {"filters": (16, 32, 64, 96, 96)}
FCN = {**VGG, "fc_filters": 192, "dropout": 0.0}
MOBILE = {"backbone": "MobileNetV2"}
RUN = "UNet, Compact"
# label: (model, arguments, steps of training, learning rate)
ROWS = {
    RUN: ("UNet", {"backbone": "Compact"}, None, None),
    "UNet, MobileNetV2": ("UNet", {**MOBILE, "decoder_filters": [128, 64, 48, 32, 24]}, 160, 3e-3),
    "UNetPlusPlus": ("UNetPlusPlus", {"backbone": "Compact", "decoder_filters": [96, 64, 48, 32, 24]}, 120, 3e-3),
    "UNet2015": ("UNet2015", {"filters": 16, "depth": 3}, 120, 3e-3),
    "UNet, plain": ("UNet", {"filters": 16, "depth": 4}, 120, 3e-3),
    "FPN": ("FPN", {**MOBILE, "pyramid_filters": 96, "segmentation_filters": 64}, 120, 3e-3),
    "LinkNet": ("LinkNet", MOBILE, 120, 3e-3),
    "PSPNet": ("PSPNet", {**MOBILE, "filters": 96, "dropout": 0.0}, 120, 3e-3),
    "DeepLabV3": (
        "DeepLabV3",
        {"backbone": "Compact", "output_stride": 16, "aspp_filters": 96, "dropout": 0.0},
        120,
        3e-3,
    ),
    "FCN": ("FCN", {"backbone": "Compact", "output_stride": 16, "dropout": 0.0}, 120, 3e-3),
    "DeepLabV3Plus": ("DeepLabV3Plus", {**MOBILE, "aspp_filters": 96, "dropout": 0.0}, 120, 3e-3),
    "LRASPP": ("LRASPP", {}, 160, 3e-3),
    "MAnet": ("MAnet", {"backbone": "Compact", "decoder_filters": (96, 64, 48, 32, 16)}, 120, 3e-3),
    "PAN": ("PAN", {"backbone": "Compact"}, 120, 3e-3),
    "UPerNet": ("UPerNet", {"backbone": "Compact", "filters": 96, "dropout": 0.0}, 120, 3e-3),
    "DPT": ("DPT", {"backbone": "Compact", "stage_filters": (64, 64, 64, 64), "filters": 64}, 120, 3e-3),
    **{name: (name, {}, 160, 3e-3) for name in ("FastSCNN", "BiSeNetV2", "PIDNet")},
    "DDRNet": ("DDRNet", {}, 160, 3e-3),
    "SegFormer": ("SegFormer", {"backbone": "MiTB0", "filters": 96, "dropout": 0.0}, 160, 1e-3),
    "SegNet": ("SegNet", VGG, 120, 3e-3),
    "SegNetBasic": ("SegNetBasic", {"filters": 24}, 120, 3e-3),
    "DeconvNet": ("DeconvNet", {**VGG, "fc_filters": 192}, 120, 3e-3),
    "FCN32s": ("FCN32s", FCN, 120, 1e-3),
    "FCN16s": ("FCN16s", FCN, 120, 1e-3),
    "FCN8s": ("FCN8s", FCN, 120, 1e-3),
    "DilatedFCN": ("DilatedFCN", FCN, 120, 1e-3),
    "FullResolutionNet": ("FullResolutionNet", {"filters": 16}, 120, 3e-3),
    "PatchClassifier": (
        "PatchClassifier",
        {"architecture": "vgg", "patch_size": 40, "filters": (16, 32, 64), "units": (96,), "padding": "valid"},
        200,
        3e-3,
    ),
}


def scanned(folder, split):
    return ks.data.scan_folder(folder, split=split, num_classes=CLASSES, ignore_class=VOID, check_images=False)


def trained(label, folder, work):
    """The model of a row and its number of steps, trained now or loaded."""
    name, arguments, steps, rate = ROWS[label]
    path = work / f"{label}, {steps} steps.keras"
    if path.exists():
        return keras.saving.load_model(path), steps
    keras.utils.set_random_seed(0)
    index = scanned(folder, "train")
    model = ks.models.build(name, num_classes=CLASSES, **arguments)
    if name == "UNet2015":
        model = with_mirrored_borders(model)
    for layer in model._flatten_layers():
        # After a few hundred steps, moving statistics with MobileNetV2's 0.999 would be near their initial values.
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9
    if name == "PatchClassifier":
        loss = "sparse_categorical_crossentropy"
        data = ks.data.patches_from_folder(
            index, patch_size=model.input_shape[1], balanced=False, repeat=True, steps_per_epoch=50
        )
    else:
        loss = ks.losses.Crossentropy(ignore_class=VOID, class_weights=ks.data.class_weights(index, rule="square_root"))
        augment = ks.augmentation.standard(crop=CROP, scale=(0.8, 1.25), ignore_class=VOID)
        data = ks.data.from_folder(
            index, batch_size=BATCH, augment=augment, cache="memory", repeat=True, steps_per_epoch=50
        )
    model.compile(ks.optimizers.KernelDecayAdamW(rate, weight_decay=0.01, global_clipnorm=5.0), loss=loss)
    schedule, start = ks.training.ProgressSchedule(rate, steps=steps), time.monotonic()
    history = model.fit(data, steps_per_epoch=50, epochs=-(-steps // 50), callbacks=[schedule], verbose=2)
    print(label, f"{time.monotonic() - start:.0f} s, loss", history.history["loss"], flush=True)
    model.save(path)
    return model, steps


def with_mirrored_borders(model):
    """A U-Net of valid convolutions and three poolings, which scores the middle of its image, for whole images."""
    image = keras.Input((None, None, 3), name="image")
    # Both add up to the 44 pixels that the convolutions remove; 46 makes the sides of CROP and SIZE 4 modulo 8.
    mirrored = keras.ops.pad(image, ((0, 0), (46, 46), (46, 46), (0, 0)), mode="reflect")
    return keras.Model(image, keras.layers.Cropping2D(2)(model(mirrored)))


def of_a_run(run):
    """The model of a run folder and its number of steps."""
    log = (run / "log.csv").read_text(encoding="utf-8").splitlines()
    steps = max(int(line.split(",")[log[0].split(",").index("step")]) for line in log[1:])
    return keras.saving.load_model(run / "model.keras"), steps


def over_images(model):
    """The model to export: a patch classifier as one pass with upsampled scores, others unchanged."""
    if len(model.output_shape) == 4:
        return model
    patch = model.input_shape[1]
    image = keras.Input((*SIZE, 3))
    around = keras.layers.ZeroPadding2D(((patch // 2, patch // 2 - 1), (patch // 2, patch // 2 - 1)))(image)
    scores = ks.surgery.convolutionalize(model)(around)
    return keras.Model(image, keras.layers.UpSampling2D(SIZE[0] // scores.shape[1], interpolation="bilinear")(scores))


def images_of(folder, size):
    """(representative images, test images, their masks)."""
    train, val = scanned(folder, "train"), scanned(folder, "val")
    stores = DecodedStore(train), DecodedStore(val)
    chosen = ks.data.stratified_positions(train.pixel_counts, REPRESENTATIVE)
    judged = np.linspace(0, len(val) - 1, JUDGED).round().astype(int)
    pairs = [stores[1].get(position) for position in judged]
    representative = np.stack([stores[0].get(position)[0] for position in chosen]).astype("float32")
    return representative, np.stack([i for i, _ in pairs]).astype("float32"), np.stack([m for _, m in pairs])


def measured(label, model, steps, folder, size):
    """A row of the JSON."""
    representative, images, masks = images_of(folder, size)
    row = {"model": label, "arguments": ROWS[label][1], "size": list(size), "images": len(images)}
    row |= {"steps": steps, "parameters": model.count_params()}
    judged = {"input_size": size, "images": images, "masks": masks, "ignore_class": VOID}

    def written(kind, **options):
        with tempfile.TemporaryDirectory() as scratch:
            report = ks.export.tflite(model, pathlib.Path(scratch) / "model.tflite", quantize=kind, **judged, **options)
        row["float32"] = {"mean_iou": report.keras_mean_iou}
        print(label, kind, f"{100 * report.mean_iou:.2f} of {100 * report.keras_mean_iou:.2f}", flush=True)
        found = {name: getattr(report, name) for name in ("mean_iou", "agreement", "size_bytes")}
        return found | {"worst_image": report.worst_images[0][1]}

    for kind in KINDS:
        row[kind] = written(kind, **({"representative": representative} if kind.startswith("int") else {}))
    loses = row["float32"]["mean_iou"] - row["int8"]["mean_iou"] > MOST
    if loses or label == RUN:
        report = ks.export.layer_errors(model, images[:4], representative=representative, input_size=size)
        row["report"] = str(report).splitlines()
    if loses:
        kept = [error.layer for error in report.worst(2, own=True)]
        row["mended"] = {"float_layers": kept, **written("int8", representative=representative, float_layers=kept)}
    row["date"] = datetime.date.today().isoformat()
    return row


def read(stored):
    """The rows of the JSON by model."""
    return {row["model"]: row for row in json.loads(stored.read_text("utf-8"))} if stored.exists() else {}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, required=True, help="a folder for small images and trained models")
    parser.add_argument("--run", type=pathlib.Path, help="a run folder of keras-seg train on CamVid")
    parser.add_argument("--only", nargs="+", choices=list(ROWS), metavar="ROW")
    parser.add_argument("--train-only", action="store_true")
    arguments = parser.parse_args()
    stored = DOCS / "quantization.json"
    rows = read(stored)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    folder = reduced_folder(arguments.data, arguments.work / "third", SIZE)
    for label in arguments.only or [label for label in ROWS if label not in rows]:
        keras.backend.clear_session()
        if label == RUN:
            if arguments.run is None or arguments.train_only:
                continue
            model, steps = of_a_run(arguments.run)
            size, source = (360, 480), arguments.data
        else:
            model, steps = trained(label, folder, arguments.work)
            size, source = SIZE, folder
        print(label, steps, "steps", flush=True)
        if arguments.train_only:
            continue
        row = measured(label, over_images(model), steps, source, size)
        # Another process may have written rows in the meantime.
        rows = {**read(stored), label: row}
        content = [rows[name] for name in ROWS if name in rows]
        stored.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    page_tables.write_tables()


if __name__ == "__main__":
    main()
