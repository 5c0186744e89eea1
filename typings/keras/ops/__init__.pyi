"""Keras has no types, and what is inferred of `keras.ops` is wrong: None for tensors of a backend."""

from typing import Any

def __getattr__(name: str) -> Any: ...
