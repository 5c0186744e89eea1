"""FCN-32s, 16s, 8s: parameters, the authors' geometry, alignment, initial state, training, saving and export."""

import re

import keras
import numpy as np
import pytest
from refusals import refused

import keras_seg as ks
from keras_seg import _validation

MODELS = {32: ks.models.FCN32s, 16: ks.models.FCN16s, 8: ks.models.FCN8s}
SMALL = {"num_classes": 3, "filters": (4, 4, 6, 6, 8), "fc_filters": 8}


def noise(*shape):
    return np.random.default_rng(0).uniform(0, 255, size=shape).astype("float32")


def small(stride, **kwargs):
    return MODELS[stride](**{**SMALL, **kwargs})


def randomize(model):
    """Weights other than zero in the score layers, so that the output depends on everything."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if layer.name.startswith("score_") and layer.weights:
            layer.set_weights([rng.normal(0, 0.1, size=w.shape) for w in layer.get_weights()])
    return model


def count(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "stride, without, dense",
    [(32, 134_346_581, 136_152_917), (16, 134_357_354, 134_815_994), (8, 134_362_751, 134_489_759)],
)
def test_parameters_of_the_published_models(stride, without, dense, monkeypatch):
    """Frozen, what is trained is everything but the deconvolutions."""
    # Half a gigabyte of random numbers is not what is tested.
    monkeypatch.setattr(keras.initializers.HeNormal, "__call__", lambda self, *args, **kw: keras.ops.zeros(*args, **kw))
    model = MODELS[stride](num_classes=21, deconvolution="dense")
    assert model.count_params() == dense
    assert count(model.trainable_variables) == without


@pytest.mark.slow_off_tensorflow
def test_frozen_channel_deconvolutions_hold_no_weights():
    model, dense = small(8), small(8, deconvolution="dense")
    assert model.count_params() == count(model.trainable_variables) == count(dense.trainable_variables)
    assert dense.count_params() - model.count_params() == (4**2 + 4**2 + 16**2) * 3**2


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("deconvolution, maps", [("per_channel", 3), ("dense", 9)])
@pytest.mark.parametrize("trainable, learned", [(False, 0), (True, 4**2 + 4**2 + 16**2), ("intermediate", 4**2 + 4**2)])
def test_what_of_the_deconvolutions_is_learned(deconvolution, maps, trainable, learned):
    model = small(8, deconvolution=deconvolution, deconvolution_trainable=trainable)
    assert count(model.trainable_variables) - count(small(8).trainable_variables) == learned * maps
    assert not any("bias" in v.path for v in model.variables if "upscore" in v.path)


def test_the_authors_geometry():
    """n=500: 698 -> 349 -> 175 -> 88 -> 44 -> 22 -> fc6 16 -> 544, cropped to 500."""
    model = small(32, padding="valid", input_shape=(500, 500, 3))
    names = ["block1_conv1", "block1_conv2", *[f"block{n}_pool" for n in range(1, 6)], "fc6", "fc7", "upscore32"]
    sizes = [model.get_layer(name).output.shape[1] for name in names]
    assert sizes == [698, 698, 349, 175, 88, 44, 22, 16, 16, 544]
    assert model.output_shape == (None, 500, 500, 3)


def test_the_authors_geometry_of_the_fusions():
    """(16 - 1) * 2 + 4 = 34, (34 - 1) * 2 + 4 = 70, (70 - 1) * 8 + 16 = 568; (34 - 1) * 16 + 32 = 560."""
    model = small(8, padding="valid", input_shape=(500, 500, 3))
    names = ["upscore2", "fuse_pool4", "upscore_pool4", "fuse_pool3", "upscore8"]
    assert [model.get_layer(name).output.shape[1] for name in names] == [34, 34, 70, 70, 568]
    assert small(16, padding="valid", input_shape=(500, 500, 3)).get_layer("upscore16").output.shape[1] == 560
    offsets = [model.get_layer(name).offset[0] for name in ("score_pool4_crop", "score_pool3_crop", "crop")]
    assert offsets == [5, 9, 31]


def identity_net(stride, heard, padding):
    """One channel everywhere, kernels that pass it on, and one score layer, `heard`, that hears it."""
    model = MODELS[stride](
        num_classes=1,
        input_shape=(None, None, 1),
        filters=(1, 1, 1, 1, 1),
        fc_filters=1,
        padding=padding,
        activation=None,
        include_preprocessing=False,
    )
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = np.zeros(layer.kernel.shape, "float32")
            rows, columns = kernel.shape[:2]
            kernel[rows // 2, columns // 2] = layer.name == heard or not layer.name.startswith("score_")
            layer.set_weights([kernel, np.zeros(1)])
    return model


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(
    "stride, heard",
    [(32, "score_fr"), (16, "score_fr"), (16, "score_pool4"), (8, "score_fr"), (8, "score_pool4"), (8, "score_pool3")],
)
def test_every_path_lands_on_the_right_pixels(stride, heard, padding):
    """A ramp comes out as itself; all crop offsets and paddings together decide where.

    Max pooling takes the larger of two neighbors, which moves a rising ramp of slope 1 up by (2^pools - 1) / 2, and a
    falling one as much: half the difference of the two is the position, exactly.
    """
    model = identity_net(stride, heard, padding)
    side = 256
    position = np.arange(side, dtype="float32")
    up = np.broadcast_to(position[None, None, :, None], (1, side, side, 1))
    down = np.broadcast_to(side - position[None, None, :, None], (1, side, side, 1))
    rising, falling = (model.predict(x, verbose=0)[0, :, :, 0] for x in (up, down))
    inside = slice(80, -80)  # Further out, pixels beyond the image have a part.
    found = (rising - falling + side) / 2
    np.testing.assert_allclose(
        found[inside, inside], np.broadcast_to(position, (side, side))[inside, inside], atol=1e-3
    )
    pools = {"score_fr": 5, "score_pool4": 4, "score_pool3": 3}[heard]
    np.testing.assert_allclose((rising + falling)[inside, inside], side + 2**pools - 1, atol=1e-3)

    rising = model.predict(np.ascontiguousarray(up.swapaxes(1, 2)), verbose=0)[0, :, :, 0]
    moved = position[:, None] + (2**pools - 1) / 2
    np.testing.assert_allclose(rising[inside, inside], np.broadcast_to(moved, (side, side))[inside, inside], atol=1e-3)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [32, 16, 8])
def test_any_size_at_a_dynamic_shape(stride, padding):
    model = randomize(small(stride, padding=padding))
    assert model.output_shape == (None, None, None, 3)
    for size in ((32, 64), (37, 50), (1, 1)):
        scores = model.predict(noise(2, *size, 3), verbose=0)
        assert scores.shape == (2, *size, 3)
        np.testing.assert_allclose(scores.sum(-1), 1, rtol=1e-5)


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_only_score_layers_start_at_zero(stride):
    model = small(stride)
    kernels = {layer.name: layer.get_weights()[0] for layer in model.layers if layer.weights}
    zero = {name for name, kernel in kernels.items() if not kernel.any()}
    assert zero == {"score_fr", "score_pool4", "score_pool3"} & set(kernels)
    assert len(zero) == {32: 1, 16: 2, 8: 3}[stride]
    np.testing.assert_allclose(model.predict(noise(1, 32, 32, 3), verbose=0), 1 / 3, rtol=1e-6)


def test_at_once_scales_the_skips():
    """The scaled net on scores k times as large computes what the plain one does: k = 100 and 10,000."""
    plain, at_once = randomize(small(8)), small(8, at_once=True)
    at_once.set_weights(plain.get_weights())
    image = noise(1, 64, 64, 3)
    assert np.abs(at_once.predict(image, verbose=0) - plain.predict(image, verbose=0)).max() > 1e-3
    for name, factor in (("score_pool4", 100), ("score_pool3", 10_000)):
        kernel, bias = plain.get_layer(name).get_weights()
        at_once.get_layer(name).set_weights([kernel * factor, bias])
    np.testing.assert_allclose(at_once.predict(image, verbose=0), plain.predict(image, verbose=0), atol=1e-4)


def test_raw_input_is_normalized_as_vgg_was_trained():
    raw, bare = randomize(small(16)), small(16, include_preprocessing=False)
    bare.set_weights(raw.get_weights())
    image = noise(1, 32, 32, 3)
    by_hand = image[..., ::-1] - np.array([103.939, 116.779, 123.68], "float32")
    np.testing.assert_allclose(raw.predict(image, verbose=0), bare.predict(by_hand, verbose=0), rtol=1e-4, atol=1e-5)
    assert np.abs(raw.predict(image, verbose=0) - bare.predict(image, verbose=0)).max() > 1e-3


def test_dropout_is_after_both_dense_layers():
    model = small(32)
    assert [model.get_layer(f"{name}_dropout").rate for name in ("fc6", "fc7")] == [0.5, 0.5]


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.slow_off_tensorflow
@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize("stride, padding", [(32, "same"), (16, "valid"), (8, "same")])
def test_training_steps(stride, padding):
    """The first moves the score layers alone, which are zero and let nothing through; the second moves all."""
    model = small(stride, padding=padding, dropout=0.0)
    assert keras.backend.standardize_dtype(model.output.dtype) == "float32"
    model.compile(keras.optimizers.Adam(0.01), loss=ks.losses.Crossentropy(ignore_class=255))
    batch = noise(2, 40, 40, 3), np.random.default_rng(1).choice([0, 1, 2, 255], size=(2, 40, 40))

    def moved():
        before = {w.path: np.array(keras.ops.convert_to_numpy(w)) for w in model.trainable_variables}
        for _ in range(20):  # In float16, steps are skipped until the loss scale has come down.
            assert np.isfinite(model.train_on_batch(*batch))
            after = {w.path: np.array(keras.ops.convert_to_numpy(w)) for w in model.trainable_variables}
            assert all(np.isfinite(w).all() for w in after.values())
            layers = {path.split("/")[0] for path in before if not np.array_equal(before[path], after[path])}
            if layers:
                break
        return layers

    scores = {32: {"score_fr"}, 16: {"score_fr", "score_pool4"}, 8: {"score_fr", "score_pool4", "score_pool3"}}[stride]
    assert moved() == scores
    assert {"block1_conv1", "fc6", "fc7"} <= moved()


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize(
    "kwargs", [{}, {"padding": "valid"}, {"deconvolution": "dense"}, {"deconvolution_trainable": True}]
)
def test_saves_and_reloads(kwargs, tmp_path):
    model = randomize(small(8, **kwargs))
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    image = noise(1, 37, 50, 3)
    np.testing.assert_allclose(
        reloaded.predict(image, verbose=0), model.predict(image, verbose=0), rtol=1e-5, atol=1e-6
    )
    trainable = [[v.path for v in m.trainable_variables] for m in (model, reloaded)]
    assert trainable[0] == trainable[1]


@pytest.mark.thorough
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports are made on the TensorFlow backend")
@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "stride, kwargs",
    [(32, {}), (16, {"padding": "valid"}), (8, {"deconvolution": "dense"}), (8, {"deconvolution_trainable": True})],
)
def test_exports(stride, kwargs, tmp_path):
    model = randomize(small(stride, **kwargs))
    assert ks.export.tflite(model, tmp_path / "m.tflite", input_size=(70, 90)).max_abs_difference < 1e-4
    assert ks.export.saved_model(model, tmp_path / "sm").max_abs_difference < 1e-4


@pytest.mark.parametrize("stride", [32, 16, 8])
@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"num_classes": 0}, "`num_classes` must be an integer of at least 1"),
        ({"num_classes": 1}, "Pass num_classes=2, or activation='sigmoid'"),
        ({"padding": "Valid"}, "`padding` is not a known option.*Did you mean 'valid'"),
        ({"filters": (4, 8)}, "`filters` must hold five integers"),
        ({"fc_filters": 0}, "`fc_filters` must be an integer of at least 1"),
        ({"dropout": 1.0}, "`dropout` must be a finite number in"),
        ({"deconvolution": "Dense"}, "`deconvolution` is not a known option.*Did you mean 'dense'"),
        ({"deconvolution_trainable": "last"}, "`deconvolution_trainable` is not a known option"),
    ],
)
def test_bad_arguments(stride, kwargs, message):
    assert re.search(message, refused(small, stride, **kwargs))


def test_what_only_finer_models_have_is_refused():
    """FCN-32s has no intermediate enlargement to learn, and no skips to scale."""
    with pytest.raises(_validation.InputError, match="`deconvolution_trainable` must be True or False in FCN-32s"):
        small(32, deconvolution_trainable="intermediate")
    with pytest.raises(_validation.InputError, match="`at_once` is not an argument of FCN32s"):
        ks.models.build("FCN32s", at_once=True, **SMALL)
    with pytest.raises(_validation.InputError, match="`at_once` must be True or False"):
        small(8, at_once="yes")


@pytest.mark.slow_off_tensorflow
def test_by_name():
    assert {"FCN32s", "FCN16s", "FCN8s"} <= set(ks.models.names())
    assert ks.models.build("FCN8s", **SMALL).count_params() == small(8).count_params()
