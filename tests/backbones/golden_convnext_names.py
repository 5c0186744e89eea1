"""Makes golden_convnext_names.npz: ConvNeXtV2Atto with random weights under the names of transformers and the authors.

Transformers computes its own; for the authors' names timm does, whose converter reads their checkpoints.

Runs where the packages of golden_torch.py and transformers are installed:

PYTHONPATH=tests python tests/backbones/golden_convnext_names.py
"""

import json
import pathlib

import numpy as np
import timm
import torch
import transformers
from golden_torch import SIZES, convnext, hooked
from random_states import random_state, sample
from timm.models.convnext import checkpoint_filter_fn
from torch_originals import tensor, versions, with_random_weights

WIDTH, DEPTHS = 40, (2, 2, 6, 2)


def of_transformers():
    widths = [WIDTH * 2**stage for stage in range(4)]
    config = transformers.ConvNextV2Config(hidden_sizes=widths, depths=list(DEPTHS))
    model, shapes = with_random_weights(transformers.ConvNextV2ForImageClassification(config))
    return model, model.convnextv2.encoder.stages, shapes


def of_authors():
    """The modules of `models/convnextv2.py` in github.com/facebookresearch/ConvNeXt-V2."""
    shapes = {"norm": (8 * WIDTH,), "head": (1000, 8 * WIDTH), "downsample_layers.0.0": (WIDTH, 3, 4, 4)}
    shapes["downsample_layers.0.1"] = (WIDTH,)
    for stage, depth in enumerate(DEPTHS):
        width = WIDTH * 2**stage
        if stage:
            shapes[f"downsample_layers.{stage}.0"] = (width // 2,)
            shapes[f"downsample_layers.{stage}.1"] = (width, width // 2, 2, 2)
        for block in range(depth):
            place = f"stages.{stage}.{block}"
            shapes |= {f"{place}.dwconv": (width, 1, 7, 7), f"{place}.norm": (width,)}
            shapes |= {f"{place}.pwconv1": (4 * width, width), f"{place}.pwconv2": (width, 4 * width)}
            shapes |= {f"{place}.grn": (1, 1, 1, 4 * width)}
    named = {}
    for module, shape in shapes.items():
        weight, bias = ("gamma", "beta") if module.endswith("grn") else ("weight", "bias")
        named[f"{module}.{weight}"] = list(shape)
        named[f"{module}.{bias}"] = list(shape if module.endswith("grn") else shape[:1])
    model = timm.create_model("convnextv2_atto")
    state = {key: torch.tensor(value) for key, value in random_state(named).items()}
    model.load_state_dict(checkpoint_filter_fn(state, model))
    return model.eval(), convnext(model), np.array(json.dumps(named))


def main():
    golden = {}
    for name, make in (("transformers", of_transformers), ("authors", of_authors)):
        model, modules, golden[f"{name}/shapes"] = make()
        for height, width in SIZES:
            for number, map in enumerate(hooked(model, modules, tensor(height, width))):
                golden[f"{name}/{height}/{number}/shape"] = np.array(map.shape[1:])
                golden[f"{name}/{height}/{number}"] = sample(map)
    golden["versions"] = versions("torch", "timm", "transformers")
    np.savez_compressed(pathlib.Path(__file__).with_suffix(".npz"), **golden)


if __name__ == "__main__":
    main()
