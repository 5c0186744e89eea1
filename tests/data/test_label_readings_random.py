"""Random folders of black and white masks in every form that is certain, against an independent reader."""

import pathlib
import tempfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_seg.data import scan_folder

# NumPy, Pillow and tf.data only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only

FORMS = ("unit", "white", "one bit", "black first", "white first")


def saved(truth, form):
    image = Image.fromarray(truth.astype("uint8") * (255 if form in ("white", "one bit") else 1))
    if form == "one bit":
        return image.convert("1")
    if form in ("black first", "white first"):
        turned = form == "white first"
        image = Image.frombytes("P", truth.shape[::-1], (truth ^ turned).astype("uint8").tobytes())
        image.putpalette([255] * 3 + [0] * 3 if turned else [0] * 3 + [255] * 3)
    return image


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(FORMS), st.integers(0, 11)), min_size=1, max_size=5))
def test_every_form_is_read_as_drawn(masks):
    with tempfile.TemporaryDirectory() as name:
        folder, drawn = pathlib.Path(name), []
        for kind in ("images", "masks"):
            (folder / kind).mkdir()
        for number, (form, width) in enumerate(masks):
            truth = np.zeros((6, 12), bool)
            truth[1:, :width] = True  # Some background always, and sometimes no foreground.
            drawn.append(truth)
            Image.new("RGB", (12, 6)).save(folder / "images" / f"{number}.png")
            saved(truth, form).save(folder / "masks" / f"{number}.png")
        index = scan_folder(folder, num_classes=2)
        for position, truth in enumerate(drawn):
            assert (index.read_labels(position) == truth).all()
            assert index.pixel_counts[position, 1] == truth.sum()
