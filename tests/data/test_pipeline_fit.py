"""The pipeline feeds `model.fit` on every backend."""

import keras
import numpy as np
import pytest

from keras_seg.augmentation import standard
from keras_seg.data import from_folder, write_shapes


@pytest.mark.parametrize("repeat", [False, True])
def test_fit(tmp_path, repeat):
    """model.fit takes the dataset on the backend of this run, twice with the same result."""
    write_shapes(tmp_path, train=6, val=2, image_size=32)
    losses = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        train = from_folder(
            tmp_path,
            split="train",
            batch_size=2,
            augment=standard(crop=(24, 24), ignore_class=255),
            repeat=repeat,
            cache=True,
        )
        model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(7, 3, padding="same")])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)
        model.compile("sgd", loss, jit_compile=False)
        val = from_folder(tmp_path, split="val", batch_size=2)
        history = model.fit(
            train, validation_data=val, epochs=2, steps_per_epoch=3 if repeat else None, verbose=0, shuffle=False
        )
        losses.append(history.history["loss"] + history.history["val_loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)
