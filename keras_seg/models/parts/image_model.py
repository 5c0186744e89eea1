"""The two ends of every model: the image that goes in, and the model that says what image it takes."""

import keras

from keras_seg import _validation


def check_common(num_classes, input_shape, activation):
    """`num_classes` and `input_shape` in their normal form, when the activation makes sense."""
    num_classes = _validation.integer("num_classes", num_classes)
    _validation.one_of("activation", activation, ("softmax", "sigmoid", None))
    if num_classes == 1 and activation == "softmax":
        _validation.fail(
            "num_classes",
            "must be at least 2 with activation='softmax', whose single class would always be 1",
            num_classes,
            "Pass num_classes=2, or activation='sigmoid'.",
        )
    return num_classes, _validation.image_shape("input_shape", input_shape)


def image_model(image, outputs, name):
    """The functional model from `image` to `outputs`.

    Of itself Keras lets images without a batch axis, and any number of channels where one is wanted, into the graph,
    and the first layer that they do not fit fails with pages about its arguments. This fails at once, in one line.
    """
    model = keras.Model(image, outputs, name=name)
    model.input_spec = keras.layers.InputSpec(shape=tuple(image.shape), name="image")
    return model
