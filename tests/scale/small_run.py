"""A run for tests of predictions, trained as little as possible."""

import made_data
from shell import TRAIN, trained_by_command


def small_run(tmp_path_factory):
    """The folder of a run on a few images of shapes."""
    data = made_data.shapes(tmp_path_factory, train=4, val=2, image_size=(48, 56))
    return trained_by_command(tmp_path_factory, data, *TRAIN)
