"""Addresses of stores where only a path is taken: refused, and not taken for a folder named "s3:"."""

import pathlib

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg import _files
from keras_seg._validation import InputError
from keras_seg.data.conversion.writing import finished_folder
from keras_seg.training.run_folder import RunFolder


def convert(out):
    with finished_folder(pathlib.Path(out)):
        raise AssertionError("the block must not begin")


def pack(out):
    folder = ks.data.write_shapes("shapes", train=2, val=1, image_size=32)
    ks.data.write_shards(folder, out, progress=False)


def predict(path):
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1, activation="softmax")(inputs))
    ks.inference.TiledPredictor(model, tile=32).predict(np.zeros((40, 40, 3), "uint8"), path)


WRITERS = {
    "a run": lambda out: RunFolder(out).check_startable(),
    "a file": lambda out: _files.write_text(out, "text"),
    "scenes": lambda out: ks.data.write_shapes(out, train=1, val=1, image_size=32),
    "shards": pack,
    "a conversion": convert,
    "a raster": lambda out: predict(pathlib.Path(f"{out}.npy")),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("address", ["s3://bucket/out", "gs://bucket/out", "s3://bucket"])
def test_an_address_is_no_path(name, address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"(s3|gs):/.*is an address, and this is written to a disk"):
        WRITERS[name](address)
    assert not [item for item in tmp_path.iterdir() if item.name != "shapes"]


@pytest.mark.parametrize("path", ["C:/data/out", "a/s3:/out", "out", "/out", "./s3:x"])
def test_paths(path):
    _files.check_on_disk(path)
