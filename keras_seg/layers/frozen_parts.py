"""Layers inside of a frozen layer."""

import keras


def freeze_parts(layer: keras.layers.Layer) -> None:
    """Freeze all layers inside of those that are frozen, at the end of a `build`: `layer` itself, or parts of it.

    Keras' config of a layer holds its own flag only, and the layers that it makes begin as trainable. Without this, the
    weights and the statistics inside of a frozen layer would be trained once it was copied, or saved and loaded.
    """
    for part in layer._flatten_layers():
        if not part.trainable:
            # One by one: on TensorFlow, setting a flag to the value it already has does not reach the layers inside.
            for inner in part._flatten_layers(include_self=False):
                inner.trainable = False
