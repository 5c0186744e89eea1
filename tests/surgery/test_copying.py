"""Copies of layers, and where none is made."""

import functools
import gc
import time
import warnings
import weakref

import keras
import numpy as np
import pytest
import random_weights

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.export.gpu_form import gpu_form
from keras_seg.export.inference_graph import inference_graph
from keras_seg.surgery.copying import config_of, weights_shared


def variables(model):
    return {id(variable) for variable in model.variables}


def adding():
    """A model with a function of `keras.ops` between its layers."""
    inputs = keras.Input((16, 24, 3))
    first, second = (keras.layers.Conv2D(4, 3, padding="same", name=name)(inputs) for name in ("first", "second"))
    return keras.Model(inputs, keras.layers.Conv2D(2, 1, name="last")(keras.ops.add(first, second)))


@pytest.mark.parametrize("make", [lambda: ks.models.UNet(num_classes=3, filters=4, depth=2), adding])
def test_an_exported_form_has_a_graph_of_its_own(make):
    """The operations of the user's model keep theirs: `layer.output` stays defined."""
    model = make()
    form = inference_graph(model, (16, 24))
    assert form.input_shape == (None, 16, 24, 3)
    assert all(len(operation._inbound_nodes) == 1 for operation in model.operations)
    image = np.random.default_rng(0).uniform(0, 255, (1, 16, 24, 3)).astype("float32")
    np.testing.assert_allclose(form.predict(image, verbose=0), model.predict(image, verbose=0), atol=1e-5)


def test_an_exported_form_shares_what_is_not_folded():
    """Half a gigabyte for FCN8s."""
    model = ks.models.FCN8s(num_classes=3, filters=(8, 8, 8, 8, 8), fc_filters=16)
    form = inference_graph(model, (32, 32))
    assert form.get_layer("fc6").kernel is model.get_layer("fc6").kernel
    assert form.get_layer("fc6") is not model.get_layer("fc6")


@pytest.mark.parametrize("make", [lambda: ks.models.UNet(num_classes=3, filters=4, depth=2), adding])
def test_a_copy_can_be_deleted(make):
    """A function of `keras.ops` noted where it was called, and so kept each copy as long as the model."""
    model = make()
    copied = ks.surgery.fold_padding(model)
    kept = [weakref.ref(layer) for layer in copied.layers]
    del copied
    for _ in range(50):
        # While another thread collects, this one returns at once.
        gc.collect()
        if all(layer() is None for layer in kept):
            return
        time.sleep(0.1)
    pytest.fail(f"{sum(layer() is not None for layer in kept)} of {len(kept)} layers are still there.")


@pytest.mark.parametrize("share", [False, True])
def test_names_that_nested_models_share(share):
    """Opened up, their layers and functions are in one graph, where names are unique."""

    def part():
        inputs = keras.Input((16, 24, 3))
        scaled = keras.ops.multiply(keras.layers.Conv2D(3, 1, name="conv")(inputs), 2.0)
        scaled._keras_history.operation.name = "twice"
        return keras.Model(inputs, scaled)

    inputs = keras.Input((16, 24, 3))
    model = keras.Model(inputs, part()(part()(inputs)))
    if share:
        with weights_shared():
            opened = ks.surgery.fold_padding(model)
    else:
        opened = ks.surgery.fold_padding(model)
    assert sorted(one.name for one in opened.operations[1:]) == ["conv", "conv_1", "twice", "twice_1"]
    assert (variables(opened) == variables(model)) == share
    image = np.random.default_rng(0).uniform(0, 1, (1, 16, 24, 3)).astype("float32")
    np.testing.assert_allclose(opened.predict(image, verbose=0), model.predict(image, verbose=0), atol=1e-5)


def test_weights_are_shared_on_request():
    keras.utils.set_random_seed(0)
    model = ks.models.UNet(num_classes=3, filters=4, depth=2, normalization=None)
    with weights_shared():
        folded = ks.surgery.fold_padding(model)
    assert variables(folded) == variables(model)
    with weights_shared(keras.layers.Dense):
        assert not variables(ks.surgery.fold_padding(model)) & variables(model)
    assert not variables(ks.surgery.fold_padding(model)) & variables(model)


def test_a_size_of_the_result():
    model = ks.models.UNet(num_classes=3, filters=4, depth=2)
    folded = ks.surgery.fold_batch_norm(model, input_size=(20, 24))
    image = np.random.default_rng(0).uniform(0, 255, (1, 20, 24, 3)).astype("float32")
    assert folded.input_shape == (None, 20, 24, 3)
    np.testing.assert_allclose(folded.predict(image, verbose=0), model.predict(image, verbose=0), atol=1e-5)


def test_initializers_are_those_of_the_originals():
    """Weights begin as zeros while a copy is made, which no later copy may inherit."""
    layer = keras.layers.Conv2D(4, 3, kernel_initializer="he_normal", bias_initializer="ones", name="conv")
    inputs = keras.Input((8, 8, 3))
    copied = ks.surgery.fold_padding(keras.Model(inputs, layer(inputs))).get_layer("conv")
    assert copied.get_config() == layer.get_config()
    assert isinstance(copied.kernel_initializer, keras.initializers.HeNormal)
    assert isinstance(copied.bias_initializer, keras.initializers.Ones)


class Normalized(keras.layers.Layer):
    """A layer with a Normalization inside."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = keras.layers.Normalization()

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return self.inner(x)

    def compute_output_shape(self, shape):
        return shape


FOLDS = [ks.surgery.fold_batch_norm, ks.surgery.fold_padding, ks.surgery.fold_upsampling]


@pytest.mark.parametrize("fold", FOLDS)
@pytest.mark.parametrize("make", [keras.layers.Normalization, Normalized])
def test_an_adapted_normalization(make, fold):
    """Keras computes with constants that it has made of the weights, not with the weights."""
    image = np.random.default_rng(0).uniform(0, 255, (2, 16, 24, 3)).astype("float32")
    inputs, layer = keras.Input((16, 24, 3)), make()
    scaled = layer(inputs)
    getattr(layer, "inner", layer).adapt(image)
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1)(scaled))
    expected = model.predict(image, verbose=0)
    assert np.abs(expected).max() < 50  # Far from what 255 would give.
    np.testing.assert_allclose(fold(model).predict(image, verbose=0), expected, atol=1e-4)


@pytest.mark.tensorflow_only
def test_an_adapted_discretization():
    """Its boundaries are in its configuration: made again, they would be those of no data."""
    image = np.random.default_rng(0).uniform(0, 255, (1, 16, 24, 3)).astype("float32")
    layer = keras.layers.Discretization(num_bins=4)
    layer.adapt(image)
    model = keras.Sequential([keras.Input((16, 24, 3)), layer, keras.layers.Rescaling(0.5)])
    expected = model.predict(image, verbose=0)
    assert len(np.unique(expected)) == 4
    np.testing.assert_array_equal(ks.surgery.fold_padding(model).predict(image, verbose=0), expected)


def hat(x):
    return keras.ops.maximum(1 - keras.ops.abs(x), 0)


def relu(x):
    """By this name, Keras has a function too."""
    return hat(x)


class Times:
    """A function that is an object."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return self.factor * x


class Squares(keras.regularizers.Regularizer):
    def __call__(self, x):
        return keras.ops.sum(keras.ops.square(x))


def drawn(shape, dtype=None):
    return keras.random.normal(shape, dtype=dtype, seed=3)


UNREGISTERED = {
    "function": hat,
    "name of Keras": relu,
    "keras.ops": keras.ops.tanh,
    "lambda": lambda x: hat(2 * x),
    "partial": functools.partial(keras.ops.leaky_relu, negative_slope=0.3),
    "object": Times(0.5),
}


@pytest.mark.parametrize("fold", FOLDS)
@pytest.mark.parametrize("activation", UNREGISTERED.values(), ids=UNREGISTERED)
def test_functions_that_are_not_registered(activation, fold):
    """By the name in a configuration, Keras finds nothing, or a function of its own."""
    inputs, regularizer = keras.Input((8, 12, 3)), Squares()
    options = {"activation": activation, "kernel_regularizer": regularizer, "kernel_initializer": drawn}
    x = keras.layers.Conv2D(4, 3, padding="same", name="conv", **options)(inputs)
    x = keras.layers.Activation(activation, name="between")(x)
    x = ks.layers.UpsampleConv(6, activation=activation, name="up")(x)
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1)(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Keras warns of each lambda that it writes.
        folded = fold(model)
    image = np.random.default_rng(0).uniform(-1, 1, (2, 8, 12, 3)).astype("float32")
    expected = model.predict(image, verbose=0)
    np.testing.assert_allclose(folded.predict(image, verbose=0), expected, rtol=1e-4, atol=1e-4)
    for one in (folded, model):
        assert all(one.get_layer(name).activation is activation for name in ("conv", "between", "up"))
        assert one.get_layer("conv").kernel_regularizer is regularizer
        assert one.get_layer("conv").kernel_initializer is drawn


@pytest.mark.tensorflow_only
def test_a_dense_layer_with_such_a_function():
    patches = keras.Sequential(
        [keras.Input((6, 6, 2)), keras.layers.Flatten(), keras.layers.Dense(4, activation=hat), keras.layers.Dense(2)]
    )
    image = np.random.default_rng(0).uniform(-1, 1, (1, 6, 6, 2)).astype("float32")
    found = ks.surgery.convolutionalize(patches).predict(image, verbose=0)
    np.testing.assert_allclose(found[:, 0, 0], patches.predict(image, verbose=0), atol=1e-5)


@pytest.mark.tensorflow_only
def test_registered_functions_are_found_by_their_names():
    """An initializer of Keras is made again, as before: no two layers share one."""
    with keras.saving.custom_object_scope({"hat": hat}):
        layer = keras.layers.Conv2D(2, 1, activation=hat, kernel_initializer="he_normal")
        assert config_of(layer) == layer.get_config()
    assert config_of(layer)["activation"] is hat


class Remembering(keras.layers.Layer):
    """A layer whose configuration has a name of its own for its activation."""

    def __init__(self, kind="hat", **kwargs):
        super().__init__(**kwargs)
        self.kind, self.activation = kind, {"hat": hat}[kind]

    def get_config(self):
        return {**super().get_config(), "kind": self.kind, "activation": "mine"}

    @classmethod
    def from_config(cls, config):
        assert config.pop("activation") == "mine"
        return cls(**config)

    def call(self, x):
        return self.activation(x)


@pytest.mark.tensorflow_only
def test_configurations_that_hold_something_else_stay():
    inputs = keras.Input((8, 12, 3))
    copied = ks.surgery.fold_padding(keras.Model(inputs, Remembering(name="own")(inputs)))
    assert copied.get_layer("own").activation is hat


class Unwritten(keras.layers.Layer):
    """A layer without `get_config`, for which Keras writes numbers and texts only."""

    def __init__(self, values, **kwargs):
        super().__init__(**kwargs)
        self.values = values

    def call(self, x):
        return x


class Forgetful(keras.layers.Layer):
    """A layer whose configuration lacks an argument."""

    def __init__(self, values, **kwargs):
        super().__init__(**kwargs)

    def get_config(self):
        return super().get_config()

    def call(self, x):
        return x


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Unwritten, "Object Unwritten was created by passing"),
        (Forgetful, r"Forgetful.__init__\(\) missing 1 required positional argument: 'values'"),
    ],
)
def test_layers_that_cannot_be_copied(kind, reason):
    inputs = keras.Input((8, 12, 3))
    model = keras.Model(inputs, kind(np.ones(3), name="own")(inputs))
    for fold in FOLDS:
        with pytest.raises(InputError, match=rf"^`model` has a layer that cannot be copied \({reason}\)") as caught:
            fold(model)
        assert str(caught.value).endswith(
            f"Received: model='own ({kind.__name__})'. Its `get_config` must return the arguments of its constructor."
        )


@keras.saving.register_keras_serializable("tests")
class AnyArguments(keras.layers.Layer):
    def call(self, *images, **named):
        return sum(images) + sum(named.values())

    def compute_output_spec(self, *images, **named):
        return keras.KerasTensor((*images, *named.values())[0].shape)


def called_by_name():
    """A model, one of its layers a model, whose layers get their first argument by name."""
    inner_image = keras.Input((None, None, 4))
    inner = keras.Model(inner_image, keras.layers.ReLU()(keras.layers.BatchNormalization()(inputs=inner_image)))
    image = keras.Input((8, 8, 3))
    x = keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(inputs=image)
    x = keras.layers.Conv2D(4, 3, strides=2)(inputs=x)
    x = keras.layers.BatchNormalization()(inputs=x)
    x = inner(inputs=x)
    x = keras.layers.Conv2DTranspose(2, 2, strides=2, activation="relu")(inputs=x)
    x = AnyArguments()(image=x, other=x)
    return keras.Model(image, keras.ops.multiply(x1=x, x2=0.5))


@pytest.mark.parametrize(
    "change",
    [
        ks.surgery.fold_batch_norm,
        ks.surgery.fold_padding,
        ks.surgery.fold_upsampling,
        functools.partial(inference_graph, input_size=(8, 8)),
        gpu_form,
    ],
)
def test_first_arguments_by_name(change):
    model = random_weights.randomized(called_by_name())
    image = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 3)).astype("float32")
    result = change(model)
    np.testing.assert_allclose(result.predict(image, verbose=0), model.predict(image, verbose=0), rtol=1e-4, atol=1e-5)
    assert ks.analysis.multiply_adds(model) == 4 * 4 * 4 * 27 + 4 * 4 * 4 * 2 * 2 * 2  # Two convolutions.
