"""Runs that are interrupted, by an error or by SIGKILL, and go on without predicting a finished tile again."""

import json
import os
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from small_models import photo, unet

from keras_seg._validation import InputError
from keras_seg.inference import TestTimeAugmentation, TiledPredictor
from keras_seg.inference.tiling.run_journal import model_mark
from keras_seg.inference.tiling.written_rows import PathTarget, npy_file

pytestmark = pytest.mark.tensorflow_only
IMAGE = photo(150, 70)


class Interrupted(Exception):
    pass


def reader(stop_at=None, image=IMAGE):
    """A reader that fails at the tile row that begins with row `stop_at`."""

    def read(y0, y1, x0, x1):
        if stop_at is not None and y0 >= stop_at:
            raise Interrupted
        return image[y0:y1, x0:x1]

    read.shape = image.shape
    return read


@pytest.fixture(scope="module")
def net():
    return unet()


def predictor(net, **kwargs):
    return TiledPredictor(net, **{"tile": 32, "overlap": 0.6, "batch_size": 1, **kwargs})


@pytest.fixture
def calls(net, monkeypatch):
    """The batches that the net is called with."""
    batches, predict = [], net.predict_on_batch
    monkeypatch.setattr(net, "predict_on_batch", lambda batch: batches.append(batch.copy()) or predict(batch))
    return batches


@pytest.mark.parametrize("blend", ["gaussian", "crop"])
@pytest.mark.parametrize("output", ["probabilities", "class_ids"])
def test_finished_tiles_are_not_predicted_again(net, calls, tmp_path, blend, output):
    """With an overlap of 0.6, up to three tile rows add to a row of pixels: their sums must survive too."""
    predict = predictor(net, blend=blend, output=output).predict
    expected = predict(IMAGE)
    rows, columns = predictor(net).grid((150, 70))
    assert len(calls) == len(rows.starts) * len(columns.starts)
    every = [batch.copy() for batch in calls]
    calls.clear()
    path = tmp_path / "out.npy"
    for stop in (60, 100):
        with pytest.raises(Interrupted):
            predict(reader(stop), path, resume=True)
        assert not path.exists()
    assert 0 < len(calls) < len(every)
    done = []
    found = predict(reader(), path, resume=True, progress=lambda *counts: done.append(counts))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(calls, every)  # Each tile once, in order, over the three runs.
    assert done[0][0] > 1 and done[-1] == (len(every), len(every))
    assert [item.name for item in tmp_path.iterdir()] == ["out.npy"]


def test_a_memory_map_goes_on_too(net, calls, tmp_path):
    predict = predictor(net, output="class_ids").predict
    expected = predict(IMAGE)
    total = len(calls)
    calls.clear()
    out = np.lib.format.open_memmap(tmp_path / "out.npy", mode="w+", dtype="uint8", shape=(150, 70))
    with pytest.raises(Interrupted):
        predict(reader(60), out)
    with pytest.raises(InputError, match=r"out.npy.progress.json: belongs to a run that was interrupted.*resume=True"):
        predict(IMAGE, out)
    again = np.load(tmp_path / "out.npy", mmap_mode="r+")
    assert predict(reader(), again, resume=True) is again
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected)
    assert len(calls) == total
    assert [item.name for item in tmp_path.iterdir()] == ["out.npy"]


def test_batches_that_reach_into_the_next_row(net, calls, tmp_path):
    """Those of an unfinished row are predicted again, whole, and no others; the result is the same, bit for bit."""
    predict = predictor(net, batch_size=4).predict
    expected = predict(IMAGE)
    total = len(calls)
    calls.clear()
    with pytest.raises(Interrupted):
        predict(reader(100), tmp_path / "out.npy")
    found = predict(reader(), tmp_path / "out.npy", resume=True)
    np.testing.assert_array_equal(found, expected)
    assert len(calls) <= total + 1


def test_a_run_that_wrote_nothing_leaves_nothing(net, tmp_path):
    with pytest.raises(Interrupted):
        predictor(net).predict(reader(0), tmp_path / "out.npy")
    assert list(tmp_path.iterdir()) == []


class TestAnInterruptedRun:
    @pytest.fixture
    def path(self, net, tmp_path):
        with pytest.raises(Interrupted):
            predictor(net).predict(reader(60), tmp_path / "out.npy")
        return tmp_path / "out.npy"

    def contents(self, path):
        return {item.name: item.read_bytes() for item in path.parent.iterdir()}

    def refused(self, match, path, predict, *args, **kwargs):
        before = self.contents(path)
        with pytest.raises(InputError, match=match) as caught:
            predict(*args, path, **kwargs)
        assert "\n" not in str(caught.value)
        assert self.contents(path) == before

    def test_is_not_overwritten_unless_asked(self, net, path):
        assert set(self.contents(path)) == {
            "out.npy.partial",
            "out.npy.progress.json",
            f"out.npy.progress.json.{json.loads(self.contents(path)['out.npy.progress.json'])['tile_rows']}.npy",
        }
        predict = predictor(net).predict
        self.refused("belongs to a run that was interrupted.*resume=True", path, predict, IMAGE)
        np.testing.assert_array_equal(predict(IMAGE, path, overwrite=True), predict(IMAGE))
        assert set(self.contents(path)) == {"out.npy"}

    def test_goes_on_with_the_same_settings_only(self, net, path):
        for settings, match in [
            ({"tile": 48}, r"other settings: tile \[32, 32\], now \[48, 48\]"),
            ({"overlap": 0.5}, "overlap 0.6, now 0.5"),
            ({"blend": "constant"}, "blend gaussian, now constant"),
            ({"output": "class_ids"}, "output scores, now class_ids"),
        ]:
            self.refused(match, path, predictor(net, **settings).predict, reader(), resume=True)
        predict = predictor(net).predict
        self.refused("dtype float32, now float16", path, predict, reader(), resume=True, dtype="float16")
        self.refused(r"image .*150, 70.*now .*150, 71", path, predict, reader(image=photo(150, 71)), resume=True)

    def test_goes_on_with_the_same_model_only(self, net, path):
        weights = net.get_weights()
        same, other = unet(name="other_name"), unet()
        same.set_weights(weights)
        other.set_weights([weights[0] + 1e-6, *weights[1:]])
        self.refused("other settings: another model", path, predictor(other).predict, reader(), resume=True)
        advice = "overwrite=True without resume=True"
        self.refused(advice, path, predictor(other).predict, reader(), resume=True, overwrite=True)
        predictor(same).predict(reader(), path, resume=True)

    def test_says_when_its_record_is_broken(self, net, path):
        predict = predictor(net).predict
        journal = path.with_name("out.npy.progress.json")
        text = journal.read_text()
        for broken in ("", "{}", "[]", "{"):
            journal.write_text(broken)
            self.refused("is broken, so the run cannot go on.*overwrite=True", path, predict, reader(), resume=True)
        journal.write_text(text)
        path.with_name("out.npy.partial").unlink()
        self.refused("out.npy.partial: is gone or broken", path, predict, reader(), resume=True)


class TestAnInterruptedOverwrite:
    """The older result stays until the new one is complete."""

    @pytest.fixture
    def path(self, net, tmp_path):
        path = tmp_path / "out.npy"
        np.save(path, np.zeros(3))
        with pytest.raises(Interrupted):
            predictor(net).predict(reader(60), path, overwrite=True)
        np.testing.assert_array_equal(np.load(path), np.zeros(3))
        return path

    def test_goes_on(self, net, path):
        predict = predictor(net).predict
        with pytest.raises(
            InputError, match="out.npy.progress.json: belongs to a run that was interrupted.*resume=True"
        ):
            predict(IMAGE, path)
        np.testing.assert_array_equal(np.load(path), np.zeros(3))
        np.testing.assert_array_equal(predict(reader(), path, resume=True), predict(IMAGE))
        assert [item.name for item in path.parent.iterdir()] == ["out.npy"]

    def test_is_complete_when_its_rows_have_their_place(self, net, path):
        """A process may be killed before it removes the journal."""
        path.with_name("out.npy.partial").replace(path)
        before = path.read_bytes()
        with pytest.raises(InputError, match="`out` exists already"):
            predictor(net).predict(IMAGE, path, resume=True)
        assert path.read_bytes() == before


def test_a_store_of_rows_is_removed_in_one_step(tmp_path, monkeypatch):
    """Of a store that is half deleted, the missing chunks would be read as zeros."""
    (tmp_path / "out.npy.partial").mkdir()
    (tmp_path / "out.npy.partial" / "chunk").touch()

    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", interrupt)
    with pytest.raises(KeyboardInterrupt):
        PathTarget(tmp_path / "out.npy", npy_file((3,), np.dtype("uint8"))).abandon()
    assert not (tmp_path / "out.npy.partial").exists()


def test_what_makes_a_model_another(net, tmp_path):
    """Not its names, nor saving and loading; but options of layers that have no weights of their own."""

    def dilated(rate, **kwargs):
        inputs = keras.Input((None, None, 3))
        layer = keras.layers.Conv2D(2, 3, dilation_rate=rate, kernel_initializer="ones", padding="same", **kwargs)
        return keras.Model(inputs, layer(inputs))

    assert model_mark(dilated(1)) == model_mark(dilated(1, name="other"))
    assert model_mark(dilated(1)) != model_mark(dilated(2))
    assert model_mark(dilated(1)) != model_mark(dilated(1, activation="relu"))
    flipped, again, turned = (TestTimeAugmentation(net, [name]) for name in ("hflip", "hflip", "vflip"))
    assert model_mark(flipped) == model_mark(again) != model_mark(turned)
    flipped.save(tmp_path / "flipped.keras")
    flipped.trainable = False
    assert model_mark(keras.saving.load_model(tmp_path / "flipped.keras")) == model_mark(flipped)
    flipped.trainable = True


KILLED = """
import os, signal, sys
import numpy as np
sys.path.insert(0, {folder!r})
from small_models import photo, unet
from keras_seg.inference import TiledPredictor

net, image = unet(), photo(150, 70)
calls, predict = [], net.predict_on_batch
net.predict_on_batch = lambda batch: calls.append(1) or predict(batch)
def read(y0, y1, x0, x1):
    if y0 >= 60:
        print(len(calls), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    return image[y0:y1, x0:x1]
read.shape = image.shape
predictor = TiledPredictor(net, tile=32, overlap=0.6, batch_size=1, output="class_ids")
predictor.predict(read, {out!r}, resume=True)
"""


@pytest.mark.slow
@pytest.mark.thorough
def test_a_killed_process_goes_on_in_another(net, calls, tmp_path):
    """Which is this one."""
    predict = predictor(net, output="class_ids").predict
    expected = predict(IMAGE)
    total, out = len(calls), tmp_path / "out.npy"
    calls.clear()
    code = KILLED.format(folder=os.path.dirname(__file__), out=str(out))
    killed = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL and not out.exists()
    np.testing.assert_array_equal(predict(reader(), out, resume=True), expected)
    assert 0 < len(calls) == total - int(killed.stdout.split()[-1])
