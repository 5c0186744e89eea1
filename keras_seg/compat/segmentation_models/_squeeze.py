"""Squeeze and excitation as classification_models 1.0.0 builds it, with layers that Keras names."""

from keras import layers


def squeeze_and_excitation(x):
    """The map, its channels multiplied by weights that follow from the averages of all channels."""
    channels = x.shape[-1]
    scale = layers.GlobalAveragePooling2D(keepdims=True)(x)
    scale = layers.Conv2D(channels // 16, 1, kernel_initializer="he_uniform")(scale)
    scale = layers.Activation("relu")(scale)
    scale = layers.Conv2D(channels, 1, kernel_initializer="he_uniform")(scale)
    return layers.Multiply()([x, layers.Activation("sigmoid")(scale)])
