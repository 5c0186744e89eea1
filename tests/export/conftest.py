import keras
import pytest

import keras_seg as ks


@pytest.fixture(scope="module")
def model():
    """A small U-Net of three classes."""
    keras.utils.set_random_seed(0)
    return ks.models.UNet(num_classes=3, filters=4, depth=1)
