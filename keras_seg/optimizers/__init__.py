"""Optimizers beside those of Keras."""

from keras_seg.optimizers.kernel_decay_adamw import KernelDecayAdamW

__all__ = ["KernelDecayAdamW"]
