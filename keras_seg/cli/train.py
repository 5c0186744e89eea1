"""keras-seg train."""

import time

import click

from keras_seg._validation import InputError
from keras_seg.cli import console
from keras_seg.cli.options import IntList, data_arguments, data_options, out_run, overwrite
from keras_seg.cli.start import STARTED, keras_ready

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
@data_options
@plan_options
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
@overwrite
def train(data, out, val, num_classes, ignore_class, class_names, channels, resume, overwrite, **given):
    """Train a model on the folder DATA, judge it, and keep everything in one run folder.

    DATA holds images/ and masks/ of the same file names, or train/ and val/ with these two in each.
    """
    data_options = data_arguments(num_classes, ignore_class, class_names, channels)
    if resume:
        _refuse_choices_on_resume(overwrite, {**given, **data_options})
    run_training(data, out, val, data_options, given, resume, overwrite)


def run_training(data, out, val, data_options, given, resume=False, overwrite=False, started=STARTED):
    """Scan, plan, train, judge and save; what `train` and `demo` do. A limit in minutes counts from `started`.

    Returns:
        (keras.Model, `Evaluation`).
    """
    keras_ready()
    from keras_seg.training import RunFolder

    run = RunFolder(out)
    stored = run.load_plan() if resume else None
    if stored is None:
        run.check_free(overwrite)
    elif run.model_file.exists():
        raise InputError(f"{run.path}: its training has ended. Use it, or start anew with --overwrite.")
    else:
        labels = run.load_labels()
        data_options = {
            "num_classes": len(labels["names"]),
            "ignore_class": tuple(labels["ignore_class"]) or None,
            "class_names": labels["names"],
            "channels": stored.fingerprint["channels"],
        }

    return _train(run, *scan(data, val, data_options), stored, given, started)


def scan(data, val, data_options):
    """The folders to train and to validate on, each looked through once."""
    from keras_seg import data as ks_data

    data_options = dict(data_options)
    with console.console.status(f"Reading {data}"):
        channels = data_options.pop("channels", None) or 3
        splits = ks_data.find_splits(data)
        train_index = ks_data.scan_folder(
            data, "train" if "train" in splits else None, channels=channels, **data_options
        )
        if val is not None:
            val_splits = ks_data.find_splits(val)
            val_index = ks_data.scan_folder(
                val, "val" if "val" in val_splits else None, encoding=train_index.encoding, channels=channels
            )
        elif "val" in splits:
            val_index = ks_data.scan_folder(data, "val", encoding=train_index.encoding, channels=channels)
        else:
            train_index, val_index = ks_data.split_index(train_index)
    for text in train_index.notices:
        console.notice(text)
    return train_index, val_index


def _train(run, train_index, val_index, stored, given, started):
    from keras_seg import _files, training
    from keras_seg.cli.training_progress import TrainingProgress

    facts = training.fingerprint(train_index, val_index)
    if stored is None:
        plan = training.make_plan(facts, **given)
        training.build_model(plan)  # Whatever cannot be built must fail before an older run is replaced.
        run.create(plan, _labels(train_index))
    else:
        plan = stored
        for name in ("train_images", "num_classes"):
            if facts[name] != plan.fingerprint[name]:
                raise InputError(
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
    return model, _judge(run, model, val_index)


def _judge(run, model, index):
    """Evaluate the trained model, and leave the numbers and a picture in the run folder."""
    import numpy as np

    from keras_seg import _files, visualization
    from keras_seg.data.decoded_store import DecodedStore
    from keras_seg.inference import predict_classes

    evaluation = console.evaluate_with_bar(model, index)
    _files.write_json(run.metrics_file, {"split": "validation", "data": index.path, **evaluation.to_dict()})
    store = DecodedStore(index)
    positions = np.linspace(0, len(index) - 1, min(4, len(index))).astype(int)
    images, masks = zip(*(store.get(position) for position in positions), strict=True)
    predictions = [predict_classes(model, image[None])[0] for image in images]
    panel = visualization.prediction_panel(images, masks, predictions, index.class_names)
    with _files.written_aside(run.panel_file, overwrite=True) as aside:
        panel.save(aside)
    console.console.print(console.score_table(evaluation, f"{len(index)} validation images"))
    console.fact_sheet(("Run folder", run.path), ("Pictures", run.panel_file), ("Reasons", run.plan_file))
    return evaluation


def _labels(index):
    """labels.json of the run."""
    return {"names": list(index.class_names), "ignore_class": list(index.ignore_class)}


def _describe(plan, train_index, val_index):
    height, width = plan.fingerprint["median_size"]
    limit = f"{plan['epochs']} epochs" if plan["minutes"] is None else f"{plan['minutes']:g} minutes"
    console.fact_sheet(
        ("Data", f"{len(train_index)} images to train on, {len(val_index)} to validate on, about {height}x{width}"),
        ("Classes", ", ".join(train_index.class_names)),
        ("Model", f"{plan['model']}, backbone {plan['backbone']}, weights {plan['weights'] or 'from scratch'}"),
        ("Plan", f"{limit}, batches of {plan['batch_size']}, crops of {'x'.join(map(str, plan['crop']))}"),
    )


def _refuse_choices_on_resume(overwrite, given):
    if overwrite:
        raise InputError("--resume and --overwrite exclude each other: the first goes on, the second starts anew.")
    for name, value in given.items():
        if value is not None:
            option = name.replace("_", "-")
            raise InputError(
                f"--{option} cannot be given with --resume, which follows the plan of the run. Drop --{option}."
            )
