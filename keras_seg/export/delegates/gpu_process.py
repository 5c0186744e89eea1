"""Runs a TFLite file on LiteRT's GPU delegate: python gpu_process.py FILE IMAGES.npy OUTPUTS.npz

A process of its own, as drivers may crash; LiteRT's log goes to standard error. It must not import keras_seg, which
would bring a second copy of TFLite's operators.
"""

import sys
from typing import Any

import numpy as np


def main(file: str, images: str, outputs: str) -> None:
    """Write the outputs for each image, by name, to `outputs`; `complete` says whether all nodes were taken."""
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.hardware_accelerator import HardwareAccelerator

    model = CompiledModel.from_file(file, hardware_accel=HardwareAccelerator.GPU)
    (signature,) = model.get_signature_list()
    sources, targets = (getattr(model, f"create_{kind}_buffers")(0) for kind in ("input", "output"))
    details = model.get_output_tensor_details(signature)
    names = model.get_signature_list()[signature]["outputs"]
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for image in np.load(images):
        sources[0].write(np.ascontiguousarray(image[None]))
        model.run_by_index(0, sources, targets)
        for name, target in zip(names, targets, strict=True):
            shape, dtype = tuple(details[name]["shape"]), np.dtype(details[name]["dtype"])
            found[name].append(target.read(int(np.prod(shape)), dtype.type).reshape(shape)[0])
    arrays: dict[str, Any] = {f"map_{name}": np.stack(maps) for name, maps in found.items()}
    np.savez(outputs, complete=model.is_fully_accelerated(), **arrays)


if __name__ == "__main__":
    main(*sys.argv[1:])
