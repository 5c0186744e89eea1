"""Logs of a run for the programs in which people compare experiments: TensorBoard, Weights & Biases, MLflow."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import NamedTuple

import keras
import numpy as np
from PIL import Image

from keras_seg import _validation
from keras_seg.training.plan import Plan
from keras_seg.training.run_folder import RunFolder

LOGS = ("tensorboard", "wandb", "mlflow")
# Those whose Keras callback imports TensorFlow on every backend; wandb's: https://github.com/wandb/wandb/issues/7186.
_OF_TENSORFLOW = ("tensorboard", "wandb")

_PROJECT = "keras_seg"


class _Log(NamedTuple):
    """An open log.

    Attributes:
        scalars: the Keras callback of the program, which writes the loss and the scores.
        draw: function (picture, epoch) that writes a picture.
    """

    scalars: keras.callbacks.Callback
    draw: Callable[[Image.Image, int], None]


def check_logs(names: Sequence[str]) -> None:
    """Fail before anything is computed if there is no such log, or its package is missing.

    Args:
        names: sequence of str, of `LOGS`.
    """
    if isinstance(names, str):
        _validation.fail("log", "must be a sequence of names", names, f"Pass ({names!r},).")
    for name in names:
        _package(_validation.one_of("log", name, LOGS))
        if name in _OF_TENSORFLOW:
            _tensorflow(name)


@contextlib.contextmanager
def experiment_logs(
    names: Sequence[str], *, run: RunFolder, plan: Plan, panel: Callable[[], Image.Image]
) -> Iterator[list[keras.callbacks.Callback]]:
    """The callbacks that write logs into the folder of a run. Nothing leaves this machine.

    Args:
        names: sequence of str, of `LOGS`.
        run: `RunFolder`.
        plan: `Plan` of the run, whose choices are written as well.
        panel: function that draws the predictions for some validation images as they are now.
    """
    with contextlib.ExitStack() as stack:
        logs = [stack.enter_context(_OPENED[name](run, plan)) for name in dict.fromkeys(names)]
        callbacks = [log.scalars for log in logs]
        yield [*callbacks, _Pictures(panel, [log.draw for log in logs])] if logs else []


class _Pictures(keras.callbacks.Callback):
    """Draws predictions after each validation, and writes them into logs."""

    def __init__(self, panel: Callable[[], Image.Image], logs: Sequence[Callable[[Image.Image, int], None]]) -> None:
        super().__init__()
        self._panel, self._logs = panel, logs

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Draw, if the model was validated."""
        if any(name.startswith("val_") for name in logs or {}):
            picture = self._panel()
            for write in self._logs:
                write(picture, epoch)


def _package(name: str) -> ModuleType:
    """The package of a log; an ImportError names the extra to install."""
    return _validation.optional_import(name, name, f'`log="{name}"`')


def _tensorflow(name: str) -> ModuleType:
    """TensorFlow, for a log; an ImportError names the extra to install."""
    return _validation.optional_import("tensorflow", "tensorflow", f'`log="{name}"`')


@contextlib.contextmanager
def _tensorboard(run: RunFolder, plan: Plan) -> Iterator[_Log]:
    tf = _tensorflow("tensorboard")
    folder = run.path / "tensorboard"
    writer = tf.summary.create_file_writer(str(folder / "predictions"))

    def draw(picture: Image.Image, epoch: int) -> None:
        with writer.as_default():
            tf.summary.image("predictions", np.asarray(picture)[None], step=epoch)
        writer.flush()

    try:
        yield _Log(keras.callbacks.TensorBoard(str(folder), write_graph=False), draw)
    finally:
        writer.close()


@contextlib.contextmanager
def _wandb(run: RunFolder, plan: Plan) -> Iterator[_Log]:
    wandb = _package("wandb")
    from wandb.integration.keras import WandbMetricsLogger

    mode = os.environ.get("WANDB_MODE", "offline")
    opened = wandb.init(
        project=os.environ.get("WANDB_PROJECT", _PROJECT),
        name=run.path.name,
        dir=str(run.path),
        mode=mode,
        config=_choices(plan),
        settings=wandb.Settings(console="off", silent=mode == "offline"),
    )

    def draw(picture: Image.Image, epoch: int) -> None:
        opened.log({"predictions": wandb.Image(picture), "epoch/epoch": epoch})

    with opened:  # An error in it becomes the exit code of the log.
        yield _Log(WandbMetricsLogger(), draw)


@contextlib.contextmanager
def _mlflow(run: RunFolder, plan: Plan) -> Iterator[_Log]:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow = _package("mlflow")
    scalars = _validation.optional_import("mlflow.keras", "mlflow", '`log="mlflow"`').MlflowCallback()
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    elsewhere = mlflow.is_tracking_uri_set()
    folder = run.path.absolute()
    if not elsewhere:
        mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
        if mlflow.get_experiment_by_name(_PROJECT) is None:
            mlflow.create_experiment(_PROJECT, artifact_location=(folder / "mlartifacts").as_uri())
        mlflow.set_experiment(_PROJECT)
    try:
        with mlflow.start_run(run_name=run.path.name, nested=mlflow.active_run() is not None):
            mlflow.log_params(_choices(plan))
            yield _Log(
                scalars,
                lambda picture, epoch: mlflow.log_image(picture, f"predictions/epoch_{epoch + 1:05d}.png"),
            )
    finally:
        if not elsewhere:
            mlflow.set_tracking_uri(None)


def _choices(plan: Plan) -> dict:
    return {name: choice.value for name, choice in plan.choices.items()}


_OPENED = {"tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow}
