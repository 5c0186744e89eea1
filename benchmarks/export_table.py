"""The tables of docs/export-tables.md: every model in every format, its size, difference, agreement and latency.

Weights are random, including score layers that start at zero, and each BatchNormalization has the statistics of its
input (`settle` of model_table.py); models with a backbone, and some others, are first trained for forty steps on
generated scenes, because a deep random network amplifies every rounding error. Files of fixed size are compared on two
generated scenes, those of any size on noise of two sizes. Every row is computed in a separate process and every cell is
stored at once, so that an interrupted run can be resumed.

    python benchmarks/export_table.py                       # the missing cells, into docs/export_table.json
    python benchmarks/export_table.py --only SegNet --formats int8 --again    # some cells again
    python benchmarks/export_table.py --formats delegates   # what phone GPUs and NPUs take of the TFLite files
    python benchmarks/export_table.py --keep FOLDER         # the same, keeping the artifacts (20 GB in total)
    python benchmarks/export_table.py --keep FOLDER --latencies quiet        # only the times of kept artifacts
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import page_tables

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"
STORED = DOCS / "export_table.json"

VOC, CAMVID = {"num_classes": 21}, {"num_classes": 11}
MOBILE = {**VOC, "backbone": "MobileNetV2"}
# label: (model, arguments, side of the image)
ROWS = {
    "PatchClassifier": ("PatchClassifier", {"num_classes": 10, "architecture": "vgg"}, 224),
    "FullResolutionNet": ("FullResolutionNet", VOC, 224),
    "FCN32s": ("FCN32s", VOC, 224),
    "FCN16s": ("FCN16s", VOC, 224),
    "FCN8s": ("FCN8s", VOC, 224),
    "DeconvNet": ("DeconvNet", VOC, 224),
    "SegNet": ("SegNet", CAMVID, 224),
    "SegNetBasic": ("SegNetBasic", CAMVID, 224),
    "DilatedFCN": ("DilatedFCN", VOC, 224),
    "UNet2015": ("UNet2015", VOC, 252),
    "UNet, plain": ("UNet", VOC, 224),
    "UNet, MobileNetV2": ("UNet", MOBILE, 224),
    "UNetPlusPlus": ("UNetPlusPlus", {**VOC, "backbone": "Compact"}, 224),
    "MAnet": ("MAnet", {**VOC, "backbone": "Compact"}, 224),
    "FPN": ("FPN", MOBILE, 224),
    "LinkNet": ("LinkNet", MOBILE, 224),
    "FCN": ("FCN", {**VOC, "backbone": "Compact"}, 224),
    "PSPNet": ("PSPNet", MOBILE, 224),
    "DeepLabV3": ("DeepLabV3", {**VOC, "backbone": "Compact", "output_stride": 16}, 224),
    "DeepLabV3Plus": ("DeepLabV3Plus", MOBILE, 224),
    "LRASPP": ("LRASPP", VOC, 224),
    "PAN": ("PAN", {**VOC, "backbone": "Compact"}, 224),
    "UPerNet": ("UPerNet", {**VOC, "backbone": "Compact"}, 224),
    "DPT": ("DPT", {**VOC, "backbone": "Compact", "stage_filters": (64, 64, 64, 64), "filters": 64}, 224),
    **{name: (name, VOC, 224) for name in ("FastSCNN", "BiSeNetV2", "PIDNet")},
    "DDRNet": ("DDRNet", VOC, 224),
    "SegFormer": ("SegFormer", {**VOC, "backbone": "MiTB0"}, 224),
}
# key: (export function, file, options)
FORMATS = {
    "saved_model": ("saved_model", "saved_model", {}),
    "onnx": ("onnx", "model.onnx", {}),
    "openvino": ("openvino", "model.xml", {}),
    "tflite": ("tflite", "model.tflite", {}),
    "any_size": ("tflite", "any_size.tflite", {}),
    "float16": ("tflite", "float16.tflite", {"quantize": "float16"}),
    "dynamic": ("tflite", "dynamic.tflite", {"quantize": "dynamic"}),
    "int8": ("tflite", "int8.tflite", {"quantize": "int8", "input": "uint8"}),
    "int16x8": ("tflite", "int16x8.tflite", {"quantize": "int16x8"}),
}
# The number of scenes for measuring the ranges of int8 and int16x8, and for training models with a backbone.
_REPRESENTATIVE, _STEPS, _BATCH, _TRAINED_SIDE = 8, 40, 8, 96
# Models without a backbone that are trained too.
_TRAINED = ("LRASPP", "DDRNet", "PIDNet", "FastSCNN", "BiSeNetV2", "SegNet", "SegNetBasic")


def scenes(count, side, seed):
    """Generated images, float32, and their masks."""
    import numpy as np

    import keras_seg as ks

    rng = np.random.default_rng(seed)
    drawn = [ks.data.shapes_scene(rng, image_size=side) for _ in range(count)]
    return np.stack([image for image, _ in drawn]).astype("float32"), np.stack([mask for _, mask in drawn])


def built(label):
    """The model of a row, with settled weights, and its side."""
    import keras
    import tensorflow as tf
    from model_table import settle

    import keras_seg as ks

    name, arguments, side = ROWS[label]
    keras.utils.set_random_seed(0)
    model = ks.models.build(name, **arguments)
    if name == "PatchClassifier":
        model = ks.surgery.convolutionalize(model)
    if "backbone" in arguments or name in _TRAINED:
        model.compile(keras.optimizers.Adam(1e-3), loss=ks.losses.Crossentropy())
        images, masks = scenes(_STEPS * _BATCH // 4, _TRAINED_SIDE, 0)
        model.fit(images, masks.astype("int32"), batch_size=_BATCH, epochs=4, verbose=0)
    # Of several images, as some nets normalize one number per image.
    settle(model, tf.constant(scenes(8, side, 1)[0]))
    return model, side


def cell(model, side, key, folder):
    """One cell: the report of an export, or the reason why it was refused."""
    import keras_seg as ks

    function, file, options = FORMATS[key]
    path = folder / file
    if options.get("quantize") in ("int8", "int16x8"):
        options = {**options, "representative": scenes(_REPRESENTATIVE, side, 2)[0]}
    if key == "any_size":
        options = {**options, "input_size": (None, None)}
    else:
        options = {**options, "input_size": side, "images": scenes(2, side, 3)[0]}
    try:
        report = getattr(ks.export, function)(model, path, overwrite=True, **options)
    except (ValueError, RuntimeError) as error:
        return {"refused": " ".join(str(error).split()).replace(f"{path}", path.name)}
    return {
        "size_bytes": report.size_bytes,
        "ops": list(report.ops),
        "difference": report.max_abs_difference,
        "agreement": report.agreement,
        "share_apart": report.share_apart,
        "milliseconds": round(report.milliseconds, 2),
        "threads": report.threads,
    }


def delegates(model, side, folder):
    """What the processors of devices take of the float32 and of the int8 file."""
    import keras_seg as ks

    images = scenes(2, side, 3)[0]
    file = folder / "delegates.tflite"
    options = {"input_size": side, "images": images, "overwrite": True}
    ks.export.tflite(model, file, **options)
    report = ks.export.check_delegates(file, delegates=["gpu"], images=images)
    made = {"gpu": counts(report["gpu"]), "recent": list(report["gpu"].recent)}
    made["half_precision"] = {"agreement": report.half_precision.agreement, "largest": report.half_precision.largest}
    if report.device is not None:
        made["device"] = vars(report.device)
    representative = scenes(_REPRESENTATIVE, side, 2)[0]
    ks.export.tflite(model, file, quantize="int8", input="uint8", representative=representative, **options)
    report = ks.export.check_delegates(file, delegates=["npu", "edgetpu"])
    return made | {name: counts(report[name]) for name in ("npu", "edgetpu")}


def counts(check):
    """The numbers of a check, and the operators that are refused."""
    refused = list(dict.fromkeys(node.op for node in check.refused))
    return {"nodes": check.nodes, "accepted": check.accepted, "partitions": check.partitions, "refused": refused}


def timed(label, key, folder):
    """{"milliseconds": latency of a kept artifact}."""
    import numpy as np
    import tensorflow as tf

    from keras_seg.export import exporter, format, onnx_format, openvino_format, saved_model_format
    from keras_seg.export.tflite import tflite_format

    written = (tflite_format.TFLITE, onnx_format.ONNX, openvino_format.OPENVINO, saved_model_format.SAVED_MODEL)
    function, file, options = FORMATS[key]
    tf.config.threading.set_intra_op_parallelism_threads(format.THREADS)
    (loaded,) = (one.load(folder / file) for one in written if one.name == function)
    side = ROWS[label][2]
    noise = np.random.default_rng(0).integers(0, 256, (1, side, side, 3)).astype(options.get("input", "float32"))
    milliseconds = exporter.median_milliseconds(lambda: loaded.run(noise))
    return {"milliseconds": round(milliseconds, 2), "threads": loaded.threads}


def row(label, keys, folder, only_times):
    """Print each cell of a row as a line of JSON as soon as it is computed."""
    import keras_seg.export  # noqa: F401

    model, side = (None, None) if only_times else built(label)
    for key in keys:
        print(json.dumps([key]), flush=True)
        if key == "delegates":
            print(json.dumps([key, delegates(model, side, folder)]), flush=True)
            continue
        made = timed(label, key, folder) if only_times else cell(model, side, key, folder)
        print(json.dumps([key, made]), flush=True)


def made_in_a_process(label, keys, folder, only_times, store):
    """Run `row` in a process; a cell that crashes it is stored as refused, and the rest runs in a new process."""
    command = [sys.executable, __file__, "--row", label, "--formats", *keys, "--keep", str(folder)]
    command += ["--latencies", "row"] if only_times else []
    begun, done = None, []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            try:
                content = json.loads(line)
            except ValueError:
                continue
            begun, *made = content
            if made:
                store(begun, made[0])
                done.append(begun)
                begun = None
    if process.returncode:
        if begun is None:
            raise SystemExit(f"{label}: the process ended with {process.returncode} outside any format.")
        store(begun, {"refused": f"The export process ended with status {process.returncode}."})
        if rest := [key for key in keys if key not in (*done, begun)]:
            made_in_a_process(label, rest, folder, only_times, store)


def stored():
    return json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {"latencies": "none", "cells": {}}


def write(content):
    ordered = {label: content["cells"][label] for label in ROWS if label in content["cells"]}
    ordered = {label: {key: row[key] for key in FORMATS if key in row} for label, row in ordered.items()}
    aside = STORED.with_suffix(".part")
    aside.write_text(json.dumps({**content, "cells": ordered}, indent=1) + "\n", encoding="utf-8")
    os.replace(aside, STORED)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=list(ROWS), metavar="ROW")
    formats = [*FORMATS, "delegates"]
    parser.add_argument("--formats", nargs="+", choices=formats, metavar="FORMAT", default=list(FORMATS))
    parser.add_argument("--again", action="store_true", help="Compute existing cells again.")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="Keep the artifacts in this folder.")
    parser.add_argument(
        "--latencies", metavar="NOTE", help="Only time the kept artifacts; the note is shown in the table."
    )
    parser.add_argument("--note", default="loaded machine", help="The note on the times in the table.")
    parser.add_argument("--row", choices=list(ROWS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    only_times = arguments.latencies is not None
    if arguments.row:
        row(arguments.row, arguments.formats, arguments.keep, only_times)
        return
    if only_times and not arguments.keep:
        parser.error("--latencies requires --keep FOLDER with the artifacts.")
    latencies = arguments.latencies or arguments.note
    for label in arguments.only or ROWS:
        cells = stored()["cells"].get(label, {})
        present = {*cells, *(["delegates"] if label in stored().get("delegates", {}) else [])}
        if only_times:
            keys = [key for key in arguments.formats if "milliseconds" in cells.get(key, {})]
        else:
            keys = [key for key in arguments.formats if arguments.again or key not in present]

        def store(key, made, label=label):
            # Another process may have written cells in the meantime.
            if key == "delegates":
                content = stored()
                found = {**content.get("delegates", {}), label: made}
                print(label, made, flush=True)
                write(content | {"delegates": {one: found[one] for one in ROWS if one in found}})
                return
            content = stored() | {"latencies": latencies}
            cells = content["cells"].setdefault(label, {})
            cells[key] = {**cells[key], **made} if only_times else made
            shown = {name: value for name, value in made.items() if name != "ops"}
            print(label, key, shown, flush=True)
            write(content)

        if not keys:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder = (arguments.keep or pathlib.Path(temporary)) / label.lower().replace(", ", "_")
            folder.mkdir(parents=True, exist_ok=True)
            made_in_a_process(label, keys, folder, only_times, store)
    page_tables.write_tables()


if __name__ == "__main__":
    sys.exit(main())
