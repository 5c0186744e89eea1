"""The effect of TFLite's int8 comparisons on unpooling: a small model on raw pixels, with int8 and float32 comparisons.

    python benchmarks/int8_comparisons.py    # writes docs/int8_comparisons.json

Weights are random: the question is whether the file computes the same as Keras. The gain multiplies the images, and
with them the ranges of all maps.
"""

import json
import os
import pathlib

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import keras_seg as ks
from keras_seg.export.tflite import float_nodes

SIZE, GAINS = (32, 48), (1.0, 0.2, 0.001)


def small_net():
    """Two pooling layers with indices and two unpooling layers, without rescaling."""
    image = keras.Input((*SIZE, 3))
    x = first = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    x, places = ks.layers.MaxPoolingWithArgmax2D()(x)
    x = second = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x, more_places = ks.layers.MaxPoolingWithArgmax2D()(x)
    x = ks.layers.MaxUnpooling2D()([x, more_places, second])
    x = keras.layers.Conv2D(8, 3, padding="same")(x)
    x = ks.layers.MaxUnpooling2D()([x, places, first])
    return keras.Model(image, keras.layers.Conv2D(4, 3, padding="same", activation="softmax")(x))


def main():
    keras.utils.set_random_seed(0)
    model = small_net()
    images = np.random.default_rng(0).uniform(0, 255, (8, *SIZE, 3)).astype("float32")
    comparisons, rows = float_nodes._COMPARISONS, []
    for gain in GAINS:
        # The input stays that of a usual artifact; a layer reduces the ranges.
        scaled = keras.Sequential([keras.Input((*SIZE, 3)), keras.layers.Rescaling(gain), model])
        row = {"gain": gain}
        for name, kept in (("int8", set()), ("float32", comparisons)):
            float_nodes._COMPARISONS = kept
            row[name] = ks.export.layer_errors(scaled, images).agreement
        rows.append(row)
        print(row, flush=True)
    stored = pathlib.Path(__file__).resolve().parents[1] / "docs" / "int8_comparisons.json"
    stored.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
