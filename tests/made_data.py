"""Small data folders and runs, made for a module's tests."""

import keras_seg as ks
from keras_seg.training import RunFolder, fingerprint, fit, make_plan


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


def trained(path, train, validation, *, task="semantic", log=(), **given):
    """A run of two steps per epoch."""
    choices = {"epochs": 1, "steps_per_epoch": 2, "batch_size": 2, "decoder_stride": 8, "crop": (32, 32), **given}
    plan = make_plan(fingerprint(train, validation, task=task), **choices)
    fit(plan, train=train, validation=validation, run=path, log=log)
    return RunFolder(path)
