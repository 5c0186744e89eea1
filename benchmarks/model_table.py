"""The table of docs/models.md: every model built at full size, counted, timed, exported to TFLite and compared.

Each row is computed in a separate process, which needs up to ten GiB of memory for the largest (DeconvNet).

    python benchmarks/model_table.py                 # all rows, into docs/model_table.json and docs/models.md
    python benchmarks/model_table.py --only SegNet   # one row again, the others unchanged
    python benchmarks/model_table.py --untimed       # with the latencies of the previous run, on a busy machine
"""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

import page_tables

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"

VOC, CAMVID = {"num_classes": 21}, {"num_classes": 11}
MOBILE = {**VOC, "backbone": "MobileNetV2"}
# label: (model, arguments, parameters by the paper or its authors' code, the layer that predicts, side of the image)
ROWS = {
    "PatchClassifier, LeNet": (
        "PatchClassifier", {"num_classes": 10, "input_shape": (None, None, 1)}, 61_706, None, 256),
    "PatchClassifier, VGG": ("PatchClassifier", {"num_classes": 10, "architecture": "vgg"}, None, None, 256),
    "FullResolutionNet": ("FullResolutionNet", VOC, None, "logits", 256),
    "FCN32s": ("FCN32s", VOC, 134_346_581, "score_fr", 256),
    "FCN16s": ("FCN16s", VOC, 134_357_354, "fuse_pool4", 256),
    "FCN8s": ("FCN8s", VOC, 134_362_751, "fuse_pool3", 256),
    "FCN8s, as published": ("FCN8s", {**VOC, "padding": "valid", "deconvolution": "dense"}, 134_362_751,
                            "fuse_pool3", 256),
    "DeconvNet": ("DeconvNet", VOC, 251_805_653, "logits", 256),
    "SegNet": ("SegNet", CAMVID, 29_449_355, "logits", 256),
    "SegNetBasic": ("SegNetBasic", CAMVID, 1_416_587, "logits", 256),
    "DilatedFCN": ("DilatedFCN", VOC, 134_374_973, "context8", 256),
    "UNet, as published (252)": ("UNet2015", {"num_classes": 2, "input_shape": (252, 252, 1)},
                                 31_030_658, "logits", 252),
    "UNet, plain": ("UNet", VOC, None, "logits", 256),
    "UNet": ("UNet", MOBILE, None, "logits", 256),
    "UNetPlusPlus": ("UNetPlusPlus", {**VOC, "backbone": "ResNet34"}, 26_081_509, "logits", 256),
    "MAnet": ("MAnet", {**VOC, "backbone": "ResNet34"}, 31_786_533, "logits", 256),
    "FPN": ("FPN", MOBILE, None, "logits", 256),
    "LinkNet": ("LinkNet", MOBILE, None, "logits", 256),
    "FCN": ("FCN", {**VOC, "backbone": "ResNet50Torchvision"}, 32_957_013, "logits", 256),
    "PSPNet": ("PSPNet", MOBILE, None, "logits", 256),
    "DeepLabV3": ("DeepLabV3", {**VOC, "backbone": "ResNet50Torchvision"}, 39_638_869, "logits", 256),
    "DeepLabV3Plus": ("DeepLabV3Plus", MOBILE, None, "logits", 256),
    "LRASPP": ("LRASPP", VOC, 3_221_538, "logits", 256),
    "PAN": ("PAN", {**VOC, "backbone": "ResNet34", "dilate_strided": True}, 21_481_596, "logits", 256),
    "UPerNet": ("UPerNet", {**VOC, "backbone": "ResNet34"}, 29_604_821, "logits", 256),
    "DPT": ("DPT", MOBILE, None, "logits", 256),
    "FastSCNN": ("FastSCNN", {"num_classes": 19}, 1_138_051, "logits", 256),
    "BiSeNetV2": ("BiSeNetV2", {"num_classes": 19}, 3_358_627, "logits", 256),
    "PIDNet": ("PIDNet", {"num_classes": 19}, 7_625_715, "logits", 256),
    "DDRNet": ("DDRNet", {"num_classes": 19}, 5_695_987, "logits", 256),
    "SegFormer": ("SegFormer", {**VOC, "backbone": "MiTB0"}, 3_719_541, "logits", 256),
}  # fmt: skip


def settle(model, image):
    """Replace initial weights, with which a model predicts the same class for every pixel.

    Score layers that start at zero get random weights, and each BatchNormalization the statistics of its input.
    """
    import keras

    normalizations = []
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            normalizations.append((layer, layer.momentum))
            layer.momentum = 0.0
        kernel = getattr(layer, "kernel", None)
        if kernel is not None and not keras.ops.convert_to_numpy(kernel).any():
            kernel.assign(keras.initializers.GlorotUniform(seed=0)(kernel.shape))
    model(image, training=True)
    for layer, momentum in normalizations:
        layer.momentum = momentum


def measure(label):
    import keras
    import numpy as np
    import tensorflow as tf
    from alternating import alternate

    import keras_seg as ks

    name, arguments, paper, decides, side = ROWS[label]
    keras.utils.set_random_seed(0)
    model = ks.models.build(name, **arguments)
    trainable = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    if name == "PatchClassifier":
        model = ks.surgery.convolutionalize(model)
    decides = decides or model.layers[-1].name
    fixed = keras.Input((side, side, model.input_shape[-1]))
    sized = keras.Model(fixed, model(fixed))
    rng, shape = np.random.default_rng(0), (side, side, model.input_shape[-1])
    image = tf.constant(rng.uniform(0, 255, (1, *shape)), tf.float32)
    # Some nets normalize one number per image, so there are several, of different brightness.
    settle(model, tf.concat([image * share for share in (0.25, 0.5, 0.75, 1.0)], axis=0))
    step = tf.function(lambda x: sized(x, training=False))
    latency = alternate({"": lambda: step(image).numpy()}, rounds=9)[""]
    with tempfile.TemporaryDirectory() as folder:
        report = ks.export.tflite(model, pathlib.Path(folder) / "model.tflite", input_size=(side, side))
    # The receptive field of the output, but the stride of the predicting layer.
    field = ks.analysis.receptive_field(model).size
    return {
        "model": label,
        "parameters": trainable,
        "paper": paper,
        "receptive_field": None if field == math.inf else int(max(np.atleast_1d(field))),
        "output_stride": float(np.max(ks.analysis.receptive_field(model, layer=decides).stride)),
        "multiply_adds": ks.analysis.multiply_adds(model, input_size=side),
        "latency_ms": round(latency, 1),
        "tflite_bytes": report.size_bytes,
        "tflite_difference": report.max_abs_difference,
        "tflite_share_apart": report.share_apart,
        "ops": list(report.ops),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", choices=list(ROWS), metavar="ROW")
    parser.add_argument("--untimed", action="store_true")
    parser.add_argument("--row", choices=list(ROWS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        print(json.dumps(measure(arguments.row)))
        return
    stored = DOCS / "model_table.json"
    rows = {row["model"]: row for row in json.loads(stored.read_text())} if stored.exists() else {}
    for label in arguments.only or ROWS:
        command = [sys.executable, __file__, "--row", label]
        result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        row = json.loads(result.stdout.strip().splitlines()[-1])
        if arguments.untimed:
            row["latency_ms"] = rows[label]["latency_ms"]
        rows[label] = row
        shown = {key: value for key, value in rows[label].items() if key != "ops"}
        print(shown, flush=True)
        stored.write_text(json.dumps([rows[name] for name in ROWS if name in rows], indent=1) + "\n")
    page_tables.write_tables()


if __name__ == "__main__":
    main()
