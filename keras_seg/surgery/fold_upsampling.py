"""UpsampleConv as the convolutions it computes, their kernels made once."""

import keras

from keras_seg import _validation
from keras_seg.layers import UpsampleConv
from keras_seg.surgery.copying import LayerCopies, rebuilt


def fold_upsampling(model, input_size=None):
    """The model with each `UpsampleConv` as the layers it stands for: for export, not for training.

    Where its fast form applies, an `UpsampleConv` makes the 4x4 kernel of a transposed convolution from its 3x3 kernel
    at every call. Here that kernel is made once, and the layer is replaced by `Conv2DTranspose`, for the skip
    connection a `Conv2D` and an addition, its normalization and its activation, named `{layer}_enlarge`,
    `{layer}_skip`, `{layer}_sum`, `{layer}_norm` and `{layer}`. Where the plain form applies the layer stays.

    Args:
        model: functional `keras.Model`, models nested in it included. It stays as it is; the result has copies of its
            weights.
        input_size: (height, width) that the one image input of the result has, for which more upsamplings are fast
            than for unknown sizes; None for the model's own. Defaults to None.

    Returns:
        A functional `keras.Model` with the inputs and outputs of `model`.

    Raises:
        ValueError: if the model is not functional, or the size is none.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.UNet(num_classes=3, filters=4, depth=2)
        >>> folded = ks.surgery.fold_upsampling(model, input_size=(20, 24))
        >>> any(isinstance(layer, ks.layers.UpsampleConv) for layer in folded.layers), folded.input_shape
        (False, (None, 20, 24, 3))
    """
    if input_size is not None:
        input_size = _validation.pair("input_size", input_size)
    copies = LayerCopies()

    def call(operation, *args, **kwargs):
        if isinstance(operation, UpsampleConv):
            x, skip = args[0] if isinstance(args[0], (list, tuple)) else (args[0], None)
            if operation.can_fuse(x, skip):
                return _convolutions(copies, operation, x, skip)
        return copies.call(operation, args, kwargs)

    return rebuilt(model, call, input_size)


def _convolutions(copies, layer, x, skip):
    """What `layer` computes of `x` and `skip`, by layers of Keras."""
    kernel, of_skip = layer.fused_kernels(x.shape[-1])
    biased = layer.bias is not None
    policy = layer.dtype_policy

    def enlarge():
        return keras.layers.Conv2DTranspose(
            layer.filters,
            4,
            strides=2,
            padding="same",
            use_bias=biased,
            dtype=policy,
            name=f"{layer.name}_enlarge",
        )

    def convolve():
        return keras.layers.Conv2D(
            layer.filters, 3, padding="same", use_bias=False, dtype=policy, name=f"{layer.name}_skip"
        )

    def normalize():
        config = {**layer.normalize.get_config(), "name": f"{layer.name}_norm"}
        return type(layer.normalize).from_config(config)

    def step(name, make, inputs, weights=()):
        # Copies: on JAX two variables of one array would be deleted together.
        arrays = [keras.ops.convert_to_numpy(weight) for weight in weights]
        return copies.call_new(layer, (inputs,), {}, make, lambda: arrays, key=name)

    y = step("enlarge", enlarge, x, [kernel, layer.bias] if biased else [kernel])
    if skip is not None:
        of_skip = step("skip", convolve, skip, [of_skip])
        y = step("sum", lambda: keras.layers.Add(dtype=policy, name=f"{layer.name}_sum"), [y, of_skip])
    if layer.normalize is not None:
        y = step("norm", normalize, y, layer.normalize.get_weights())
    activation = keras.activations.serialize(layer.activation)
    return step("activation", lambda: keras.layers.Activation(activation, dtype=policy, name=layer.name), y)
