"""The training of a model by a plan, in one process or in several."""

import importlib.util
from collections.abc import Sequence
from typing import Any

import keras

from keras_seg import _validation, augmentation
from keras_seg._memory import is_out_of_memory
from keras_seg.data import from_folder
from keras_seg.data.pipeline.from_folder import chosen_loader
from keras_seg.data.pipeline.unwrap_error import unwrap_error
from keras_seg.training.aux_heads import target_per_output
from keras_seg.training.averaged_weights import take_average
from keras_seg.training.best_epoch import BestEpoch
from keras_seg.training.checkpoint import Checkpoint
from keras_seg.training.fingerprint import device
from keras_seg.training.hosts.agreed_schedule import AgreedSchedule
from keras_seg.training.hosts.connect import broken_connection, is_broken_connection
from keras_seg.training.hosts.group import Group
from keras_seg.training.out_of_memory import out_of_memory
from keras_seg.training.plan import Plan
from keras_seg.training.progress_schedule import ProgressSchedule
from keras_seg.training.run_folder import RunFolder
from keras_seg.training.run_recorder import RunRecorder
from keras_seg.training.tasks import Task
from keras_seg.training.training_crop import training_crop

# A run limited by time is ended by its schedule, not by its number of epochs.
_ENDLESS = 10**6


def fit_model(
    model: keras.Model,
    *,
    scored: keras.Model,
    plan: Plan,
    task: Task,
    run: RunFolder,
    indices: tuple[Any, Any],
    checkpoint: Checkpoint | None,
    seconds_spent: float = 0.0,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    group: Group,
) -> list[dict]:
    """Train from the checkpoint to the end of the plan; returns the rows of the log.

    Args:
        model: compiled keras.Model, of the checkpoint if there is one.
        scored: keras.Model. The same without its auxiliary heads.
        plan: `Plan`.
        task: `Task`.
        run: `RunFolder`. The first process of the group writes the log and checkpoints there.
        indices: pair of indices, to train on and to validate on.
        checkpoint: `Checkpoint` to continue from, or None.
        seconds_spent: float. Seconds that already count toward `plan["minutes"]`. Defaults to 0.
        callbacks: sequence of further Keras callbacks. Defaults to ().
        group: `Group`. The processes that train this model, all of which call this function.

    Raises:
        InputError: the data cannot be used, the loss is no longer finite, the device has not enough memory, or another
            process ended.
    """
    train, validation = indices
    best = BestEpoch.of(plan, task, checkpoint=checkpoint)
    first_epoch = 0 if checkpoint is None else checkpoint.epoch
    rows = [] if checkpoint is None else checkpoint.rows
    done = plan["minutes"] is None and first_epoch >= plan["epochs"]
    if checkpoint is not None and (done or best.is_over(rows)):
        take_average(model)
        return rows
    schedule = _schedule(plan, first_epoch, seconds_spent + (0.0 if checkpoint is None else checkpoint.seconds), group)
    recorder = RunRecorder(
        run, validation, scored=scored, schedule=schedule, task=task, plan=plan, best=best, rows=rows, group=group
    )
    try:
        model.fit(
            target_per_output(
                model, _dataset(plan, task, train, first_epoch=first_epoch, group=group), train.ignore_class
            ),
            epochs=_ENDLESS if plan["minutes"] is not None else plan["epochs"],
            initial_epoch=first_epoch,
            steps_per_epoch=plan["steps_per_epoch"],
            shuffle=False,  # The pipeline shuffles.
            verbose=0,  # pyright: ignore[reportArgumentType] (Keras annotates nothing; its default is "auto".)
            callbacks=[schedule, recorder, *([] if checkpoint is None else checkpoint.callbacks), *callbacks],
        )
    except Exception as error:
        # A file that broke after the scan comes out of tf.data wrapped in TensorFlow's own error.
        known = unwrap_error(error)
        if known is None and group.count > 1 and is_broken_connection(error):
            known = broken_connection()
        if known is None and is_out_of_memory(error):
            known = out_of_memory(plan)
        raise (known or error) from error
    return recorder.rows


def check_divisible(plan: Plan, train: Any, group: Group) -> None:
    """Fail if a batch cannot be divided among the devices, or the images among the processes.

    Args:
        plan: `Plan`.
        train: index to train on.
        group: `Group`.
    """
    check_batch(plan, group)
    if len(train) < group.count:
        raise _validation.InputError(
            f"{train.path}: has {len(train)} images to train on, fewer than the {group.count} processes. "
            f"Start {len(train)} processes."
        )


def check_batch(plan: Plan, group: Group) -> None:
    """Fail if a batch cannot be divided among the devices.

    Args:
        plan: `Plan`.
        group: `Group`.
    """
    if plan["batch_size"] % group.devices:
        _validation.fail(
            "batch_size",
            f"must be a multiple of the number of devices, {group.devices}",
            plan["batch_size"],
            "It is the number of crops in the batch of all devices.",
        )


def _schedule(plan: Plan, first_epoch: int, seconds: float, group: Group) -> ProgressSchedule:
    steps = plan["steps_per_epoch"]
    timed = plan["minutes"] is not None
    return AgreedSchedule(
        plan["learning_rate"],
        group=group,
        steps=None if timed else plan["epochs"] * steps,
        seconds=plan["minutes"] * 60 if timed else None,
        first_step=0 if timed else first_epoch * steps,
        first_seconds=seconds if timed else 0.0,
    )


def _dataset(plan: Plan, task: Task, train: Any, *, first_epoch: int, group: Group) -> Any:
    """The augmented training data from an epoch on, with the targets of the task; this process' share."""
    dataset = from_folder(
        train,
        batch_size=plan["batch_size"],
        augment=augmentation.standard(
            crop=training_crop(plan), scale=tuple(plan["scale"]), ignore_class=tuple(train.ignore_class) or None
        ),
        seed=plan["seed"],
        cache="memory" if plan["cache"] else False,
        repeat=True,
        first_epoch=first_epoch,
        steps_per_epoch=plan["steps_per_epoch"],
        use_multiprocessing=_gains_by_processes(plan),
        process=group.process,
        processes=group.count,
    )
    return task.targets(dataset, train, plan)


def _gains_by_processes(plan: Plan) -> bool:
    """Whether the data is read in NumPy for a GPU: threads feed a CPU, but may be too slow for a GPU.

    What is kept in memory is augmented faster by JAX, batch by batch, than by processes that it is sent to.
    """
    if plan["cache"] and keras.backend.backend() == "jax":
        return False
    return chosen_loader(None) == "numpy" and importlib.util.find_spec("loky") is not None and device() == "gpu"
