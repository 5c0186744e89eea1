"""For which commands oneDNN is turned on before TensorFlow is imported."""

import json
import os
import sys

import pytest
from click.testing import CliRunner

from keras_seg_cli import demo, plan, train
from keras_seg_cli.onednn import use_onednn

NAME = "TF_ENABLE_ONEDNN_OPTS"
# As plans write them.
SMALL = {"model": "UNet", "backbone": "EfficientNetLite0", "skips": "narrow", "decoder_filters": [128, 96, 64]}


@pytest.fixture
def environment(monkeypatch):
    """A process without TensorFlow that has set nothing."""
    monkeypatch.setattr(os, "environ", {})
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    return os.environ


@pytest.fixture
def written(tmp_path):
    def write(choices):
        path = tmp_path / "plan.json"
        content = {"choices": {name: {"value": value, "rule": ""} for name, value in choices.items()}}
        path.write_text(json.dumps(content))
        return path

    return write


@pytest.mark.parametrize(
    ("options", "on"),
    [
        ({}, True),
        ({"model": None, "backbone": None}, True),
        ({"model": "SegFormer"}, True),
        ({"model": "UNet", "backbone": "Compact"}, True),
        ({"model": "SegNet"}, False),
        ({"backbone": "VGG16"}, False),
        ({"backbone": "none"}, False),
    ],
)
def test_it_is_on_for_what_plans_choose(environment, options, on):
    use_onednn(options, None)
    assert environment.get(NAME) == ("1" if on else None)


@pytest.mark.parametrize(
    ("changed", "options", "on"),
    [
        ({}, {}, True),
        ({"backbone": "Compact", "skips": "wide", "decoder_filters": None}, {}, True),
        ({"model": "DeepLabV3Plus"}, {}, False),
        ({"model": "DeepLabV3Plus"}, {"model": "UNet"}, True),
        ({}, {"backbone": "ResNet50"}, False),
        ({"skips": "wide"}, {}, False),
        ({"decoder_filters": [512, 96, 64]}, {}, False),
    ],
)
def test_the_plan_that_is_followed_decides(environment, written, changed, options, on):
    """As the first start of a run did, which is resumed to the same weights."""
    use_onednn(options, written({**SMALL, **changed}))
    assert (NAME in environment) == on


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"choices": 1}', '{"choices": {"model": 1}}'])
def test_a_file_that_is_no_plan_is_left_to_the_command(environment, tmp_path, content):
    (tmp_path / "plan.json").write_text(content)
    for file in (tmp_path / "plan.json", tmp_path / "missing.json"):
        use_onednn({}, file)
    assert NAME not in environment


def test_the_user_and_an_imported_tensorflow_have_decided(environment, monkeypatch):
    environment[NAME] = "0"
    use_onednn({}, None)
    assert environment[NAME] == "0"
    del environment[NAME]
    monkeypatch.setitem(sys.modules, "tensorflow", object())
    use_onednn({}, None)
    assert NAME not in environment


class AskedError(Exception):
    """In the place of importing Keras."""


@pytest.mark.parametrize(
    ("module", "words", "asked"),
    [
        (train, ("data", "--out", "run"), [None]),
        (train, ("data", "--out", "run", "--plan", "file"), ["file"]),
        (train, ("data", "--out", "run", "--resume"), ["run/plan.json"]),
        (train, ("data", "--out", "run", "--folds", "2"), []),
        (plan, ("data",), [None]),
        (demo, (), [None]),
    ],
    ids=lambda value: value.__name__.split(".")[-1] if hasattr(value, "__name__") else None,
)
def test_commands_that_train_planned_models_ask_first(tmp_path, monkeypatch, module, words, asked):
    def ready():
        raise AskedError

    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "file").write_text("{}")
    files = []
    monkeypatch.setattr(module, "use_onednn", lambda options, file: files.append(None if file is None else str(file)))
    monkeypatch.setattr(module, "keras_ready", ready)
    command = getattr(module, module.__name__.split(".")[-1])
    assert isinstance(CliRunner().invoke(command, words, obj=None).exception, AskedError)
    assert files == asked
