"""What runs on one device, although the process has several."""

import contextlib

from keras_seg.training.hosts.group import Group


def noted(monkeypatch):
    """A list of the groups that were asked to go on alone, on one device, from now on."""
    inside = []

    @contextlib.contextmanager
    def alone(group):
        inside.append(group)
        yield

    monkeypatch.setattr(Group, "alone", alone)
    return inside
