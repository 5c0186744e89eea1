"""Tensors that are 0 for all images on which an int8 file is calibrated."""

from typing import Any

import numpy as np

# TensorFlow measures [0, 1e-38] for them.
_ZERO = 1e-37


def with_ranges(calibrated: bytes) -> bytes:
    """A calibrated float32 file in which tensors that were always 0 have the range [0, 1].

    Without a range, as behind a ReLU that no image passes, the quantizer gives them a step of 1e-8. XNNPACK, which runs
    int8 files on phones, refuses operators that enlarge numbers by that much, and with them the file.
    """
    from tensorflow.lite.python import schema_py_generated as schema

    content = bytearray(calibrated)
    model: Any = schema.Model.GetRootAsModel(content, 0)
    for subgraph in map(model.Subgraphs, range(model.SubgraphsLength())):
        for tensor in map(subgraph.Tensors, range(subgraph.TensorsLength())):
            quantization = tensor.Quantization()
            if quantization is None or not quantization.MinLength():
                continue
            low, high = quantization.MinAsNumpy(), quantization.MaxAsNumpy()  # Views of the content.
            if np.abs(low).max() < _ZERO and np.abs(high).max() < _ZERO:
                high[:] = 1
    return bytes(content)
