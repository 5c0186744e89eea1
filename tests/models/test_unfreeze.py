import keras
import numpy as np
import pytest

from keras_seg import backbones
from keras_seg.models import unfreeze


def segmenter(trainable=False, blocks=(0, 0, 0, 0, 0)):
    inputs = keras.Input((None, None, 3))
    net = backbones.Compact(filters=(4, 4, 4, 4, 4), blocks=blocks)
    pyramid = backbones.build(net, trainable=trainable, name="backbone")(inputs)
    return keras.Model(inputs, keras.layers.Conv2D(2, 1, activation="softmax", name="head")(pyramid["P5"]))


def fit(model, epochs=1):
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (4, 64, 64, 3)).astype("float32")
    model.fit(images, rng.uniform(size=(4, 2, 2, 2)), epochs=epochs, batch_size=4, verbose=0)


def snapshot(model):
    return {weight.path: np.array(keras.ops.convert_to_numpy(weight)) for weight in model.weights}


def changed(before, model):
    after = snapshot(model)
    return {path for path, value in before.items() if not np.array_equal(value, after[path])}


def all_paths(model):
    return {weight.path for weight in model.weights}


@pytest.mark.slow_off_tensorflow
def test_frozen_means_frozen_statistics_included_and_after_loading(tmp_path):
    model = segmenter()
    for _ in range(2):
        backbone = model.get_layer("backbone")
        before = snapshot(backbone)
        model.compile("adam", "mse", jit_compile=False)
        fit(model)
        assert changed(before, backbone) == set()
        model.save(tmp_path / "model.keras")
        model = keras.saving.load_model(tmp_path / "model.keras")


@pytest.mark.slow_off_tensorflow
def test_trainable_backbone_does_change():
    """The test above can fail: without freezing, every weight and statistic moves."""
    model = segmenter(trainable=True)
    before = snapshot(model.get_layer("backbone"))
    model.compile("adam", "mse", jit_compile=False)
    fit(model)
    assert any("moving_mean" in path for path in changed(before, model.get_layer("backbone")))


OTHERS = ("sgd", "adafactor", "averaging", "scaled", "muon", "nadam")


@pytest.mark.thorough
@pytest.mark.parametrize(
    "optimizer", ["adam", "accumulating", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]
)
def test_unfreezing_goes_on_without_compiling(optimizer, monkeypatch):
    if optimizer == "averaging" and keras.backend.backend() == "jax":
        pytest.skip("Keras 3.15 cannot fit twice with use_ema on JAX")
    adam = keras.optimizers.Adam
    made = {
        "accumulating": lambda: adam(gradient_accumulation_steps=2),
        "averaging": lambda: adam(use_ema=True),
        "scaled": lambda: keras.optimizers.LossScaleOptimizer(adam()),
        "sgd": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
    }.get(optimizer, lambda: optimizer)()
    model = segmenter()
    backbone = model.get_layer("backbone")
    model.compile(made, "mse", jit_compile=False)
    fit(model, epochs=3)
    monkeypatch.setattr(model, "compile", lambda *args, **kwargs: pytest.fail("compiled behind the user's back"))
    same, iterations = model.optimizer, int(model.optimizer.iterations)
    slots = {v.name: np.array(keras.ops.convert_to_numpy(v)) for v in model.optimizer.variables if "head" in v.name}

    assert unfreeze(model) is model
    assert model.optimizer is same
    assert int(model.optimizer.iterations) == iterations > 0
    kept = {v.name: keras.ops.convert_to_numpy(v) for v in model.optimizer.variables if "head" in v.name}
    assert slots.keys() == kept.keys()
    assert all(np.array_equal(kept[path], slots[path]) for path in slots)
    if optimizer == "adam":
        assert any(np.abs(value).max() > 0 for value in kept.values())

    before = snapshot(backbone)
    fit(model, epochs=2)
    assert changed(before, backbone) == all_paths(backbone)


@pytest.mark.slow
def test_as_good_as_frozen_from_the_start():
    """Unfrozen at once, it trains exactly as a model that never was frozen."""
    models = [segmenter(trainable) for trainable in (True, False)]
    models[1].set_weights(models[0].get_weights())
    for model in models:
        model.compile("adam", "mse", jit_compile=False)
    models[1].optimizer.build(models[1].trainable_variables)
    unfreeze(models[1])
    for model in models:
        fit(model, epochs=2)
    for left, right in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-4)  # one step of Adam is 1e-3


def test_reloading_the_grown_optimizer(tmp_path):
    model = segmenter()
    model.compile("adam", "mse", jit_compile=False)
    fit(model)
    unfreeze(model)
    fit(model)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    pairs = zip(again.optimizer.variables, model.optimizer.variables, strict=True)
    assert all(np.array_equal(*map(keras.ops.convert_to_numpy, pair)) for pair in pairs)


def test_stages_and_batch_norm():
    model = segmenter(blocks=(0, 1, 1, 1, 1))
    unfreeze(model, from_level="P4", keep_batch_norm_frozen=True)
    trainable = {weight.path.split("/")[0] for weight in model.trainable_variables}
    assert trainable == {"head", *(f"stage{s}_{b}_conv" for s in (4, 5) for b in ("down", "block1"))}
    unfreeze(model)
    assert len(model.trainable_variables) == 9 * 3 + 2


@pytest.mark.tensorflow_only
def test_levels_without_layers_of_their_own():
    """Nothing would be trained: the layers before the level are all there are."""
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, strides=16, padding="same")(image)
    model = keras.Model(image, {"P4": x, "P5": keras.layers.MaxPooling2D(2)(x)}, name="backbone")
    model.trainable = False
    with pytest.raises(ValueError, match="`from_level` must be a level with layers of its own.*follows P4") as caught:
        unfreeze(model, from_level="P5")
    assert "\n" not in str(caught.value)
    assert model.trainable_variables == []
    assert len(unfreeze(model, from_level="P4").trainable_variables) == 2


@pytest.mark.tensorflow_only
def test_a_plain_vision_transformer_has_no_stages():
    hub = pytest.importorskip("keras_hub")
    vit = hub.models.ViTBackbone(
        image_shape=(64, 64, 3), patch_size=16, num_layers=4, num_heads=2, hidden_dim=24, mlp_dim=32
    )
    model = backbones.build(vit, include_preprocessing=False, trainable=False)
    for level in ("P3", "P4", "P5"):
        with pytest.raises(
            ValueError, match="`from_level` must be.*a plain vision transformer computes all its levels"
        ):
            unfreeze(model, from_level=level)
    assert model.trainable_variables == []
    assert len(unfreeze(model, from_level="P2").trainable_variables) == len(model.weights) > 0


def test_bad_input():
    model = segmenter()
    with pytest.raises(ValueError, match=r"`from_level` must be None or one of the backbone's levels \['P1'"):
        unfreeze(model, from_level="P7")
    with pytest.raises(ValueError, match=r"`model` must be a keras\.Model"):
        unfreeze("model")
    assert not model.get_layer("backbone").trainable
