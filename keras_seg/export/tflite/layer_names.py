"""Which Keras layers a tensor of a TFLite file came from."""

import re

import keras

_COUNTED = re.compile(r"_\d+$")


class LayerNames:
    """Reads the names that the converter gives to tensors.

    A tensor is named after the scopes of the operations that were fused into it, the last one first:
    `unet_1/relu_1/Relu;unet_1/conv_1/convolution`. Keras counts scopes, so that `conv` may be `conv_1` there.

    Args:
        model: keras.Model. The functional model that was converted.
    """

    def __init__(self, model: keras.Model) -> None:
        self.layers = [layer.name for layer in model._flatten_layers(include_self=False)]
        self._known, self._model = set(self.layers), model.name
        operation = model.outputs[0]._keras_history.operation if getattr(model, "outputs", None) else None
        self._last = operation.name if operation is not None else self.layers[-1]

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
