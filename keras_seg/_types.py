"""Names of types that several signatures share.

Tensors are `Any`: a Keras tensor is another class on each backend, and arrays are accepted wherever tensors are.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# A tensor of the backend, a KerasTensor, or an array.
Tensor = Any
# A NumPy array, or what `numpy.asarray` turns into one.
ArrayLike = Any
PathLike = str | os.PathLike[str]
# None, "imagenet", a file, or a state dict of PyTorch.
Weights = PathLike | Mapping[str, ArrayLike] | None
# One label or several that are not classes.
IgnoreClass = int | Sequence[int] | None
# One number for both sides, or (height, width).
Size = int | tuple[int, int]
# Whether to show a bar, or a function called with (done, total), where total may be None: unknown.
Progress = bool | Callable[[int, int | None], None] | None
