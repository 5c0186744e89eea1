"""Which Keras layers a tensor of a TFLite file came from."""

import re
from collections.abc import Sequence
from typing import Any

import keras

_COUNTED = re.compile(r"_\d+$")


class LayerNames:
    """Reads the names that the converter gives to tensors.

    A tensor is named after the scopes of the operations that were fused into it, the last one first:
    `unet_1/relu_1/Relu;unet_1/conv_1/convolution`. Keras counts scopes, so that `conv` may be `conv_1` there.

    Args:
        model: str. The name of the Keras model that was converted.
        layers: sequence of str. The names of its layers.
        last: str. The layer that gives the output.
    """

    def __init__(self, *, model: str, layers: Sequence[str], last: str) -> None:
        self.layers = list(layers)
        self._known, self._model, self._last = set(self.layers), model, last

    @classmethod
    def of_model(cls, model: keras.Model) -> "LayerNames":
        """Those of a Keras model."""
        layers = [layer.name for layer in model._flatten_layers(include_self=False)]
        operation = model.outputs[0]._keras_history.operation if getattr(model, "outputs", None) else None
        return cls(model=model.name, layers=layers, last=operation.name if operation is not None else layers[-1])

    def to_dict(self) -> dict[str, Any]:
        """The arguments of the constructor, for JSON."""
        return {"model": self._model, "layers": self.layers, "last": self._last}

    def of(self, tensor: str) -> tuple[str, ...]:
        """The layers of a tensor, those of the operation that computes it first; empty where no layer is named.

        A convolution with a fused activation gives the convolution, then the activation.
        """
        if tensor.startswith("StatefulPartitionedCall") and "/" not in tensor:
            return (self._last,)
        found = [layer for part in reversed(tensor.split(";")) for layer in reversed(self._path(part))]
        return tuple(dict.fromkeys(found))

    def _path(self, scopes: str) -> list[str]:
        """The layers in one path of scopes, outermost first."""
        parts = scopes.split("/")
        # All scopes of one trace have the same count: the number after the model's name is after its layers' names too.
        counted = next((s[len(self._model) :] for s in parts if _COUNTED.sub("", s) == self._model), "")
        if not _COUNTED.fullmatch(counted):
            counted = ""
        path = []
        for scope in parts:
            tries = (scope.removesuffix(counted), scope, _COUNTED.sub("", scope))
            path += [name for name in tries if name in self._known][:1]
        return path
