"""Models of PyTorch with random weights. Runs where PyTorch is installed."""

import importlib.metadata
import json

import numpy as np
import torch
from random_states import image, random_state


def shapes_of(model):
    """{key: shape} of a state dict."""
    return {key: list(value.shape) for key, value in model.state_dict().items()}


def with_random_weights(model):
    """(`model` in inference mode with the weights of `random_state`, their shapes as JSON)."""
    shapes = shapes_of(model)
    state = {key: torch.tensor(value) for key, value in random_state(shapes).items()}
    # By the class, as some encoders have a stricter method of their own.
    missing, unexpected = torch.nn.Module.load_state_dict(model, state, strict=False)
    assert not unexpected and all(key.endswith("num_batches_tracked") for key in missing), (missing, unexpected)
    return model.eval(), np.array(json.dumps(shapes))


def tensor(height, width):
    """The image of `random_states`, as PyTorch has it."""
    return torch.tensor(image(height, width)).permute(0, 3, 1, 2)


def versions(*packages):
    """The installed versions, as JSON."""
    return np.array(json.dumps({name: importlib.metadata.version(name) for name in packages}))
