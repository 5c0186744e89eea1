"""A plan builds every model, with the choices that are its arguments, and refuses what was given and does not apply."""

import keras
import pytest
from plan_facts import FACTS

import keras_seg as ks
from keras_seg import _validation
from keras_seg.models import registry


@pytest.mark.parametrize("name", [name for name in ks.models.names() if "backbone" in registry.arguments(name)])
def test_models_on_a_backbone(name):
    model = ks.training.build_model(ks.training.make_plan(FACTS, model=name))
    assert ks.models.without_aux(model).output_shape == (None, None, None, 2)
    backbone = model.get_layer("backbone").output
    assert backbone["P2"].shape[-1] == 32  # Compact's.
    assert model.optimizer.built


def test_a_model_of_its_own_needs_no_backbone():
    model = ks.training.build_model(ks.training.make_plan(FACTS, model="FullResolutionNet"))
    assert model.output_shape == (None, None, None, 2)


def test_a_classifier_of_patches_is_refused():
    with pytest.raises(_validation.InputError, match="`model` must predict a class for every pixel"):
        ks.training.build_model(ks.training.make_plan(FACTS, model="PatchClassifier"))


@pytest.mark.parametrize("crop", [(64, 64), (572, 572)])
def test_a_model_of_unpadded_convolutions_is_refused(crop):
    """Its output is smaller than the image, or there is none."""
    with pytest.raises(_validation.InputError, match="`model` (must predict every pixel|does not take crops)") as error:
        ks.training.build_model(ks.training.make_plan(FACTS, model="UNet2015", crop=crop))
    assert "\n" not in str(error.value)


def test_choices_reach_the_model(tmp_path):
    weights = tmp_path / "compact.weights.h5"
    ks.backbones.Compact().save_weights(weights)
    given = {"backbone": "Compact", "weights": str(weights), "decoder_stride": 2, "freeze": True}
    model = ks.training.build_model(ks.training.make_plan(FACTS, **given))
    assert model.get_layer("decoder4_up").filters == 24
    assert model.get_layer("backbone").trainable_variables == []


def test_a_model_without_a_backbone(monkeypatch):
    """The model itself is too large for a test, which compares its arguments instead."""
    called = {}

    def build(name, **arguments):
        called.update(arguments, name=name)
        image = keras.Input((None, None, 3))
        return keras.Model(image, keras.layers.Conv2D(2, 1, activation="softmax")(image))

    monkeypatch.setattr(ks.models, "build", build)
    ks.training.build_model(ks.training.make_plan(FACTS, model="FCN8s"))
    assert called == {"name": "FCN8s", "num_classes": 2, "input_shape": (None, None, 3)}


@pytest.mark.parametrize(
    "given, message",
    [
        ({"model": "FPN", "decoder_stride": 4}, "`decoder_stride` is not an argument of FPN"),
        ({"model": "FCN8s", "backbone": "MobileNetV2"}, "`backbone` is not an argument of FCN8s"),
        ({"model": "Unet"}, "Did you mean 'UNet'"),
    ],
)
def test_what_was_given_is_refused_rather_than_ignored(given, message):
    with pytest.raises(_validation.InputError, match=message):
        ks.training.build_model(ks.training.make_plan(FACTS, **given))
