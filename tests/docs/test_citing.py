"""Whatever has a paper is on the page that says how to cite it."""

import page_code
import pytest

import keras_seg as ks

pytestmark = pytest.mark.tensorflow_only

PAGE = (page_code.ROOT / "docs" / "citing.md").read_text(encoding="utf-8")
OWN = {"FullResolutionNet", "WeightedSum", "SegmentationLoss"}  # Of no paper: ours, or shared code.


@pytest.mark.parametrize("name", sorted(set(ks.models.names()) - OWN))
def test_every_model(name):
    assert f"`{name}" in PAGE


@pytest.mark.parametrize("name", sorted({name for name in ks.losses.__all__ if name[0].isupper()} - OWN))
def test_every_loss(name):
    assert f"`{name}" in PAGE
