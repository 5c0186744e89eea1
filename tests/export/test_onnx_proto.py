"""ONNX files that are written one constant after the other, compared with onnx' own serialization."""

import errno
import pathlib

import numpy as np
import pytest

from keras_seg import _validation

files = pytest.importorskip("onnx", reason="needs onnx")

from keras_seg.export import onnx_proto  # noqa: E402
from keras_seg.export.onnx_proto import LargeConstant, write_proto  # noqa: E402


def model(constants=()):
    """A model that adds to its input, with initializers."""
    ends = [files.helper.make_tensor_value_info(name, files.TensorProto.FLOAT, [1]) for name in ("image", "scores")]
    nodes = [files.helper.make_node("Add", ["image", "small"], ["scores"])]
    held = [files.numpy_helper.from_array(np.ones(1, "float32"), "small"), *constants]
    graph = files.helper.make_graph(nodes, "g", ends[:1], ends[1:], held)
    proto = files.helper.make_model(graph, opset_imports=[files.helper.make_opsetid("", 17)])
    files.helper.set_model_props(proto, {"classes": "3"})
    return proto


@pytest.mark.parametrize("dtype", ["float32", "float16", "int32"])
@pytest.mark.parametrize("shape", [(1,), (127,), (128,), (3, 0, 2), (16384,), (5, 300, 7)])
def test_the_file_is_that_of_onnx(shape, dtype, tmp_path):
    """Lengths of one, two and three bytes in Protobuf's form, and arrays that are not contiguous."""
    values = np.random.default_rng(0).normal(0, 50, shape).astype(dtype)
    arrays = {"a": values, "b": values.T, "c": values[::-1]}
    constants = {name: LargeConstant(a.shape, a.dtype, lambda a=a: a) for name, a in arrays.items()}
    write_proto(model(), tmp_path / "m.onnx", constants)
    tensors = [files.numpy_helper.from_array(np.ascontiguousarray(a), name) for name, a in arrays.items()]
    wanted = model(tensors)
    assert (tmp_path / "m.onnx").stat().st_size == wanted.ByteSize()
    assert files.load(tmp_path / "m.onnx") == wanted


def test_a_file_that_no_reader_takes(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_proto, "_MOST", 2000)
    large = LargeConstant((500,), np.dtype("float32"), lambda: np.zeros(500, "float32"))
    with pytest.raises(_validation.InputError, match=r"less than 2 GB.*SavedModel"):
        write_proto(model(), tmp_path / "m.onnx", {"a": large})
    assert not (tmp_path / "m.onnx").exists()


def test_every_byte_counts(tmp_path, monkeypatch):
    large = LargeConstant((500,), np.dtype("float32"), lambda: np.zeros(500, "float32"))
    write_proto(model(), tmp_path / "m.onnx", {"a": large})
    size = (tmp_path / "m.onnx").stat().st_size
    monkeypatch.setattr(onnx_proto, "_MOST", size)
    write_proto(model(), tmp_path / "m.onnx", {"a": large})
    monkeypatch.setattr(onnx_proto, "_MOST", size - 1)
    with pytest.raises(_validation.InputError):
        write_proto(model(), tmp_path / "m.onnx", {"a": large})


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk(tmp_path):
    """Named as such: the error has the code by which a full disk is known."""
    large = LargeConstant((50_000,), np.dtype("float32"), lambda: np.zeros(50_000, "float32"))
    with pytest.raises(OSError) as caught:
        write_proto(model(), pathlib.Path("/dev/full"), {"a": large})
    assert caught.value.errno == errno.ENOSPC
