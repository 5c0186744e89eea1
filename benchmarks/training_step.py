"""A training step of the planned U-Nets on a CPU: what oneDNN, kept memory, fused layers and bfloat16 save.

CamVid's crops, 8 x 320 x 416, 11 classes. Each alternative has a process of its own, as TensorFlow decides about oneDNN
and its memory once; the processes take turns, one step at a time.

    python benchmarks/training_step.py [--rounds 5] [--bfloat16]

With `--bfloat16`, the alternatives are dtype policies; `KERAS_BACKEND` then chooses the backend.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

DEFAULT = {"onednn": "1", "kept": "1", "fused": True, "policy": "float32", "depthwise": "float32"}
ALTERNATIVES = {
    "plain": {"onednn": "0", "kept": "0", "fused": False},
    "fused": {"onednn": "0", "kept": "0"},
    "fused, kept": {"onednn": "0"},
    "oneDNN": {"fused": False},
    "oneDNN, fused": {},
}
POLICIES = {
    "float32": {},
    "bfloat16": {"policy": "mixed_bfloat16", "depthwise": "bfloat16"},
    "bfloat16, depthwise in float32": {"policy": "mixed_bfloat16"},
}
BACKBONES = ("Compact", "EfficientNetLite0")
MORE_BACKBONES = (*BACKBONES, "MobileNetV2", "ResNet18")
BATCH, CROP, CLASSES = 8, (320, 416), 11


def child(backbone, fused, policy, depthwise):
    """Take a step for every line read, and answer with its milliseconds."""
    import time

    import numpy as np

    from keras_seg import layers, training

    if depthwise != "float32":
        # Where `build_model` looks it up.
        sys.modules["keras_seg.training.build_model"].keep_depthwise_in_float32 = lambda model: None
    if not fused:
        layers.BatchNormalization._is_fusable = lambda self, inputs: False
    names = [str(label) for label in range(CLASSES)]
    facts = {
        "train_images": 367, "validation_images": 101, "median_size": [360, 480], "smallest_size": [360, 480],
        "same_size": True, "channels": 3, "num_classes": CLASSES, "ignore_class": [CLASSES], "class_names": names,
        "class_share": dict.fromkeys(names, 1 / CLASSES), "decoded_megabytes": 242, "memory_megabytes": 24000,
        "backend": "tensorflow", "device": "cpu", "cores": 2,
    }  # fmt: skip
    model = training.build_model(training.make_plan(facts, backbone=backbone, weights="none", dtype_policy=policy))
    random = np.random.default_rng(0)
    images = random.uniform(0, 255, (BATCH, *CROP, 3)).astype("float32")
    labels = random.integers(0, CLASSES, (BATCH, *CROP))
    model.train_on_batch(images, labels)
    for _ in sys.stdin:
        start = time.perf_counter()
        model.train_on_batch(images, labels)
        print(1000 * (time.perf_counter() - start), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bfloat16", action="store_true", help="compare dtype policies")
    parser.add_argument("--child", nargs=2, metavar=("BACKBONE", "SETTINGS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child[0], **json.loads(arguments.child[1]))
        return
    alternatives, backbones = (POLICIES, MORE_BACKBONES) if arguments.bfloat16 else (ALTERNATIVES, BACKBONES)
    print(f"| milliseconds per step, median of {arguments.rounds} | {' | '.join(alternatives)} |")
    for backbone in backbones:
        processes = {}
        for name, changed in alternatives.items():
            settings = {**DEFAULT, **changed}
            of_tensorflow = {
                "TF_ENABLE_ONEDNN_OPTS": settings.pop("onednn"),
                "TF_CPU_ALLOCATOR_USE_BFC": settings.pop("kept"),
                "TF_CPP_MIN_LOG_LEVEL": "3",
            }
            command = [sys.executable, __file__, "--child", backbone, json.dumps(settings)]
            pipe = subprocess.PIPE
            processes[name] = subprocess.Popen(
                command, env=os.environ | of_tensorflow, stdin=pipe, stdout=pipe, text=True
            )
        times = {name: [] for name in processes}
        for _ in range(arguments.rounds + 1):
            for name, process in processes.items():
                print(file=process.stdin, flush=True)
                times[name].append(float(process.stdout.readline()))
        for process in processes.values():
            process.stdin.close()
            process.wait()
        cells = [f"{statistics.median(values[1:]):.0f}" for values in times.values()]
        print(f"| {backbone} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
