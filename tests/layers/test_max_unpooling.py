"""Max pooling with indices and unpooling: by hand, against torch, Keras, TensorFlow and loops in NumPy."""

import keras
import numpy as np
import pytest
from gradients import compiled, gradient, numeric_gradient
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from layer_harness import check_layer, outputs

import keras_seg as ks
from keras_seg import _validation
from keras_seg.layers import (
    MaxPoolingWithArgmax2D,
    MaxUnpooling2D,
    export_form,
    from_tf_argmax,
    from_torch_indices,
    to_tf_argmax,
    to_torch_indices,
    windows,
)

on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs the TensorFlow backend")

LECTURE = np.array([[1, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]], "float32").reshape(1, 4, 4, 1)


def maps(kind, size, channels=3, seed=0):
    """Random, tied, negative or special values."""
    rng = np.random.default_rng(seed)
    shape = (2, *size, channels)
    if kind == "tied":
        return rng.integers(-1, 2, shape).astype("float32")
    if kind == "special":
        return rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0], shape).astype("float32")
    values = rng.normal(size=shape).astype("float32")
    return -np.abs(values) if kind == "negative" else values


def run(layer, inputs):
    result = outputs(layer(inputs))
    return result if len(result) > 1 else result[0]


def distinct(size, channels=2, seed=0):
    """Values at least 0.1 apart, so that a small step changes no maximum."""
    shape = (1, *size, channels)
    return 0.1 * np.random.default_rng(seed).permutation(np.prod(shape)).reshape(shape)


def torch_pool_and_unpool(x, pool_size, padding):
    """(pooled, indices in torch's convention, unpooled to the size of x), the maps channels last."""
    torch = pytest.importorskip("torch")
    x = torch.tensor(x).permute(0, 3, 1, 2)
    pool = torch.nn.MaxPool2d(pool_size, ceil_mode=padding == "same", return_indices=True)
    pooled, indices = pool(x)
    unpooled = torch.nn.MaxUnpool2d(pool_size)(pooled, indices, output_size=x.shape)
    return pooled.permute(0, 2, 3, 1).numpy(), indices.numpy(), unpooled.permute(0, 2, 3, 1).numpy()


def assert_equals_torch(x, pool_size, padding):
    expected, expected_indices, expected_map = torch_pool_and_unpool(x, pool_size, padding)
    pooled, indices = run(MaxPoolingWithArgmax2D(pool_size, padding=padding), x)
    np.testing.assert_array_equal(pooled, expected)
    assert indices.dtype == "int32"
    np.testing.assert_array_equal(
        to_torch_indices(indices, x.shape[1:3], pool_size=pool_size, padding=padding), expected_indices
    )
    np.testing.assert_array_equal(run(MaxUnpooling2D(pool_size), [pooled, indices, x]), expected_map)
    np.testing.assert_array_equal(
        from_torch_indices(expected_indices, x.shape[1:3], pool_size=pool_size, padding=padding), indices
    )


def slow_same_pool(x, pool_size):
    """(pooled, (y, x) of the maxima) of TensorFlow's "same" pooling, one window at a time."""
    batch, height, width, channels = x.shape
    rows, columns = (-(-n // k) for n, k in zip((height, width), pool_size, strict=True))
    top, left = (rows * pool_size[0] - height) // 2, (columns * pool_size[1] - width) // 2
    pooled = np.zeros((batch, rows, columns, channels), x.dtype)
    places = np.zeros((batch, rows, columns, channels, 2), int)
    for b, r, c, channel in np.ndindex(pooled.shape):
        y0, x0 = r * pool_size[0] - top, c * pool_size[1] - left
        cells = [
            (y, z)
            for y in range(max(y0, 0), min(y0 + pool_size[0], height))
            for z in range(max(x0, 0), min(x0 + pool_size[1], width))
        ]
        values = [x[b, y, z, channel] for y, z in cells]
        nans = [n for n, value in enumerate(values) if np.isnan(value)]
        best = nans[-1] if nans else int(np.argmax(values))
        pooled[b, r, c, channel], places[b, r, c, channel] = values[best], cells[best]
    return pooled, places


def test_golden():
    pooled, indices = run(MaxPoolingWithArgmax2D(), LECTURE)
    assert pooled.ravel().tolist() == [5, 6, 7, 8]
    assert to_tf_argmax(indices, 4).ravel().tolist() == [5, 2, 12, 15]
    unpooled = run(MaxUnpooling2D(), [np.array([1.0, 2, 3, 4], "float32").reshape(1, 2, 2, 1), indices])
    assert unpooled[0, :, :, 0].astype(int).tolist() == [[0, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0], [3, 0, 0, 4]]


def test_the_first_of_equals_wins():
    _, indices = run(MaxPoolingWithArgmax2D(), np.array([[0, 1], [1, 1]], "float32").reshape(1, 2, 2, 1))
    assert indices.ravel().tolist() == [1]
    _, indices = run(MaxPoolingWithArgmax2D(3), np.zeros((1, 3, 3, 1), "float32"))
    assert indices.ravel().tolist() == [0]


@pytest.mark.parametrize("kind", ["random", "tied", "negative", "special"])
@pytest.mark.parametrize(
    "pool_size, padding",
    [(2, "valid"), (2, "same"), (3, "valid"), ((2, 3), "valid"), ((1, 2), "same"), ((2, 1), "same"), (1, "valid")],
)
@pytest.mark.parametrize("size", [(4, 6), (5, 7), (3, 3), (9, 8)])
def test_equals_torch(size, pool_size, padding, kind):
    assert_equals_torch(maps(kind, size), pool_size, padding)


@settings(deadline=None, max_examples=10)
@given(
    height=st.integers(2, 12),
    width=st.integers(2, 12),
    kind=st.sampled_from(["random", "tied", "negative", "special"]),
    padding=st.sampled_from(["valid", "same"]),
    seed=st.integers(0, 1000),
)
@pytest.mark.slow_off_tensorflow
def test_equals_torch_at_any_size(height, width, kind, padding, seed):
    assert_equals_torch(maps(kind, (height, width), channels=2, seed=seed), 2, padding)


@pytest.mark.parametrize("kind", ["random", "tied", "negative", "special"])
@pytest.mark.parametrize("pool_size", [(2, 2), (3, 3), (4, 3), (5, 2)])
@pytest.mark.parametrize("size", [(7, 7), (4, 5), (1, 1), (8, 10), (6, 9)])
def test_same_padding_is_that_of_keras(size, pool_size, kind):
    """Larger pools are centered, where torch's ceil mode is not: the reference is a loop, checked against Keras."""
    x = maps(kind, size)
    pooled, places = slow_same_pool(x, pool_size)
    if kind != "special":  # Keras' own answers to NaN differ between backends.
        theirs = keras.layers.MaxPooling2D(pool_size, padding="same", data_format="channels_last")(x)
        np.testing.assert_array_equal(ops.convert_to_numpy(theirs), pooled)
    ours, indices = run(MaxPoolingWithArgmax2D(pool_size, padding="same"), x)
    np.testing.assert_array_equal(ours, pooled)
    positions = to_torch_indices(indices, size, pool_size=pool_size, padding="same").transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(positions, places[..., 0] * size[1] + places[..., 1])
    expected = np.zeros_like(x)
    for b, r, c, channel in np.ndindex(pooled.shape):
        expected[(b, *places[b, r, c, channel], channel)] = pooled[b, r, c, channel]
    np.testing.assert_array_equal(run(MaxUnpooling2D(pool_size), [ours, indices, x]), expected)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("include_batch", [True, False])
def test_converts_to_tensorflow_and_back(padding, include_batch):
    tf = pytest.importorskip("tensorflow")
    for pool_size, size in ((2, (6, 8)), (2, (5, 7)), (3, (7, 7)), (3, (8, 5))):
        x = maps("tied", size)
        _, argmax = tf.nn.max_pool_with_argmax(
            x, pool_size, pool_size, padding.upper(), include_batch_in_index=include_batch
        )
        _, indices = run(MaxPoolingWithArgmax2D(pool_size, padding=padding), x)
        np.testing.assert_array_equal(
            to_tf_argmax(indices, size, pool_size=pool_size, padding=padding, include_batch_in_index=include_batch),
            argmax.numpy(),
        )
        np.testing.assert_array_equal(
            from_tf_argmax(argmax, size, pool_size=pool_size, padding=padding, include_batch_in_index=include_batch),
            indices,
        )


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("pool_size", [2, 3, (2, 3)])
def test_pooling_what_was_unpooled(padding, pool_size):
    x = np.abs(maps("random", (7, 8)))
    pool = MaxPoolingWithArgmax2D(pool_size, padding=padding)
    pooled, indices = run(pool, x)
    again, again_indices = run(pool, run(MaxUnpooling2D(pool_size), [pooled, indices, x]))
    np.testing.assert_array_equal(again, pooled)
    np.testing.assert_array_equal(again_indices, indices)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_half_precision_is_exact(dtype, padding):
    """Nothing is computed, only chosen: the float32 result of the same values."""
    x = ops.convert_to_numpy(ops.cast(ops.cast(maps("random", (5, 7)), dtype), "float32"))
    pooled, indices = run(MaxPoolingWithArgmax2D(2, padding=padding), x)
    unpooled = run(MaxUnpooling2D(2), [pooled, indices, x])
    half = ops.cast(x, dtype)
    half_pooled, half_indices = MaxPoolingWithArgmax2D(2, padding=padding, dtype=dtype)(half)
    half_unpooled = MaxUnpooling2D(2, dtype=dtype)([half_pooled, half_indices, half])
    assert keras.backend.standardize_dtype(half_pooled.dtype) == dtype
    assert keras.backend.standardize_dtype(half_unpooled.dtype) == dtype
    assert keras.backend.standardize_dtype(half_indices.dtype) == "int32"
    np.testing.assert_array_equal(ops.convert_to_numpy(half_indices), indices)
    np.testing.assert_array_equal(ops.convert_to_numpy(ops.cast(half_pooled, "float32")), pooled)
    np.testing.assert_array_equal(ops.convert_to_numpy(ops.cast(half_unpooled, "float32")), unpooled)


CASES = [((4, 6), 2, "valid"), ((5, 3), 2, "same"), ((5, 3), 2, "valid"), ((7, 5), 3, "same"), ((4, 6), (2, 3), "same")]


@pytest.mark.parametrize("in_graph", [False, True])
@pytest.mark.parametrize("size, pool_size, padding", CASES)
def test_pooling_gradient(size, pool_size, padding, in_graph):
    x = distinct(size)
    layer = MaxPoolingWithArgmax2D(pool_size, padding=padding)
    weights = np.random.default_rng(1).normal(size=layer.compute_output_shape(x.shape)[0]).astype("float32")
    function = (compiled if in_graph else (lambda f: f))(lambda v: ops.sum(ops.multiply(layer(v)[0], weights)))
    expected = numeric_gradient(lambda v: float((run(layer, v.astype("float32"))[0] * weights).sum()), x, step=0.01)
    np.testing.assert_allclose(gradient(function, x), expected, atol=1e-3)


@pytest.mark.parametrize("in_graph", [False, True])
@pytest.mark.parametrize("size, pool_size, padding", CASES)
def test_unpooling_gradient(size, pool_size, padding, in_graph):
    x = distinct(size).astype("float32")
    pooled, indices = run(MaxPoolingWithArgmax2D(pool_size, padding=padding), x)
    layer = MaxUnpooling2D(pool_size)
    weights = np.random.default_rng(1).normal(size=x.shape).astype("float32")
    function = (compiled if in_graph else (lambda f: f))(
        lambda v: ops.sum(ops.multiply(layer([v, indices, x]), weights))
    )
    expected = numeric_gradient(
        lambda v: float((run(layer, [v.astype("float32"), indices, x]) * weights).sum()), pooled, step=1.0
    )
    np.testing.assert_allclose(gradient(function, pooled), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_gradient_goes_to_the_first_of_equals(dtype):
    ours = gradient(lambda v: ops.sum(MaxPoolingWithArgmax2D(dtype=dtype)(v)[0]), np.ones((1, 2, 4, 1)), dtype)
    assert ours.reshape(2, 4).tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_gradient_through_both_and_a_skip(padding):
    """d/dx sum(w * unpool(pool(x))) is w at the maxima: checked at a tied, odd-sized map in one call."""
    x = maps("tied", (5, 7))
    weights = np.random.default_rng(1).normal(size=x.shape).astype("float32")
    pool, unpool = MaxPoolingWithArgmax2D(2, padding=padding), MaxUnpooling2D(2)
    ours = gradient(lambda v: ops.sum(ops.multiply(unpool([*pool(v), v]), weights)), x)
    pooled, indices = run(pool, x)
    mask = run(unpool, [np.ones_like(pooled), indices, x])
    np.testing.assert_array_equal(ours, weights * mask)


@on_tensorflow
@pytest.mark.tensorflow_only
def test_second_gradient():
    """The gradient of the sum of squares is 2x at the maxima; the gradient of the sum of its squares 8x there."""
    import tensorflow as tf

    x = tf.constant(distinct((4, 6)), "float32")
    pool = MaxPoolingWithArgmax2D()
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            value = tf.reduce_sum(pool(x)[0] ** 2)
        first = inner.gradient(value, x)
        value = tf.reduce_sum(first**2)
    pooled, indices = pool(x)
    np.testing.assert_allclose(outer.gradient(value, x), 8 * MaxUnpooling2D()([pooled, indices]), rtol=1e-6)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("pool_size", [2, (3, 2)])
@pytest.mark.parametrize("size", [(6, 8), (5, 7)])
def test_contracts(size, pool_size, padding, tmp_path):
    x = np.random.default_rng(0).integers(-64, 64, (2, *size, 3)).astype("float32")  # Exact in half precision.
    pooled, indices = check_layer(MaxPoolingWithArgmax2D(pool_size, padding=padding), x, tmp_path)
    check_layer(MaxUnpooling2D(pool_size), [pooled, indices], tmp_path)
    check_layer(MaxUnpooling2D(pool_size), [pooled, indices, x], tmp_path)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("pool_size", [2, 3])
def test_unknown_sizes(padding, pool_size):
    model = pool_and_unpool((None, None, 3), pool_size, padding)
    assert model.output_shape == (None, None, None, 3)
    for size in ((6, 6), (7, 8), (4, 5), (9, 3)):
        for kind in ("tied", "special"):
            x = maps(kind, size)
            pooled, indices = run(MaxPoolingWithArgmax2D(pool_size, padding=padding), x)
            expected = run(MaxUnpooling2D(pool_size), [pooled, indices, x])
            np.testing.assert_array_equal(model.predict(x, verbose=0), expected)


def pool_and_unpool(shape, pool_size=2, padding="same"):
    inputs = keras.Input(shape)
    pooled, indices = MaxPoolingWithArgmax2D(pool_size, padding=padding)(inputs)
    return keras.Model(inputs, MaxUnpooling2D(pool_size)([pooled, indices, inputs]))


def encoder_and_decoder(size=(None, None)):
    """A small SegNet."""
    image = keras.Input((*size, 3))
    x = first = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(image)
    x, indices = MaxPoolingWithArgmax2D(padding="same")(x)
    x = second = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x, more_indices = MaxPoolingWithArgmax2D(padding="same")(x)
    x = MaxUnpooling2D()([x, more_indices, second])
    x = keras.layers.Conv2D(8, 3, padding="same")(x)
    x = MaxUnpooling2D()([x, indices, first])
    return keras.Model(image, keras.layers.Conv2D(4, 3, padding="same", activation="softmax")(x))


def test_a_model_trains():
    """Through fit, with a trainable layer before each pooling: its variables must not confuse the gradients."""
    model = encoder_and_decoder((10, 14))
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(8, 10, 14, 3)), rng.integers(0, 4, (8, 10, 14))
    model.compile(keras.optimizers.Adam(1e-2), ks.losses.Crossentropy())
    before = [w.copy() for w in model.get_weights()]
    history = model.fit(images, labels, batch_size=3, epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert all(np.abs(old - new).max() > 0 for old, new in zip(before, model.get_weights(), strict=True))


@on_tensorflow
@pytest.mark.tensorflow_only
class TestForms:
    """The compiled and the portable form, on TensorFlow."""

    @pytest.mark.parametrize("kind", ["random", "tied", "negative", "special"])
    @pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
    @pytest.mark.parametrize("size, pool_size, padding", CASES)
    def test_are_equal(self, size, pool_size, padding, dtype, kind):
        import tensorflow as tf

        x = tf.cast(maps(kind, size), dtype)
        pool = MaxPoolingWithArgmax2D(pool_size, padding=padding, dtype=dtype)
        unpool = MaxUnpooling2D(pool_size, dtype=dtype)

        def results(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                pooled, indices = pool(x)
                unpooled = unpool([pooled, indices, x])
            upstream = tf.cast(tf.reshape(tf.range(tf.size(x)), x.shape), dtype)
            return pooled, indices, unpooled, tape.gradient(unpooled, x, upstream)

        def portable(x):
            with export_form.portable():
                return results(x)

        for form in (results, tf.function(results), portable, tf.function(portable)):
            for expected, result in zip(results(x), form(x), strict=True):
                np.testing.assert_array_equal(tf.cast(expected, "float32"), tf.cast(result, "float32"))

    @pytest.mark.parametrize("kind", ["random", "tied", "negative"])
    @pytest.mark.parametrize("choosing", ["selections", "products"])
    @pytest.mark.parametrize("size, pool_size, padding", CASES)
    def test_exported_forms(self, size, pool_size, padding, choosing, kind):
        """Four axes at most, and for the GPUs of phones no selections either."""
        import tensorflow as tf

        x = tf.constant(maps(kind, size))
        pool, unpool = MaxPoolingWithArgmax2D(pool_size, padding=padding), MaxUnpooling2D(pool_size)

        def results(x):
            pooled, indices = pool(x)
            return pooled, indices, unpool([pooled, indices, x])

        def exported(x):
            with export_form.portable(choosing=choosing):
                return results(x)

        function = tf.function(exported).get_concrete_function(tf.TensorSpec(x.shape, x.dtype))
        for expected, result in zip(results(x), function(x), strict=True):
            np.testing.assert_array_equal(expected, result)
        nodes = function.graph.get_operations()
        assert max(output.shape.rank for node in nodes for output in node.outputs) <= 4
        kinds = {node.type for node in nodes}
        assert ("SelectV2" in kinds) == (choosing == "selections")
        assert choosing == "selections" or not kinds & {"Pack", "LogicalOr", "NotEqual"}

    @pytest.mark.parametrize("size, pool_size, padding", CASES)
    def test_gradient_at_unknown_sizes(self, size, pool_size, padding):
        import tensorflow as tf

        pool, unpool = MaxPoolingWithArgmax2D(pool_size, padding=padding), MaxUnpooling2D(pool_size)

        def backward(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                outputs = unpool([*pool(x), x]) ** 3
            return tape.gradient(outputs, x)

        x = tf.constant(maps("tied", size))
        dynamic = tf.function(backward, input_signature=[tf.TensorSpec((None, None, None, 3))])
        np.testing.assert_array_equal(dynamic(x), backward(x))

    def test_the_compiled_form_is_the_one_that_ran(self, monkeypatch):
        """Guards the test above, and the speed."""
        import tensorflow as tf

        calls = []
        monkeypatch.setattr(windows, "_eager_sizes", set())
        original = windows._compiled
        monkeypatch.setattr(windows, "_compiled", lambda *args: calls.append(args[0].__name__) or original(*args))
        x = maps("random", (4, 6))
        gradient(lambda v: ops.sum(MaxUnpooling2D()(MaxPoolingWithArgmax2D()(v)) ** 2), x)
        assert calls == ["_first_maximum", "_place_broadcast", "_pick", "_place_broadcast"]
        calls.clear()
        with export_form.portable():
            MaxUnpooling2D()(MaxPoolingWithArgmax2D()(x))
        dynamic = tf.function(pool_and_unpool((None, None, 3)), input_signature=[tf.TensorSpec((None, None, None, 3))])
        dynamic(x)
        assert calls == []

    def test_new_sizes_are_not_compiled_for_ever(self, monkeypatch):
        """Each would take a fifth of a second, in eager execution; a graph is made for its size and may."""
        import tensorflow as tf

        monkeypatch.setattr(windows, "_eager_sizes", set())
        monkeypatch.setattr(windows, "_EAGER_SIZES", 3)
        calls = []
        original = windows._compiled
        monkeypatch.setattr(windows, "_compiled", lambda *args: calls.append(args) or original(*args))
        pool = MaxPoolingWithArgmax2D()
        for size in (4, 6, 8, 10, 4):
            assert pool(tf.zeros((1, size, 2, 3)))[0].shape == (1, size // 2, 1, 3)
        assert [args[2][0][0][0] for args in calls] == [4, 6, 8, 4]
        tf.function(pool)(tf.zeros((1, 12, 2, 3)))
        assert calls[-1][2][0][0][0] == 12

    def test_a_tensorflow_that_cannot_compile(self, monkeypatch):
        monkeypatch.setattr(windows._ops, "xla_works", lambda: False)
        monkeypatch.setattr(windows, "_compiled", lambda *args: pytest.fail("compiled"))
        assert_equals_torch(maps("tied", (5, 7)), 2, "same")

    @pytest.mark.parametrize("size", [(None, None), (70, 90)])
    def test_saved_model_is_portable(self, size, tmp_path):
        import tensorflow as tf

        model = encoder_and_decoder(size)

        def compiled_functions(graph):
            return [f for f in graph.as_graph_def().library.function if f.attr["_XlaMustCompile"].b]

        report = ks.export.saved_model(model, tmp_path / "sm")
        assert report.max_abs_difference < 1e-5
        graph = tf.saved_model.load(str(tmp_path / "sm")).signatures["serving_default"].graph
        assert compiled_functions(graph) == []
        if None not in size:  # What there would be, had export not asked for the portable form.
            call = tf.function(model).get_concrete_function(tf.TensorSpec((1, *size, 3)))
            assert compiled_functions(call.graph)

    @pytest.mark.parametrize("size", [(32, 48), (33, 47)])
    @pytest.mark.parametrize("pool_size", [2, 3])
    def test_tflite_is_exact(self, size, pool_size, tmp_path):
        model = pool_and_unpool((None, None, 3), pool_size)
        report = ks.export.tflite(model, tmp_path / "m.tflite", input_size=size)
        assert report.max_abs_difference == 0
        assert not {"ARG_MAX", "BITWISE_AND"} & set(report.ops)

    def test_tflite_of_a_model(self, tmp_path):
        report = ks.export.tflite(encoder_and_decoder(), tmp_path / "m.tflite", input_size=(45, 60))
        assert report.max_abs_difference < 1e-4

    @pytest.mark.parametrize("size", [(32, 48), (33, 47)])
    def test_full_int8(self, size, tmp_path):
        """Every operator has an int8 kernel, also at odd sizes, and the classes stay."""
        import tensorflow as tf

        images = np.random.default_rng(0).uniform(0, 255, size=(8, *size, 3)).astype("float32")
        image = keras.Input((None, None, 3))
        report = ks.export.tflite(
            keras.Model(image, encoder_and_decoder()(keras.layers.Rescaling(1 / 64, -2)(image))),
            tmp_path / "m.tflite",
            input_size=size,
            quantize="int8",
            representative=images,
            images=images[:2],
        )
        assert report.agreement > 0.9
        interpreter = tf.lite.Interpreter(model_path=str(tmp_path / "m.tflite"))
        interpreter.allocate_tensors()
        types = {detail["dtype"] for detail in interpreter.get_tensor_details() if len(detail["shape"]) == 4}
        assert np.int8 in types


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: MaxPoolingWithArgmax2D(0), "`pool_size` must be an integer of at least 1"),
        (lambda: MaxPoolingWithArgmax2D(padding="smae"), "Did you mean 'same'"),
        (lambda: MaxPoolingWithArgmax2D(3, strides=2), r"`strides` must be None or equal pool_size=\(3, 3\).*overlap"),
        (
            lambda: MaxPoolingWithArgmax2D(data_format="channels_first"),
            '`data_format` must be "channels_last".*Permute',
        ),
        (lambda: MaxUnpooling2D(data_format="channels_first"), '`data_format` must be "channels_last".*Permute'),
        (lambda: MaxUnpooling2D((2, 0)), "`pool_size` must be an integer of at least 1"),
        (lambda: MaxPoolingWithArgmax2D(5)(LECTURE), r"`inputs` must hold at least one window of \(5, 5\)"),
        (lambda: MaxUnpooling2D()(LECTURE), r"`inputs` must be \[values, indices\] or \[values, indices, like\]"),
        (lambda: MaxUnpooling2D()([LECTURE, LECTURE[:, :2]]), "`inputs` must hold values and indices of one shape"),
        (lambda: MaxUnpooling2D()([LECTURE, LECTURE, LECTURE]), "`inputs` must hold a `like` less than one pool"),
        (lambda: to_tf_argmax(np.zeros((1, 2, 2, 1)), 6), r"`indices` must be a map of \(3, 3\)"),
        (lambda: to_torch_indices(np.zeros((2, 2)), 4), r"`indices` must be a map of \(2, 2\)"),
        (lambda: to_torch_indices(np.zeros((1, 2, 2, 1)), 4, padding="full"), "`padding` is not a known option"),
        (lambda: from_torch_indices(np.zeros((2, 2)), 4), "`torch_indices` must be .batch, channels, rows, columns"),
        (
            lambda: from_tf_argmax(np.array([5, 2, 12, 3]).reshape(1, 2, 2, 1), 4),
            r"`argmax` must lie inside windows of \(2, 2\).*\(0, 1, 1, 0\) does not.*argmax=3",
        ),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(_validation.InputError, match=message):
        make()


def test_the_setting_of_keras_is_respected():
    """Maps made under channels_first would be pooled along the wrong axes without a word."""
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(_validation.InputError, match='`data_format` must be "channels_last"'):
            MaxPoolingWithArgmax2D()
        assert MaxPoolingWithArgmax2D(data_format="channels_last").data_format == "channels_last"
    finally:
        keras.config.set_image_data_format("channels_last")


def test_strides_may_be_said():
    layer = MaxPoolingWithArgmax2D((2, 3), strides=(2, 3))
    assert layer.get_config()["strides"] == (2, 3)
