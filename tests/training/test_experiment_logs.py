"""Logs for TensorBoard, Weights & Biases and MLflow, without a network."""

import sys
import types

import keras
import pytest
from made_data import scanned, shapes, trained
from refusals import refused

from keras_seg.training import RunFolder
from keras_seg.training.experiment_logs import LOGS, check_logs

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture(scope="module")
def indices(tmp_path_factory):
    return scanned(shapes(tmp_path_factory, train=4, val=2, image_size=(48, 48)))


def logged(path, indices, name):
    """The folder of a run of two epochs, the first of which is validated, with a log."""
    run = trained(path / "run", *indices, log=(name,), epochs=2)
    score = [float(row["val_mean_iou"]) for row in run.load_log() if row["val_mean_iou"]]
    return run.path, [float(row["loss"]) for row in run.load_log()], score


def test_the_callbacks_of_logs_are_given_what_is_in_the_log_of_the_run(tmp_path, indices):
    """As that of MLflow, which writes what it is given and no more."""
    given = []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: given.append(dict(logs)))
    rows = trained(tmp_path / "run", *indices, callbacks=(keep,), epochs=2).load_log()
    names = ("loss", "learning_rate", "val_mean_iou", "val_pixel_accuracy")
    for logs, row in zip(given, rows, strict=True):
        written = {name: float(row[name]) for name in names if row[name]}
        assert {name: logs[name] for name in names if name in logs} == pytest.approx(written)
    assert set(names) <= given[0].keys()


def test_tensorboard(tmp_path, indices):
    pytest.importorskip("tensorboard")
    import tensorflow as tf
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder, loss, score = logged(tmp_path, indices, "tensorboard")

    def values(name, tag):
        events = EventAccumulator(str(folder / "tensorboard" / name)).Reload().Tensors(tag)
        return [tf.make_ndarray(event.tensor_proto) for event in events]

    assert values("train", "epoch_loss") == pytest.approx(loss)
    assert values("validation", "epoch_mean_iou") == pytest.approx(score)
    assert len(values("validation", "epoch_pixel_accuracy")) == len(score)
    assert len(values("train", "epoch_learning_rate")) == len(loss)
    ((width, height, png),) = values("predictions", "predictions")
    assert int(width) > 2 * 48 and int(height) > 2 * 48 and png.startswith(b"\x89PNG")


@pytest.mark.slow
def test_wandb(tmp_path, indices, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    folder, _, _ = logged(tmp_path, indices, "wandb")
    (log,) = (folder / "wandb").glob("offline-run-*")
    assert next(log.glob("run-*.wandb")).stat().st_size > 1000
    assert len(list((log / "files" / "media" / "images").glob("predictions_*.png"))) == 1
    assert wandb.run is None


@pytest.mark.slow
def test_mlflow(tmp_path, indices, monkeypatch):
    pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    import mlflow

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    folder, loss, score = logged(tmp_path, indices, "mlflow")
    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("keras_seg").experiment_id])
    assert run.info.status == "FINISHED" and run.data.params["crop"] == "[32, 32]"
    assert run.data.metrics["loss"] == pytest.approx(loss[-1])
    assert run.data.metrics["val_mean_iou"] == pytest.approx(score[-1])
    assert {"learning_rate", "val_pixel_accuracy"} <= run.data.metrics.keys()
    assert len(list((folder / "mlartifacts").rglob("epoch_00001.png"))) == 1
    assert not mlflow.is_tracking_uri_set() and mlflow.active_run() is None


@pytest.mark.parametrize("name", LOGS)
def test_a_missing_package_is_named_before_training(tmp_path, indices, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError) as error:
        trained(tmp_path / "run", *indices, log=(name,))
    assert str(error.value) == f'`log="{name}"` needs {name}: pip install "keras-seg[{name}]"'
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_logs_that_need_tensorflow_are_refused_without_it(monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ImportError) as error:
        check_logs([name])
    assert str(error.value) == f'`log="{name}"` needs tensorflow: pip install "keras-seg[tensorflow]"'


def test_names():
    assert "`log` is not a known option" in refused(check_logs, ["tensorbord"])
    assert "Pass ('wandb',)" in refused(check_logs, "wandb")


def test_logs_of_an_older_run_are_replaced_with_it(tmp_path, indices):
    run = RunFolder(tmp_path / "run")
    for name in ("tensorboard", "wandb", "mlartifacts"):
        (run.path / name).mkdir(parents=True)
    run._clear()
    assert list(run.path.iterdir()) == []
