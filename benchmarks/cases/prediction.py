"""What prediction costs beside the bare calls of the model: test-time augmentation, and tiles of a large image."""

import math

SIZE, CLASSES, SIDE, TILE, BATCH = (360, 480), 11, 4096, 256, 4
CASES = ["eight flips and turns", f"tiles of {SIDE}x{SIDE}"]
# The ratio to one pass, and to the calls for as many tiles.
OURS = {"keras_seg": {"turns": 7.2, f"{SIDE}x{SIDE}": 1.03}}
PEERS = ["the model alone"]
FOREIGN = []
MEMORY = None


def has(system, case):
    return True


def prepare(system, case):
    import numpy as np

    import keras_seg as ks

    model = ks.models.UNet(num_classes=CLASSES, backbone="Compact")
    draws = np.random.default_rng(0)
    if "turns" in case:
        image = draws.uniform(0, 255, (1, *SIZE, 3)).astype("float32")
        if system == "keras_seg":
            model = ks.inference.TestTimeAugmentation(model, "d4")
        return lambda: model.predict_on_batch(image), {}
    predictor = ks.inference.TiledPredictor(model, tile=TILE, overlap=0.25, batch_size=BATCH)
    if system == "keras_seg":
        image = draws.integers(0, 256, (SIDE, SIDE, 3), "uint8")
        return lambda: predictor.predict(image), {}
    tiles = math.prod(len(axis.starts) for axis in predictor.grid((SIDE, SIDE)))
    batch = draws.uniform(0, 255, (BATCH, TILE, TILE, 3)).astype("float32")
    return lambda: [model.predict_on_batch(batch) for _ in range(-(-tiles // BATCH))], {}
