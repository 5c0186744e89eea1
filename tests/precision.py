"""The dtype policies that models are trained in."""

import keras


def set_policy(name):
    if name == "mixed_float16" and keras.backend.backend() == "torch":
        name = "mixed_bfloat16"  # PyTorch has no float16 convolutions on CPUs.
    keras.config.set_dtype_policy(name)
