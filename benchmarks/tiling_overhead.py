"""The overhead of tiling: `TiledPredictor.predict` against the model's own calls on the same number of equal batches.

python benchmarks/tiling_overhead.py

Milliseconds, medians of one run in which both alternate; an image of 1536x1536, tiles of 256x256, overlap of a quarter.
"""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from alternating import alternate

import keras_seg as ks

MODELS = {
    "UNet, Compact of 8 to 48 filters, output at 1/4": {
        "backbone": ks.backbones.Compact(filters=(8, 16, 24, 32, 48)),
        "decoder_filters": (32, 24, 16),
        "decoder_stride": 4,
    },
    "UNet, Compact": {"backbone": "Compact"},
    "UNet, 16 filters": {"filters": 16},
}


def main():
    image = np.random.default_rng(0).integers(0, 256, (1536, 1536, 3), "uint8")
    print(keras.backend.backend())
    for name, arguments in MODELS.items():
        model = ks.models.UNet(num_classes=5, **arguments)
        predictor = ks.inference.TiledPredictor(model, tile=256, overlap=0.25, batch_size=4)
        rows, columns = predictor.grid(image.shape[:2])
        calls = -(-len(rows.starts) * len(columns.starts) // 4)
        batch = np.random.default_rng(0).uniform(0, 255, (4, 256, 256, 3)).astype("float32")

        def raw(model=model, calls=calls, batch=batch):
            for _ in range(calls):
                model.predict_on_batch(batch)

        times = alternate({"raw": raw, "tiled": lambda p=predictor: p.predict(image)}, rounds=7, warmup=1)
        ratio = times["tiled"] / times["raw"]
        print(f"{name}: {calls} batches {times['raw']:.0f} ms, tiled {times['tiled']:.0f} ms, {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
