"""Random weights for the models that surgery is tested on."""

import numpy as np


def randomized(model):
    """`model` with weights, BatchNormalization statistics included, that make every layer count."""
    rng = np.random.default_rng(1)

    def drawn(weight):
        if weight.ndim < 2:
            return weight + rng.uniform(0.05, 0.3, size=weight.shape)
        fan_in = np.prod(weight.shape[:2] if weight.shape[-1] == 1 else weight.shape[:-1])
        return rng.normal(0, np.sqrt(2 / fan_in), size=weight.shape)

    model.set_weights([drawn(weight) for weight in model.get_weights()])
    return model
