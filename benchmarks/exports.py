"""Latency of an exported U-Net compared with Keras' predict and segmentation_models_pytorch, in one run.

    python benchmarks/exports.py --peer PYTHON

U-Net on MobileNetV2, 224x224, float32, two threads each, batch 1 and 8; every alternative runs once per round,
and the median counts. There are two variants: with keras_seg's default skips of MobileNetV2 (the expanded maps, as in
Keras' own tutorials), and with the narrow ones (the bottlenecks) of segmentation_models_pytorch. The statistics of
BatchNormalization are random, as if trained: with those of a new model every bias is 0 and would be optimized away.

PYTHON is the interpreter of an environment with torch and segmentation-models-pytorch; it responds through a pipe, so
that both libraries can be in one run without sharing an environment. Without --peer it is left out. --keep writes the
numbers into docs/benchmarks.json and the page made of it.
"""

import argparse
import datetime
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

SIZE, THREADS = 224, 2

PEER = """
import sys, time, torch
import segmentation_models_pytorch as smp
torch.set_num_threads(int(sys.argv[1]))
size = int(sys.argv[2])
model = smp.Unet("mobilenet_v2", encoder_weights=None, classes=11).eval()
nets = {"eager": model, "channels_last": smp.Unet("mobilenet_v2", encoder_weights=None, classes=11).eval()
        .to(memory_format=torch.channels_last)}
try:
    compiled = torch.compile(nets["channels_last"])
    with torch.inference_mode():
        for batch in (1, 8):
            compiled(torch.rand(batch, 3, size, size).to(memory_format=torch.channels_last))
    nets["compiled"] = compiled
except Exception as error:
    print("no torch.compile:", type(error).__name__, file=sys.stderr)
print(" ".join(nets), flush=True)
for line in sys.stdin:
    name, batch = line.split()
    x = torch.rand(int(batch), 3, size, size)
    if name != "eager":
        x = x.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        start = time.perf_counter()
        torch.softmax(nets[name](x), dim=1)
        print(1000 * (time.perf_counter() - start), flush=True)
"""


class Peer:
    """segmentation_models_pytorch in a separate process."""

    def __init__(self, python):
        command = [python, "-c", PEER, str(THREADS), str(SIZE)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.names = self._process.stdout.readline().split()
        if not self.names:
            sys.exit(f"{python}: segmentation_models_pytorch did not start there. Its error stands above.")

    def milliseconds(self, name, batch):
        """Milliseconds of one call."""
        self._process.stdin.write(f"{name} {batch}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def alternatives(model, folder, batch):
    """{name: callable that predicts a batch} for Keras and each format."""
    import numpy as np
    import onnxruntime
    import openvino
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    import keras_seg as ks

    images = np.random.default_rng(0).uniform(0, 255, (batch, SIZE, SIZE, 3)).astype("float32")
    fixed = {"input_size": SIZE, "overwrite": True}
    ks.export.saved_model(model, folder / "saved_model", **fixed)
    ks.export.tflite(model, folder / "m.tflite", batch_size=batch, **fixed)
    ks.export.onnx(model, folder / "m.onnx", batch_size=batch, **fixed)
    ks.export.openvino(model, folder / "m.xml", batch_size=batch, **fixed)
    serve = tf.saved_model.load(folder / "saved_model").signatures["serving_default"]
    lite = Interpreter(model_path=str(folder / "m.tflite"), num_threads=THREADS)
    lite.allocate_tensors()
    lite = lite.get_signature_runner()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(folder / "m.onnx", options, providers=["CPUExecutionProvider"])
    core = openvino.Core()
    compiled = {
        precision: core.compile_model(
            folder / "m.xml", "CPU", {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": precision}
        )
        for precision in ("f32", "bf16")
    }
    constant = tf.constant(images)
    return {
        "Keras predict": lambda: model.predict(images, batch_size=batch, verbose=0),
        "Keras predict_on_batch": lambda: model.predict_on_batch(images),
        "SavedModel": lambda: serve(image=constant)["probabilities"].numpy(),
        "TFLite": lambda: lite(image=images),
        "ONNX Runtime": lambda: session.run(None, {"image": images}),
        "OpenVINO": lambda: compiled["f32"](images),
        "OpenVINO, bfloat16": lambda: compiled["bf16"](images),
    }


def as_if_trained(model):
    """Give every BatchNormalization random statistics."""
    import numpy as np

    rng = np.random.default_rng(1)
    for layer in model._flatten_layers():
        if "BatchNormalization" in type(layer).__name__:
            gamma, beta, mean, variance = (weight.shape for weight in layer.weights)
            layer.set_weights(
                [
                    rng.uniform(0.8, 1.2, gamma),
                    rng.normal(0, 0.1, beta),
                    rng.normal(0, 0.1, mean),
                    rng.uniform(0.8, 1.2, variance),
                ]
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peer", help="Python with segmentation-models-pytorch")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--keep", action="store_true", help="write docs/benchmarks.json and the table of the page")
    arguments = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    import keras_seg as ks

    peer = Peer(arguments.peer) if arguments.peer else None
    columns = []
    for skips, batch in itertools.product(("wide", "narrow"), (1, 8)):
        model = ks.models.UNet(num_classes=11, backbone=ks.backbones.build("MobileNetV2", skips=skips))
        as_if_trained(model)
        with tempfile.TemporaryDirectory() as folder:
            runs = alternatives(model, pathlib.Path(folder), batch)
            times = {name: [] for name in runs}
            peers = {name: [] for name in (peer.names if peer else ())}
            for round_ in range(arguments.rounds + 2):
                for name, run in runs.items():
                    start = time.perf_counter()
                    run()
                    times[name].append(1000 * (time.perf_counter() - start))
                for name in peers:
                    peers[name].append(peer.milliseconds(name, batch))
                if round_ == 1:  # The first two warm up.
                    for values in (*times.values(), *peers.values()):
                        values.clear()
        medians = {name: statistics.median(values) for name, values in times.items()}
        medians |= {f"smp, {name}": statistics.median(values) for name, values in peers.items()}
        columns.append(medians)
        eager = [value for name, value in medians.items() if name in ("smp, eager", "smp, channels_last")]
        unit = min(eager) if eager else medians["Keras predict"]
        print(
            f"\n| {skips} skips, batch {batch} | ms | of {'smp eager' if eager else 'Keras predict'} |\n|---|---|---|"
        )
        for name, value in medians.items():
            print(f"| {name} | {value:.1f} | {value / unit:.2f} |", flush=True)
    if arguments.keep:
        keep(columns, arguments.rounds)


def keep(columns, rounds):
    """Write the medians, one dict per column, to the JSON file of the documentation."""
    import page_tables

    path = page_tables.DOCS / "benchmarks.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["exports"] |= {
        "date": datetime.date.today().isoformat(),
        "rounds": rounds,
        "rows": [{"name": name, "ms": [round(column[name], 1) for column in columns]} for name in columns[0]],
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    page_tables.write_tables()


if __name__ == "__main__":
    sys.exit(main())
