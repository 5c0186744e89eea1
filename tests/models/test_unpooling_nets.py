"""SegNet, SegNet-Basic and DeconvNet: parameters, the authors' geometry, PyTorch, training, saving and export."""

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg import _validation

FIVE = (4, 4, 6, 6, 8)
SMALL = {
    "SegNet": {"filters": FIVE},
    "SegNetBasic": {"filters": 4, "depth": 3},
    "DeconvNet": {"filters": FIVE, "fc_filters": 10},
}


def small(name, **kwargs):
    return ks.models.build(name, **{"num_classes": 3, **SMALL[name], **kwargs})


def noise(*shape):
    return np.random.default_rng(0).uniform(0, 255, size=shape).astype("float32")


def randomize(model):
    """Statistics and offsets other than those a net starts with, which would hide what they do."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = (w.shape for w in layer.get_weights())
            layer.set_weights(
                [
                    rng.uniform(0.8, 1.2, gamma),
                    rng.normal(0, 0.3, beta),
                    rng.normal(0, 0.3, mean),
                    rng.uniform(0.5, 2, variance),
                ]
            )
        elif layer.weights:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, rng.normal(0, 0.1, bias.shape)])
    return model


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "name, classes, parameters",
    [("SegNet", 11, 29_449_355), ("SegNetBasic", 11, 1_416_587), ("DeconvNet", 21, 251_805_653)],
)
def test_parameters_of_the_published_models(name, classes, parameters, monkeypatch):
    # A gigabyte of random numbers is not what is tested.
    monkeypatch.setattr(keras.initializers.HeNormal, "__call__", lambda self, *args, **kw: keras.ops.zeros(*args, **kw))
    model = ks.models.build(name, num_classes=classes)
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == parameters
    normalizations = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(normalizations) == {"SegNet": 25, "SegNetBasic": 8, "DeconvNet": 29}[name]


def sizes(model, names):
    shapes = [keras.tree.flatten(model.get_layer(name).output)[0].shape for name in names]
    return [tuple(shape[1:3]) for shape in shapes]


@pytest.mark.tensorflow_only
def test_geometry_of_segnet():
    model = small("SegNet", input_shape=(360, 480, 3))
    down = [(180, 240), (90, 120), (45, 60), (23, 30), (12, 15)]
    assert sizes(model, [f"block{n}_pool" for n in range(1, 6)]) == down
    assert sizes(model, [f"unpool{n}" for n in range(5, 0, -1)]) == [*down[-2::-1], (360, 480)]
    decoder = [
        [layer.filters for layer in model.layers if layer.name[:-1] == f"decoder{n}_conv"] for n in range(5, 0, -1)
    ]
    assert decoder == [[8, 8, 6], [6, 6, 6], [6, 6, 4], [4, 4], [4]]
    assert model.get_layer("logits").kernel_size == (3, 3)


@pytest.mark.tensorflow_only
def test_geometry_of_segnet_basic():
    model = small("SegNetBasic", input_shape=(360, 480, 3), depth=4)
    assert sizes(model, [f"pool{n}" for n in range(1, 5)]) == [(180, 240), (90, 120), (45, 60), (23, 30)]
    assert sizes(model, [f"unpool{n}" for n in range(4, 0, -1)]) == [(45, 60), (90, 120), (180, 240), (360, 480)]
    activations = [layer.name for layer in model.layers if layer.name.endswith("relu")]
    assert activations == [f"encoder{n}_relu" for n in range(1, 5)]
    assert model.get_layer("logits").kernel_size == (1, 1)


@pytest.mark.tensorflow_only
def test_geometry_of_deconvnet():
    model = small("DeconvNet", input_shape=(224, 224, 3), padding="valid", filters=(4, 5, 6, 7, 8))
    names = ["block5_pool", "fc6", "fc7", "fc6_deconv", *(f"unpool{n}" for n in range(5, 0, -1))]
    assert [height for height, _ in sizes(model, names)] == [7, 1, 1, 7, 14, 28, 56, 112, 224]
    deconvolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2DTranspose)]
    assert [layer.filters for layer in deconvolutions] == [8, 8, 8, 7, 7, 7, 6, 6, 6, 5, 5, 4, 4, 4]
    assert [layer.kernel_size for layer in deconvolutions] == [(7, 7)] + [(3, 3)] * 13
    assert sum(layer.name.endswith("_relu") for layer in model.layers) == 29


class Torch:
    """The same weights under PyTorch's own layers, in float64."""

    def __init__(self, model):
        self.torch = pytest.importorskip("torch")
        self.functional = self.torch.nn.functional
        self.weights = {
            layer.name: [self.torch.tensor(w).double() for w in layer.get_weights()] for layer in model.layers
        }
        self.epsilon = 1e-3  # Keras' BatchNormalization.
        self.switches = []

    def convolve(self, x, name, relu=True, normalize=True, padding="same"):
        kernel, bias = self.weights[name]
        x = self.functional.conv2d(x, kernel.permute(3, 2, 0, 1), bias, padding=padding)
        return self.normalize(x, name, relu) if normalize else x

    def deconvolve(self, x, name, padding):
        kernel, bias = self.weights[name]
        x = self.functional.conv_transpose2d(x, kernel.permute(3, 2, 0, 1), bias, padding=padding)
        return self.normalize(x, name)

    def normalize(self, x, name, relu=True):
        gamma, beta, mean, variance = self.weights[f"{name}_norm"]
        x = self.functional.batch_norm(x, mean, variance, gamma, beta, eps=self.epsilon)
        return x.relu() if relu else x

    def pool(self, x):
        pooled, indices = self.torch.nn.MaxPool2d(2, return_indices=True, ceil_mode=True)(x)
        self.switches.append((indices, x.shape[2:]))
        return pooled

    def unpool(self, x):
        indices, size = self.switches.pop()
        return self.torch.nn.MaxUnpool2d(2)(x, indices, output_size=size)

    def vgg16(self, image):
        """The encoder, from raw RGB."""
        x = image.flip(1) - self.torch.tensor([103.939, 116.779, 123.68])[:, None, None]
        for block, count in enumerate((2, 2, 3, 3, 3), start=1):
            for index in range(1, count + 1):
                x = self.convolve(x, f"block{block}_conv{index}")
            x = self.pool(x)
        return x


def segnet(net, image):
    x = net.vgg16(image)
    for block, count in ((5, 3), (4, 3), (3, 3), (2, 2), (1, 1)):
        x = net.unpool(x)
        for index in range(1, count + 1):
            x = net.convolve(x, f"decoder{block}_conv{index}")
    return net.convolve(x, "logits", normalize=False)


def segnet_basic(net, image):
    x = net.torch.nn.LocalResponseNorm(5, 1e-4, 0.75)(image)
    for level in (1, 2, 3):
        x = net.pool(net.convolve(x, f"encoder{level}"))
    for level in (3, 2, 1):
        x = net.convolve(net.unpool(x), f"decoder{level}", relu=False)
    return net.convolve(x, "logits", normalize=False)


def deconvnet(net, image, padding="same"):
    x = net.convolve(net.vgg16(image), "fc6", padding=padding)
    x = net.convolve(x, "fc7")
    x = net.deconvolve(x, "fc6_deconv", 3 if padding == "same" else 0)
    for block, count in ((5, 3), (4, 3), (3, 3), (2, 2), (1, 2)):
        x = net.unpool(x)
        for index in range(1, count + 1):
            x = net.deconvolve(x, f"deconv{block}_{index}", 1)
    return net.convolve(x, "logits", normalize=False)


def valid_deconvnet(net, image):
    return deconvnet(net, image, "valid")


@pytest.mark.parametrize(
    "name, reference, size, kwargs",
    [
        ("SegNet", segnet, (45, 60), {}),
        ("SegNetBasic", segnet_basic, (45, 60), {}),
        ("DeconvNet", deconvnet, (45, 60), {}),
        # 193 is the smallest, and 225 one more than the authors' size.
        pytest.param("DeconvNet", valid_deconvnet, (193, 225), {"padding": "valid"}, marks=pytest.mark.slow),
    ],
    ids=["SegNet", "SegNetBasic", "DeconvNet", "DeconvNet-valid"],
)
def test_equals_torch(name, reference, size, kwargs):
    """At odd sizes, with the size known only when the image comes; the probabilities."""
    model = randomize(small(name, **kwargs))
    image = noise(2, *size, 3)
    net = Torch(model)
    expected = reference(net, net.torch.tensor(image).double().permute(0, 3, 1, 2)).softmax(1).permute(0, 2, 3, 1)
    assert expected.std(dim=(0, 1, 2)).max() > 1e-2
    np.testing.assert_allclose(model.predict(image, verbose=0), expected.numpy(), atol=1e-4)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("name", [pytest.param("SegNet", marks=pytest.mark.slow), "SegNetBasic", "DeconvNet"])
def test_any_size(name):
    """A single pixel; the test above has 45x60."""
    model = small(name)
    assert model.output_shape == (None, None, None, 3)
    scores = model.predict(noise(2, 1, 1, 3), verbose=0)
    assert scores.shape == (2, 1, 1, 3)
    np.testing.assert_allclose(scores.sum(-1), 1, rtol=1e-5)


MIXED = "mixed_bfloat16" if keras.backend.backend() == "torch" else "mixed_float16"  # PyTorch's CPU has no float16.


@pytest.mark.thorough
@pytest.mark.parametrize(
    "name, policy",
    [
        ("SegNetBasic", "float32"),
        ("SegNetBasic", MIXED),
        pytest.param("SegNet", "float32", marks=pytest.mark.slow),
        pytest.param("SegNet", MIXED, marks=pytest.mark.slow),
        pytest.param("DeconvNet", "float32", marks=pytest.mark.slow),
        pytest.param("DeconvNet", MIXED, marks=pytest.mark.slow),
    ],
)
def test_a_training_step(name, policy):
    """The first and the last convolution both move: the gradient passes through all the unpoolings."""
    keras.config.set_dtype_policy(policy)
    model = small(name, **({"depth": 2} if name == "SegNetBasic" else {}))
    assert keras.backend.standardize_dtype(model.output.dtype) == "float32"
    model.compile(keras.optimizers.Adam(0.01), loss=ks.losses.Crossentropy(ignore_class=255))
    batch = noise(2, 37, 50, 3), np.random.default_rng(1).choice([0, 1, 2, 255], size=(2, 37, 50))
    first = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    before = first.get_weights()[0], model.get_layer("logits").get_weights()[0]
    for _ in range(20):  # In float16, steps are skipped until the loss scale has come down.
        assert np.isfinite(model.train_on_batch(*batch))
        after = first.get_weights()[0], model.get_layer("logits").get_weights()[0]
        assert all(np.isfinite(kernel).all() for kernel in after)
        if not any(np.array_equal(*pair) for pair in zip(before, after, strict=True)):
            break
    else:
        pytest.fail("nothing was learned")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, kwargs",
    [
        ("SegNetBasic", {"dropout": 0.5}),
        pytest.param("SegNetBasic", {"normalization": "scaling"}, marks=pytest.mark.tensorflow_only),
        pytest.param("SegNet", {"dropout": 0.5}, marks=pytest.mark.tensorflow_only),
        pytest.param("DeconvNet", {}, marks=pytest.mark.tensorflow_only),
        pytest.param("DeconvNet", {"padding": "valid"}, marks=[pytest.mark.tensorflow_only, pytest.mark.slow]),
    ],
)
def test_saves_and_reloads(name, kwargs, tmp_path):
    model = randomize(small(name, **kwargs))
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    image = noise(2, *((193, 193) if "padding" in kwargs else (45, 60)), 3)
    np.testing.assert_allclose(
        reloaded.predict(image, verbose=0), model.predict(image, verbose=0), rtol=1e-5, atol=1e-6
    )


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports are made on the TensorFlow backend")
@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "name, shape",
    [
        ("SegNetBasic", (45, 60, 3)),
        *[pytest.param(name, (None, None, 3), marks=pytest.mark.slow) for name in SMALL],
        *[pytest.param(name, (45, 60, 3), marks=pytest.mark.slow) for name in ("SegNet", "DeconvNet")],
    ],
)
def test_exports(name, shape, tmp_path):
    """`ks.export.tflite` itself refuses operators that are not built in."""
    model = randomize(small(name, input_shape=shape))
    assert ks.export.tflite(model, tmp_path / "m.tflite", input_size=(45, 60)).max_abs_difference < 1e-4
    assert ks.export.saved_model(model, tmp_path / "sm").max_abs_difference < 1e-4


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports are made on the TensorFlow backend")
@pytest.mark.tensorflow_only
@pytest.mark.slow
def test_exports_deconvnet_as_published(tmp_path):
    model = randomize(small("DeconvNet", input_shape=(224, 224, 3), padding="valid"))
    assert ks.export.tflite(model, tmp_path / "m.tflite").max_abs_difference < 1e-4


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "name, expected",
    [
        ("SegNet", [("block3_pool", 3), ("block4_pool", 4), ("block5_pool", 5), ("decoder5_conv3_relu", 5),
                    ("decoder4_conv3_relu", 4), ("decoder3_conv3_relu", 3)]),
        ("SegNetBasic", [("pool3", 3), ("pool4", 4), ("decoder4_norm", 4), ("decoder3_norm", 3)]),
    ],
)  # fmt: skip
def test_where_the_bayesian_models_drop(name, expected):
    """encdrop3 to 5 and decdrop5 to 3 of bayesian_segnet_train.prototxt; 3, 4, 4, 3 of the basic one."""
    depth = {"depth": 4} if name == "SegNetBasic" else {}
    model = small(name, dropout=0.5, **depth)
    dropouts = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert [layer.input._keras_history.operation.name for layer in dropouts] == [before for before, _ in expected]
    assert [layer.rate for layer in dropouts] == [0.5] * len(expected)
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in small(name, **depth).layers)
    assert model.count_params() - 2 * len(dropouts) <= small(name, **depth).count_params()  # But for their seeds.


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("name", [pytest.param("SegNet", marks=pytest.mark.slow), "SegNetBasic"])
def test_uncertainty_of_the_bayesian_models(name):
    model = small(name, dropout=0.5)
    mean, variance = ks.inference.mc_dropout(model, noise(1, 45, 60, 3), samples=3)
    assert mean.shape == variance.shape == (1, 45, 60, 3)
    assert variance.max() > 1e-6


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("name, layers", [("SegNet", 13), ("DeconvNet", 15)])
def test_weights_of_vgg16(name, layers):
    """FCN-32s has VGG16's layers; those of a classifier go the same way (tests of transfer_weights)."""
    source = ks.models.FCN32s(num_classes=5, filters=FIVE, fc_filters=10)
    model = small(name)
    copied = ks.models.transfer_weights(source, model)
    assert len(copied) == layers
    for layer in copied:
        for mine, theirs in zip(
            model.get_layer(layer).get_weights(), source.get_layer(layer).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.tensorflow_only
def test_normalization_of_the_image():
    """Local response by hand, scaling to -1..1, and neither."""
    image = noise(1, 16, 16, 3)
    energy = (image.astype("float64") ** 2).sum(-1, keepdims=True)
    by_hand = {"local_response": image / (1 + 2e-5 * energy) ** 0.75, "scaling": image / 127.5 - 1}
    bare = small("SegNetBasic", include_preprocessing=False)
    for normalization, normalized in by_hand.items():
        model = small("SegNetBasic", normalization=normalization)
        model.set_weights(bare.get_weights())
        np.testing.assert_allclose(model.predict(image, verbose=0), bare.predict(normalized, verbose=0), atol=1e-5)


@pytest.mark.slow
def test_too_small_for_a_valid_deconvnet():
    for shape in ((192, 224, 3), (None, 100, 3)):
        with pytest.raises(
            _validation.InputError, match="`input_shape` must have sides of at least 193.*padding='same'"
        ):
            small("DeconvNet", padding="valid", input_shape=shape)
    with pytest.raises(_validation.InputError, match=r"Nearest: \(193, 224\)\.$") as caught:
        small("DeconvNet", padding="valid", input_shape=(100, 224, 3))
    assert "\n" not in str(caught.value)
    assert small("DeconvNet", padding="valid", input_shape=(193, 193, 3)).output_shape == (None, 193, 193, 3)
    with pytest.raises(ValueError, match=r"Nearest: \(193, 200\)"):
        small("DeconvNet", padding="valid")(noise(1, 64, 200, 3))


@pytest.mark.parametrize(
    "name, kwargs, message",
    [
        ("SegNet", {"filters": (4, 8)}, "`filters` must hold five integers"),
        ("SegNet", {"dropout": 1.0}, "`dropout` must be a finite number in"),
        ("SegNet", {"num_classes": 1}, "Pass num_classes=2, or activation='sigmoid'"),
        ("SegNetBasic", {"filters": (4, 8)}, "`filters` must be an integer of at least 1"),
        ("SegNetBasic", {"depth": 0}, "`depth` must be an integer of at least 1"),
        ("SegNetBasic", {"kernel_size": 6}, "`kernel_size` must be odd"),
        ("SegNetBasic", {"normalization": "local-response"}, "Did you mean 'local_response'"),
        ("SegNetBasic", {"depth": 2, "dropout": 0.5}, "`dropout` must be 0 with depth=2"),
        (
            "SegNetBasic",
            {"normalization": "scaling", "include_preprocessing": False},
            "`normalization` has no effect with include_preprocessing=False",
        ),
        ("DeconvNet", {"padding": "Valid"}, "`padding` is not a known option.*Did you mean 'valid'"),
        ("DeconvNet", {"fc_filters": 0}, "`fc_filters` must be an integer of at least 1"),
    ],
)
def test_bad_arguments(name, kwargs, message):
    with pytest.raises(_validation.InputError, match=message) as caught:
        small(name, **kwargs)
    assert "\n" not in str(caught.value)


def test_by_name():
    assert {"SegNet", "SegNetBasic", "DeconvNet"} <= set(ks.models.names())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SegNet", "SegNetBasic"])
def test_learns(name):
    """Squares of another color than their ground, 17 % of the pixels: of new images over 95 % are right."""
    rng = np.random.default_rng(0)

    def scenes(count):
        masks = np.zeros((count, 48, 48), "int32")
        for mask in masks:
            top, left = rng.integers(0, 28, size=2)
            mask[top : top + 20, left : left + 20] = 1
        images = np.where(masks[..., None] == 1, [200, 80, 60], [60, 90, 160]) + rng.normal(0, 30, (count, 48, 48, 3))
        return np.clip(images, 0, 255).astype("float32"), masks

    filters = {"filters": (16,) * 5 if name == "SegNet" else 8}
    model = small(name, num_classes=2, **filters)
    model.compile(keras.optimizers.Adam(3e-3), loss=ks.losses.Crossentropy())
    for _ in range(100):
        model.train_on_batch(*scenes(8))
    images, masks = scenes(8)
    assert (model.predict(images, verbose=0).argmax(-1) == masks).mean() > 0.95
