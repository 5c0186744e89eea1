"""Running a plan."""

import keras

from keras_seg import _validation, augmentation, losses, models
from keras_seg.data import from_folder
from keras_seg.data.pipeline.unwrap_error import unwrap_error
from keras_seg.models import registry
from keras_seg.training.checkpoint import load_checkpoint
from keras_seg.training.kernel_decay_adamw import KernelDecayAdamW
from keras_seg.training.progress_schedule import ProgressSchedule
from keras_seg.training.run_recorder import RunRecorder
from keras_seg.training.tasks import find_task


def build_model(plan):
    """The untrained, compiled model of a plan.

    Args:
        plan: a `Plan`.

    Returns:
        A compiled `keras.Model`.

    Raises:
        ValueError: if the model cannot be built, or does not give a class to every pixel.
    """
    facts = plan.fingerprint
    model = models.build(
        plan["model"],
        num_classes=facts["num_classes"],
        input_shape=(None, None, facts["channels"]),
        **_model_arguments(plan),
    )
    if len(model.output_shape) != 4:
        _validation.fail("model", "must give a class to every pixel", plan["model"], "It classifies whole patches.")
    ignore_class = facts["ignore_class"] or None
    model.compile(
        KernelDecayAdamW(plan["learning_rate"], weight_decay=plan["weight_decay"], global_clipnorm=5.0),
        loss=losses.Crossentropy(ignore_class=ignore_class, class_weights=plan["class_weights"])
        + plan["soft_iou_weight"] * losses.SoftIoU(ignore_class=ignore_class),
    )
    return model


def _model_arguments(plan):
    """The choices that are arguments of the plan's model. What was given is always one: the model may refuse it."""
    values = {
        "backbone": ("backbone", None if plan["backbone"] == "none" else plan["backbone"]),
        "weights": ("weights", plan["weights"]),
        "backbone_trainable": ("freeze", not plan["freeze"]),
        "decoder_filters": ("decoder_filters", plan["decoder_filters"]),
        "decoder_convolutions": ("decoder_convolutions", plan["decoder_convolutions"]),
        "decoder_stride": ("decoder_stride", plan["decoder_stride"]),
    }
    taken = registry.arguments(plan["model"]) if plan["model"] in models.names() else ()
    return {
        argument: value
        for argument, (choice, value) in values.items()
        if argument in taken or plan.choices[choice].rule == "given"
    }


def fit(plan, train, validation, run, *, resume=False, seconds_spent=0.0, callbacks=()):
    """Train the model of a plan in a run folder.

    After each epoch the log gets a line, and, as often as that takes less than a twentieth of the time, the model is
    judged on the validation images and a checkpoint is written. A run that is killed goes on from its last checkpoint
    with the data, the optimizer state and the learning rates it would have had, to the same weights.

    Args:
        plan: a `Plan`.
        train: `keras_seg.data.FolderIndex` to train on; an `InstanceIndex` for instances.
        validation: the same, to validate on.
        run: a `RunFolder` that holds the plan.
        resume: bool. Whether to go on from the last checkpoint, if there is one. Defaults to False.
        seconds_spent: float, seconds already taken from `plan["minutes"]`. Defaults to 0.
        callbacks: further Keras callbacks, for a progress bar for instance.

    Returns:
        The trained `keras.Model`; the caller saves it.

    Raises:
        ValueError: if the loss is no longer a number, or a file of the data can no longer be read.
    """
    keras.utils.set_random_seed(plan["seed"])
    checkpoint = load_checkpoint(run) if resume else None
    model = build_model(plan) if checkpoint is None else checkpoint.model
    first_epoch = 0 if checkpoint is None else checkpoint.epoch
    steps = plan["steps_per_epoch"]
    timed = plan["minutes"] is not None
    schedule = ProgressSchedule(
        plan["learning_rate"],
        steps=None if timed else plan["epochs"] * steps,
        seconds=plan["minutes"] * 60 if timed else None,
        first_step=first_epoch * steps,
        first_seconds=seconds_spent + (0.0 if checkpoint is None else checkpoint.seconds),
    )
    task = find_task(plan.task)
    recorder = RunRecorder(run, validation, schedule, rows=[] if checkpoint is None else checkpoint.rows, task=task)
    dataset = from_folder(
        train,
        batch_size=plan["batch_size"],
        augment=augmentation.standard(
            crop=tuple(plan["crop"]), scale=tuple(plan["scale"]), ignore_class=tuple(train.ignore_class) or None
        ),
        seed=plan["seed"],
        cache="memory" if plan["cache"] else False,
        repeat=True,
        first_epoch=first_epoch,
        steps_per_epoch=steps,
    )
    dataset = task.targets(dataset, train, plan)
    finished = not timed and first_epoch >= plan["epochs"]
    if not finished:
        try:
            model.fit(
                dataset,
                epochs=_ENDLESS if timed else plan["epochs"],
                initial_epoch=first_epoch,
                steps_per_epoch=steps,
                shuffle=False,  # The pipeline does it.
                verbose=0,
                callbacks=[schedule, recorder, *callbacks],
            )
        except Exception as error:
            # A file that broke after the scan comes out of tf.data wrapped in TensorFlow's own error.
            raise (unwrap_error(error) or error) from error
    return model


# A run limited by time ends by its schedule, whatever the number of epochs.
_ENDLESS = 10**6
