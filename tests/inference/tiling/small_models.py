"""Models for tests of tiles, whose outputs depend on the image."""

import keras
import numpy as np
from keras import layers

import keras_seg as ks


def identity(channels=3):
    return keras.Sequential([keras.Input((None, None, channels)), layers.Activation("linear")])


def unsettled(model):
    """`model` with weights under which no two pixels get the same scores."""
    rng = np.random.default_rng(0)
    for layer in model._flatten_layers():
        if hasattr(layer, "kernel"):
            scale = np.sqrt((200 if layer.name == "logits" else 2) / np.prod(layer.kernel.shape[:-1]))
            layer.kernel.assign(rng.normal(size=layer.kernel.shape) * scale)
    return model


def exact(model, terms, scale):
    """`model` with kernels under which float32 rounds no sum, so that the order of its terms does not matter.

    Libraries choose that order by the size of the image and the processor. Every sum of a convolution is one of `terms`
    inputs or their negatives: of pixels up to 255, n convolutions make whole numbers up to 255 * terms^n, and float32
    holds those up to 2^24. `scale` is a power of two, for the last kernel, which brings the logits to where scores are
    neither 0 nor 1.
    """
    rng = np.random.default_rng(0)
    convolutions = [layer for layer in model._flatten_layers() if hasattr(layer, "kernel")]
    for layer in convolutions:
        shape = layer.kernel.shape
        transposed = isinstance(layer, layers.Conv2DTranspose)
        inputs = shape[-1] if transposed else np.prod(shape[:-1])
        kernel = rng.choice([-1, 1, 1], (inputs, np.prod(shape) // inputs))
        kernel[rng.random(kernel.shape).argsort(axis=0).argsort(axis=0) >= terms] = 0
        layer.kernel.assign((kernel.T if transposed else kernel).reshape(shape))
    layer.kernel.assign(layer.kernel * scale)
    return model


def unet(model=ks.models.UNet, **kwargs):
    """A U-Net of stride 4."""
    return unsettled(model(**{"num_classes": 3, "filters": 4, "depth": 2, **kwargs}))


def photo(height, width, channels=3):
    """uint8, smooth and noisy."""
    rng = np.random.default_rng(1)
    waves = 110 + 70 * np.sin(np.arange(height)[:, None] / 9) * np.cos(np.arange(width) / 13)
    return np.clip(waves[..., None] + rng.normal(size=(height, width, channels)) * 30, 0, 255).astype("uint8")
