"""keras-seg train."""

import time

import click

from keras_seg_cli import console
from keras_seg_cli.options import IntList, data_arguments, data_options, out_run, overwrite, task_option
from keras_seg_cli.start import STARTED, keras_ready

_PLAN_OPTIONS = (
    click.option("--model", help="Architecture; default UNet."),
    click.option("--backbone", help="Encoder: Compact, MobileNetV2, ..., or none for the plain net."),
    click.option("--weights", help="imagenet, or a weights file of the backbone; default: from scratch."),
    click.option("--freeze", is_flag=True, default=None, help="Keep the backbone as it is."),
    click.option("--epochs", type=int, help="Passes over the data; default 50."),
    click.option("--minutes", type=float, help="Train for so long instead, counted from the start of the command."),
    click.option("--batch-size", type=int, help="Crops a step."),
    click.option("--crop", type=IntList(sides=2), help="Size of the training crops, e.g. 320x416."),
    click.option("--learning-rate", type=float, help="Highest learning rate."),
    click.option("--decoder-stride", type=int, help="Where the decoder stops: 1 decides at every pixel, 4 is faster."),
    click.option("--border-width", type=int, help="Pixels of a border on either side, for instances and boundary."),
    click.option("--seed", type=int, help="Same seed, data and machine: same model."),
)


def plan_options(command):
    """The choices of a plan that can be given."""
    for option in reversed(_PLAN_OPTIONS):
        command = option(command)
    return command


@click.command()
@click.argument("data", type=click.Path(exists=True))
@out_run
@click.option(
    "--val", type=click.Path(exists=True), help="Folder to validate on; default: DATA/val, or a fifth of DATA."
)
@task_option
@data_options
@plan_options
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
@overwrite
def train(
    data, out, val, *, task, num_classes, ignore_class, class_names, channels, components, resume, overwrite, **given
):
    """Train a model on the folder DATA, judge it, and keep everything in one run folder.

    DATA holds images/ and masks/ of the same file names, or train/ and val/ with these two in each. With --task
    instances the masks number the objects, or masks/NAME/ holds a mask for each.
    """
    data_options = data_arguments(num_classes, ignore_class, class_names, channels=channels, components=components)
    if resume:
        _refuse_choices_on_resume(overwrite, {**given, **data_options, "task": task})
    run_training(
        data,
        out,
        val,
        data_options=data_options,
        given=given,
        resume=resume,
        overwrite=overwrite,
        task=task or "semantic",
    )


def run_training(
    data, out, val, *, data_options, given, resume=False, overwrite=False, started=STARTED, task="semantic"
):
    """Scan, plan, train, judge and save; what `train` and `demo` do. A limit in minutes counts from `started`.

    Returns:
        (keras.Model, what the task's `evaluate` gives).
    """
    keras_ready()
    from keras_seg.training import RunFolder, find_task

    run = RunFolder(out)
    stored = run.load_plan() if resume else None
    task = find_task(task if stored is None else stored.task)
    task.check_installed()
    if stored is None:
        run.check_free(overwrite)
    elif run.model_file.exists():
        raise click.UsageError(f"{run.path}: its training has ended. Use it, or start anew with --overwrite.")
    indices = scan(
        data, val, task, data_options=data_options, labels=run.load_labels() if resume else None, stored=stored
    )
    return _train(run, task, *indices, stored, given, started)


def scan(data, val, task, *, data_options, labels=None, stored=None):
    """The folders to train and to validate on, each looked through once; as the `labels` of a `stored` run say."""
    from keras_seg.data import split_index

    channels = (data_options.get("channels") or 3) if stored is None else stored.fingerprint["channels"]

    def read(folder, split, like=None):
        if stored is not None and like is None:
            return task.scan_again(folder, split, labels, channels)
        return task.scan(folder, split, like, **{**data_options, "channels": channels})

    with console.console.status(f"Reading {data}"):
        splits = task.splits(data)
        train_index = read(data, "train" if "train" in splits else None)
        if val is not None:
            val_index = read(val, "val" if "val" in task.splits(val) else None, train_index)
        elif "val" in splits:
            val_index = read(data, "val", train_index)
        else:
            train_index, val_index = split_index(train_index)
    for text in train_index.notices:
        console.notice(text)
    return train_index, val_index


def _train(run, task, train_index, *, val_index, stored, given, started):
    from keras_seg import _files, training
    from keras_seg_cli.training_progress import TrainingProgress

    facts = training.fingerprint(train_index, val_index, task=task.name)
    if stored is None:
        plan = training.make_plan(facts, **given)
        training.build_model(plan)  # Whatever cannot be built must fail before an older run is replaced.
        run.create(plan, task.labels(train_index))
    else:
        plan = stored
        for name in ("train_images", "num_classes"):
            if facts[name] != plan.fingerprint[name]:
                raise click.UsageError(
                    f"{run.path}: was trained with {name}={plan.fingerprint[name]}, and this data has {facts[name]}. "
                    "Give the same DATA, or start anew with --overwrite."
                )
    _describe(plan, train_index, val_index)
    with TrainingProgress() as progress:
        model = training.fit(
            plan,
            train_index,
            val_index,
            run,
            resume=stored is not None,
            seconds_spent=time.monotonic() - started if plan["minutes"] is not None else 0.0,
            callbacks=[progress],
        )
    with _files.written_aside(run.model_file, overwrite=True) as aside:
        model.save(aside)
    return model, _judge(run, task, model, val_index)


def _judge(run, task, model, index):
    """Evaluate the trained model, and leave the numbers and a picture in the run folder."""
    import numpy as np

    from keras_seg import _files

    with console.console.status("Choosing thresholds"):
        settings = task.tune(model, index)
    if settings:
        _files.write_json(run.decoding_file, settings)
    evaluation = console.evaluate_with_bar(task, model, index, settings)
    results = {"split": "validation", "data": index.path, **evaluation.to_dict()}
    _files.write_json(run.metrics_file, {**results, "decoding": settings} if settings else results)
    positions = np.linspace(0, len(index) - 1, min(4, len(index))).astype(int)
    panel = task.panel(model, index, positions, settings)
    with _files.written_aside(run.panel_file, overwrite=True) as aside:
        panel.save(aside)
    console.console.print(console.table_of(evaluation, f"{len(index)} validation images"))
    console.fact_sheet(("Run folder", run.path), ("Pictures", run.panel_file), ("Reasons", run.plan_file))
    return evaluation


def _describe(plan, train_index, val_index):
    height, width = plan.fingerprint["median_size"]
    limit = f"{plan['epochs']} epochs" if plan["minutes"] is None else f"{plan['minutes']:g} minutes"
    console.fact_sheet(
        ("Data", f"{len(train_index)} images to train on, {len(val_index)} to validate on, about {height}x{width}"),
        ("Classes", ", ".join(plan.fingerprint["class_names"])),
        ("Model", f"{plan['model']}, backbone {plan['backbone']}, weights {plan['weights'] or 'from scratch'}"),
        ("Plan", f"{limit}, batches of {plan['batch_size']}, crops of {'x'.join(map(str, plan['crop']))}"),
    )


def _refuse_choices_on_resume(overwrite, given):
    if overwrite:
        raise click.UsageError(
            "--resume and --overwrite exclude each other: the first goes on, the second starts anew."
        )
    for name, value in given.items():
        if value is not None:
            option = name.replace("_", "-")
            raise click.UsageError(
                f"--{option} cannot be given with --resume, which follows the plan of the run. Drop --{option}."
            )
