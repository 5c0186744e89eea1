"""The pyramid of a convolutional network, found by walking its graph."""

import math
from collections.abc import Iterable
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._graph import graph_nodes, image_graph, replay
from keras_seg._types import Tensor

LEVELS = ("P1", "P2", "P3", "P4", "P5")
SKIPS = ("wide", "narrow")

# Large enough that the few pixels that valid convolutions remove leave no doubt about a tensor's power of two
# (Xception: 509 of 512), and a multiple of 32. Nothing is computed at this size, only shapes.
_TEST_SIZE = 1024

_CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
    keras.layers.Conv2DTranspose,
)
_NORMALIZATIONS = (
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
)
_ACTIVATIONS = (
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ELU,
)


def stride_of(level: str) -> int:
    """The stride of a level: 8 for "P3"."""
    return 2 ** int(level[1:])


def level_of(stride: int) -> str:
    """The level of a stride: "P3" for 8."""
    return f"P{stride.bit_length() - 1}"


def find_pyramid(model: keras.Model, *, skips: str = "wide") -> dict[str, Tensor]:
    """The feature pyramid of a functional network: `{"P1": tensor, ..., "P5": tensor}`, Pn 2^n times smaller.

    The shapes of all tensors are worked out for one test size, so the size the model was built for, `None` included,
    plays no part, nor do names of layers. From the deepest level upwards, the rule is:

    **Pn is the last tensor of stride 2^n, in graph order, that Pn+1 depends on**, with two exceptions that keep
    what merely prepares the next reduction out of the pyramid:

    1. padding does not count: the tensor in front of `ZeroPadding2D` is taken (ResNet's `pool1_pad`);
    2. a linear tail does not count: where the last tensor is a normalization or a pointwise (1x1, linear) convolution
       of a *finished* feature, that is, of an activation or of a residual sum, the finished feature is taken
       (DenseNet's transition `pool2_relu` -> `pool2_conv` -> `pool2_pool` gives `pool2_relu`; ConvNeXt's closing
       LayerNormalization belongs to its classifier). A normalization that follows a spatial convolution is part of
       that convolution and stays (Xception's `block2_sepconv2_bn`).

    With `skips="narrow"`, a level other than the deepest that ends in a pointwise expansion (a 1x1 convolution to more
    channels, with its normalization and activation) gives the input of that expansion: in inverted-residual networks
    (MobileNetV2, MobileNetV3, EfficientNet) the bottleneck, with about a sixth of the channels.

    "P0", stride 1, is there too when a convolution runs at full resolution (VGG's `block1_conv2`). Levels that a
    network does not have are absent: ConvNeXt's first layer has stride 4, so it has no "P1".

    Args:
        model: keras.Model. It has a functional graph and one image input (height, width, channels).
        skips: str. `"wide"` or `"narrow"`. Defaults to `"wide"`.

    Returns:
        A dict of symbolic tensors of `model`, ordered from the finest level to the coarsest.

    Raises:
        InputError: if the model is not functional, has several inputs, or no tensor of stride 2 to 32.

    Examples:
        >>> import keras, keras_seg as ks
        >>> model = keras.applications.VGG16(include_top=False, weights=None)
        >>> {level: tensor.shape[-1] for level, tensor in ks.backbones.find_pyramid(model).items()}
        {'P0': 64, 'P1': 128, 'P2': 256, 'P3': 512, 'P4': 512, 'P5': 512}

    Reference:
        Lin et al., Feature Pyramid Networks for Object Detection, 2017, section 3: "we choose the output of the last
        layer of each stage [...] This choice is natural since the deepest layer of each stage should have the
        strongest features."
    """
    _validation.one_of("skips", skips, SKIPS)
    return pyramid_of(model, skips, "model")


def pyramid_of(model: keras.Model, skips: str, argument: str) -> dict[str, Tensor]:
    """`find_pyramid`, whose errors are about the `argument` of a caller."""
    graph = _Graph(image_graph(model, argument))
    pyramid, below = {}, None
    for level in range(len(LEVELS), -1, -1):
        candidates = [tensor for tensor in graph.tensors if graph.level(tensor) == level]
        if below is not None:
            ancestors = graph.ancestors(below)
            candidates = [tensor for tensor in candidates if id(tensor) in ancestors]
        if not candidates:
            continue
        tensor = _without_linear_tail(graph, _without_padding(graph, candidates[-1]))
        if level == 0 and not graph.convolved(tensor):
            continue
        if skips == "narrow" and below is not None:
            tensor = _before_expansion(graph, tensor)
        pyramid[f"P{level}"] = below = tensor
    if not set(pyramid) & set(LEVELS):
        fix = "Pass a network that compresses, with strides of 2."
        _validation.fail(argument, "has no feature map of stride 2, 4, 8, 16 or 32", model.name, fix)
    return dict(sorted(pyramid.items()))


def named_by_stride(model: keras.Model, tensors: Iterable[Tensor]) -> dict[str, Tensor]:
    """`{"Pn": tensor}` of maps that a network declares itself, by their actual strides.

    keras-hub counts its levels from P2 on, whatever the stem does: those of CSPNet, whose stem may have stride 1, are
    one finer than their names. The last of several maps of one stride is kept.
    """
    tensors = list(tensors)
    graph = _Graph(keras.Model(model.inputs[0], tensors))
    levels = {graph.level(tensor): tensor for tensor in tensors}
    return {f"P{level}": levels[level] for level in range(len(LEVELS) + 1) if level in levels}


def stage_ends(network: keras.Model) -> dict[str, Tensor]:
    """The last tensor of each stage of a network whose layers are named `{stage}_...`."""
    # Later layers replace earlier ones.
    return {layer.name.partition("_")[0]: layer.output for layer in network.layers}


class _Graph:
    """A functional model's tensors in graph order, each with its producer and its level for the test size."""

    def __init__(self, model: keras.Model) -> None:
        self.tensors = []
        self._node = {}
        for node in graph_nodes(model):
            for tensor in node.outputs:
                self.tensors.append(tensor)
                self._node[id(tensor)] = node
        try:
            self._shapes = _shapes(model, (_TEST_SIZE, _TEST_SIZE))
            self._size = (_TEST_SIZE, _TEST_SIZE)
        except Exception:
            # A graph tied to one size (a Reshape in it) has its shapes already.
            self._shapes = {id(tensor): tensor.shape for tensor in self.tensors}
            self._size = tuple(model.inputs[0].shape[1:3])
            if None in self._size:
                raise

    def node(self, tensor: Tensor) -> Any:
        return self._node[id(tensor)]

    def operation(self, tensor: Tensor) -> Any:
        return self._node[id(tensor)].operation

    def sources(self, tensor: Tensor) -> list[Tensor]:
        return self._node[id(tensor)].input_tensors

    def level(self, tensor: Tensor) -> int | None:
        """n if `tensor` is 2^n times smaller than the input, or None if it is no such feature map."""
        shape = self._shapes[id(tensor)]
        if len(shape) != 4:
            return None
        levels = set()
        for full, size in zip(self._size, shape[1:3], strict=True):
            if not size:
                return None
            exact = math.log2(full / size)
            # Valid convolutions remove a few pixels; a size further from a power of two is no level.
            levels.add(round(exact) if abs(exact - round(exact)) < 0.2 else None)
        return levels.pop() if len(levels) == 1 else None

    def ancestors(self, tensor: Tensor) -> set[int]:
        """The ids of all tensors that `tensor` depends on."""
        found, open_ends = set(), list(self.sources(tensor))
        while open_ends:
            source = open_ends.pop()
            if id(source) not in found:
                found.add(id(source))
                open_ends.extend(self.sources(source))
        return found

    def convolved(self, tensor: Tensor) -> bool:
        """Whether `tensor` is the result of a convolution, rather than the image, padded or normalized."""
        known = self.ancestors(tensor) | {id(tensor)}
        return any(isinstance(self.operation(t), _CONVOLUTIONS) for t in self.tensors if id(t) in known)


def _shapes(model: keras.Model, size: tuple[int, int]) -> dict[int, Any]:
    """The shape of every tensor of `model` for an input of `size`, by tensor id. Runs no kernel."""
    image = model.inputs[0]
    spec = keras.KerasTensor((1, *size, image.shape[-1]), dtype=image.dtype)
    specs = replay(model, spec, lambda operation, *args, **kwargs: operation.compute_output_spec(*args, **kwargs))
    return {key: spec.shape for key, spec in specs.items()}


def _without_padding(graph: _Graph, tensor: Tensor) -> Tensor:
    while isinstance(graph.operation(tensor), keras.layers.ZeroPadding2D):
        tensor = graph.sources(tensor)[0]
    return tensor


def _without_linear_tail(graph: _Graph, last: Tensor) -> Tensor:
    """The finished feature in front of pointwise linear layers, or `last` where there is none."""
    tensor = last
    while True:
        operation, sources = graph.operation(tensor), graph.sources(tensor)
        if len(sources) > 1 or _is_activation(operation):
            return tensor
        if not (isinstance(operation, _NORMALIZATIONS) or _is_pointwise(operation)):
            return last
        tensor = sources[0]
        if graph.level(tensor) != graph.level(last):
            return last


def _before_expansion(graph: _Graph, last: Tensor) -> Tensor:
    """The input of the pointwise expansion that `last` ends, or `last` where it ends none."""
    tensor = last
    while len(sources := graph.sources(tensor)) == 1:
        operation, tensor = graph.operation(tensor), sources[0]
        if isinstance(operation, keras.layers.Conv2D):
            expands = _is_pointwise(operation, linear=False) and operation.filters > tensor.shape[-1]
            return tensor if expands else last
        if not (isinstance(operation, _NORMALIZATIONS) or _is_activation(operation)):
            return last
    return last


def _is_activation(operation: Any) -> bool:
    """Whether `operation` ends in a non-linearity, its own or an `activation` argument."""
    if isinstance(operation, _ACTIVATIONS):
        return True
    activation = getattr(operation, "activation", None)
    return activation is not None and activation is not keras.activations.linear


def _is_pointwise(operation: Any, *, linear: bool = True) -> bool:
    """Whether `operation` is a convolution of one pixel that keeps the resolution."""
    if isinstance(operation, keras.layers.Dense):
        return not (linear and _is_activation(operation))
    if not isinstance(operation, keras.layers.Conv2D) or isinstance(operation, keras.layers.Conv2DTranspose):
        return False
    one = tuple(operation.kernel_size) == tuple(operation.strides) == (1, 1)
    return one and not (linear and _is_activation(operation))
