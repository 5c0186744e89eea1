"""What models that unpool share: VGG16 keeping its switches, the mirror of it, and the way from one to the other."""

from collections.abc import Iterator

import keras
from keras import layers

from keras_seg._types import Size, Tensor
from keras_seg.layers import BatchNormalization, MaxPoolingWithArgmax2D, MaxUnpooling2D
from keras_seg.layers.upsample_conv import BATCH_NORM_MOMENTUM
from keras_seg.models.parts.vgg16_blocks import CONVOLUTIONS, convolutions

# The Bayesian SegNets drop units from this level on, on the way down and on the way up.
FIRST_DROPOUT = 3


def normalized(x: Tensor, layer: keras.layers.Layer, activation: str | None = "relu") -> Tensor:
    """`layer`, BatchNormalization and activation: layers named `{layer}_norm` and `{layer}_{activation}`.

    The layer keeps its bias, which the normalization makes superfluous: it counts among the published parameters, and
    takes those of a trained VGG16.
    """
    x = BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{layer.name}_norm")(layer(x))
    return layers.Activation(activation, name=f"{layer.name}_{activation}")(x) if activation else x


def convolution(filters: int, kernel_size: Size, name: str, *, padding: str = "same") -> keras.layers.Layer:
    """The convolution that all these models use."""
    return layers.Conv2D(filters, kernel_size, padding=padding, kernel_initializer="he_normal", name=name)


def dropped(x: Tensor, level: int, rate: float, name: str) -> Tensor:
    """`x` behind dropout, on the levels where a Bayesian SegNet has it."""
    return layers.Dropout(rate, name=name)(x) if rate and level >= FIRST_DROPOUT else x


def pool(x: Tensor, name: str) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """(pooled map, switches): each 2x2 window's maximum, and what `unpool` needs to put it back.

    "same" is Caffe's ceil mode: 45 pixels become 23. The map that is pooled goes with the indices, because 23 pixels
    do not determine whether they were 45 or 46.
    """
    pooled, indices = MaxPoolingWithArgmax2D(2, padding="same", name=name)(x)
    return pooled, (indices, x)


def unpool(x: Tensor, switches: tuple[Tensor, Tensor], name: str) -> Tensor:
    """A map of the size that was pooled: each value where the maximum was, zeros elsewhere."""
    return MaxUnpooling2D(2, name=name)([x, *switches])


def vgg16_encoder(
    x: Tensor, filters: tuple[int, ...], *, dropout: float = 0.0
) -> tuple[Tensor, dict[int, tuple[Tensor, Tensor]]]:
    """(map of stride 32, {block: switches}): VGG16's convolutions, each with BatchNormalization and ReLU, and poolings.

    Layers have the names of keras.applications' VGG16, so that `transfer_weights` takes its weights.
    """
    switches = {}
    for block, named in convolutions(filters):
        for name, width in named:
            x = normalized(x, convolution(width, 3, name))
        x, switches[block] = pool(x, f"block{block}_pool")
        x = dropped(x, block, dropout, f"block{block}_dropout")
    return x, switches


def vgg16_mirror(filters: tuple[int, ...]) -> Iterator[tuple[int, list[int]]]:
    """(block, widths) from the deepest block up: as many convolutions as the encoder's, the last as wide as the block
    above: 512, 512, 512; 512, 512, 256; 256, 256, 128; 128, 64; 64, 64.
    """
    for block in range(len(filters), 0, -1):
        above = filters[max(block - 2, 0)]
        yield block, [filters[block - 1]] * (CONVOLUTIONS[block - 1] - 1) + [above]
