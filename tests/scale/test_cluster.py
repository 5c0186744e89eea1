"""Room for workers, and clusters that cannot be had."""

import sys

import pytest

from keras_seg._validation import InputError
from keras_seg.scale import cluster

pytestmark = pytest.mark.tensorflow_only


def test_room_for_workers():
    assert cluster._room({"CPU": 8.0}, None) == (2, 4.0, 0)
    assert cluster._room({"CPU": 2.0}, 2) == (2, 1.0, 0)
    assert cluster._room({"CPU": 2.0}, 3) == (3, 0.66, 0)
    assert cluster._room({"CPU": 16.0, "GPU": 2.0}, None) == (2, 8.0, 1)
    with pytest.raises(InputError, match="`workers` must be at most 2, the GPUs"):
        cluster._room({"CPU": 16.0, "GPU": 2.0}, 3)
    with pytest.raises(InputError, match="`workers` must be an integer"), cluster.started(0, None):
        pass


def test_without_ray_the_error_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray.data", None)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r'pip install "keras-seg\[scale\]"'):
        cluster.check_installed()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "127.0.0.1:99999"])
def test_an_address_without_a_cluster_is_refused(address):
    pytest.importorskip("ray", reason='Ray is missing: pip install "keras-seg[scale]"')
    refused = pytest.raises(InputError, match="`ray_address` must be that of a running cluster")
    with refused as error, cluster.started(1, address):
        pass
    assert "\n" not in str(error.value)
