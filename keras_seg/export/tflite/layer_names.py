"""Which Keras layers a tensor of a TFLite file came from."""

import re

_COUNTED = re.compile(r"_\d+$")


class LayerNames:
    """Reads the names that the converter gives to tensors.

    A tensor is called by the scopes of the operations that were fused into it, the last one first:
    `unet_1/relu_1/Relu;unet_1/conv_1/convolution`. Keras counts scopes, so that `conv` may read `conv_1` there.

    Args:
        model: the functional keras.Model that was converted.
    """

    def __init__(self, model):
        self.layers = [layer.name for layer in model._flatten_layers(include_self=False)]
        self._known, self._model = set(self.layers), model.name
        operation = model.outputs[0]._keras_history.operation if getattr(model, "outputs", None) else None
        self._last = operation.name if operation is not None else self.layers[-1]

    def of(self, tensor):
        """The layers of a tensor, those of the operation that computes it first; empty where no layer is named.

        A convolution whose activation was fused into it is called by the convolution, then by the activation.
        """
        if tensor.startswith("StatefulPartitionedCall") and "/" not in tensor:
            return (self._last,)
        found = [layer for part in reversed(tensor.split(";")) for layer in reversed(self._path(part))]
        return tuple(dict.fromkeys(found))

    def _path(self, scopes):
        """The layers in one path of scopes, outermost first."""
        scopes = scopes.split("/")
        # All scopes of one trace are counted alike: what stands behind the model's name stands behind its layers'.
        counted = next((s[len(self._model) :] for s in scopes if _COUNTED.sub("", s) == self._model), "")
        if not _COUNTED.fullmatch(counted):
            counted = ""
        path = []
        for scope in scopes:
            tries = (scope.removesuffix(counted), scope, _COUNTED.sub("", scope))
            path += [name for name in tries if name in self._known][:1]
        return path
