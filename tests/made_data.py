"""Small data folders and runs, made for a module's tests."""

import json
import pathlib
import shutil
import types

import keras
import numpy as np
from PIL import Image

import keras_seg as ks
from keras_seg.training import RunFolder, fingerprint, fit, make_plan
from keras_seg.training.tasks import find_task


def shapes(tmp_path_factory, **options):
    """A folder of generated shapes."""
    return ks.data.write_shapes(tmp_path_factory.mktemp("data") / "shapes", **options)


def cells(tmp_path_factory, **options):
    """A folder of generated cells, whose masks number them."""
    return ks.data.write_cells(tmp_path_factory.mktemp("data") / "cells", **options)


def scanned(folder):
    """Its indices to train on and to validate on."""
    train = ks.data.scan_folder(folder, split="train")
    return train, ks.data.scan_folder(folder, split="val", encoding=train.encoding)


def trained(path, train, validation, *, task="semantic", log=(), callbacks=(), **given):
    """A run of two steps per epoch."""
    choices = {"epochs": 1, "steps_per_epoch": 2, "batch_size": 2, "decoder_stride": 8, "crop": (32, 32), **given}
    plan = make_plan(fingerprint(train, validation, task=task), **choices)
    fit(plan, train=train, validation=validation, run=path, log=log, callbacks=callbacks)
    return RunFolder(path)


def overlapping(folder, *, train=4, val=2, size=(48, 56), split=True):
    """A folder of a rectangle and a bar across it, with a mask per class: a part of each image belongs to both."""
    for number in range(train + val):
        name = "train" if number < train else "val"
        root = pathlib.Path(folder) / name if split else pathlib.Path(folder)
        box, bar = np.zeros(size, bool), np.zeros(size, bool)
        box[8 : 30 + number, 6:26], bar[18:24, 2 + number : 50] = True, True
        image = np.full((*size, 3), 40 + number, "uint8")
        image[box, 0], image[bar, 2] = 200, 220
        for place, array in (("images", image), ("masks/bar", bar), ("masks/box", box)):
            (root / place).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(root / place / f"{number}.png")
    return pathlib.Path(folder)


def untrained(path, train, validation, *, task="semantic", decoding=None):
    """A finished run, quickly: of a small model that was not trained."""
    kind, run = find_task(task), RunFolder(path)
    plan = make_plan(fingerprint(train, validation, task=task))
    run._create(plan, kind.label_schema(train))
    image = keras.Input((None, None, 3))
    deep = keras.layers.MaxPooling2D()(keras.layers.Rescaling(1 / 255)(image))
    deep = keras.layers.UpSampling2D()(keras.layers.Conv2D(4, 3, padding="same", activation="relu")(deep))
    classes = len(kind.label_schema(train)["names"])
    model = keras.Model(image, keras.layers.Conv2D(classes, 3, padding="same", activation="softmax")(deep))
    model.save(run.model_file)
    found = kind.evaluate(model, validation, settings=decoding)
    if decoding is not None:
        run.decoding_file.write_text(json.dumps(decoding))
    paths = {"split": "validation", "data": validation.path, "train_data": train.path}
    run.metrics_file.write_text(json.dumps({**paths, **found.to_dict()}))
    return run


def training_of_copies(folder, train, validation):
    """In place of `LeaderboardRuns.train`: each run is one of two untrained ones, and FPN fails."""
    runs = [untrained(folder / str(number), train, validation) for number in (0, 1)]
    evaluation = find_task("semantic").evaluate(runs[0].load_model(), validation)
    for run in runs:
        run.report_file.write_text("")

    def copy(board, one, **options):
        if one.plan["model"] == "FPN":
            raise ks.InputError("`weights` are missing. Put the file there.")
        shutil.copytree(runs[(len(one.plan["model"]) + one.seed) % 2].path, one.run.path)
        return types.SimpleNamespace(evaluation=evaluation, epoch=None)

    return copy
