"""Keras has no types, and what a checker infers of it is wrong: `keras.ops` would return None, layers no tensors.

Everything of Keras is Any here, so that the checker looks at our own code.
"""

from typing import Any

def __getattr__(name: str) -> Any: ...
