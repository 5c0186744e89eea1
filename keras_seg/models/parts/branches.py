"""What nets of several branches share: DDRNet and PIDNet."""

from keras import layers

from keras_seg._types import Tensor
from keras_seg.backbones.residual_block import normalization, padded_convolution, residual_block
from keras_seg.layers import ResizeLike
from keras_seg.models.parts.heads import class_scores


def strided_stem(x: Tensor, filters: int) -> Tensor:
    """The image at stride 4: two strided convolutions."""
    for number in (1, 2):
        x = padded_convolution(x, filters, "stem_", number, kernel=3, strides=2, use_bias=True)
        x = relu(x, f"stem_relu{number}")
    return x


def residual_stage(x: Tensor, filters: int, name: str, *, blocks: int = 2, strides: int = 1) -> Tensor:
    """Residual blocks, the last without activation."""
    for index in range(blocks):
        x = residual_block(x, filters, f"{name}_{index}_", strides=1 if index else strides, activate=index < blocks - 1)
    return x


def pooled_context(x: Tensor, width: int, filters: int, *, parallel: bool = False) -> Tensor:
    """What the map says at every position and, pooled over windows of growing size, around it.

    Each size is added to what the smaller ones gave, so that one waits for the other; with `parallel`, to what the map
    says at the position.
    """
    maps = [activated_convolution(x, width, "scale0")]
    for number, window in enumerate((5, 9, 17, None), start=1):
        if window is None:
            pooled = layers.GlobalAveragePooling2D(keepdims=True, name=f"scale{number}_pool")(x)
        else:
            # Zeros beyond the border count, as in the original.
            pooled = layers.ZeroPadding2D(window // 2, name=f"scale{number}_pad")(x)
            pooled = layers.AveragePooling2D(window, strides=2**number, name=f"scale{number}_pool")(pooled)
        pooled = activated_convolution(pooled, width, f"scale{number}")
        pooled = ResizeLike(name=f"scale{number}_up")([pooled, x])
        pooled = layers.Add(name=f"scale{number}_add")([pooled, maps[0 if parallel else -1]])
        maps.append(activated_convolution(pooled, width, f"process{number}", kernel=3))
    joined = activated_convolution(layers.Concatenate(name="context_join")(maps), filters, "compression")
    return layers.Add(name="context")([joined, activated_convolution(x, filters, "shortcut")])


def activated_convolution(x: Tensor, filters: int, name: str, *, kernel: int = 1) -> Tensor:
    """Normalization, activation, and a convolution."""
    x = relu(normalization(f"{name}_bn")(x), f"{name}_relu")
    return layers.Conv2D(
        filters, kernel, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)


def head_scores(x: Tensor, filters: int, num_classes: int, *, dropout: float) -> Tensor:
    """The scores of the classes."""
    x = _head_features(x, filters, "head")
    return class_scores(layers.Dropout(dropout, name="dropout")(x) if dropout else x, num_classes)


def aux_scores(x: Tensor, filters: int, num_classes: int, name: str) -> dict[str, Tensor]:
    """The scores of an auxiliary head, by its name."""
    return {name: class_scores(_head_features(x, filters, name), num_classes, name=f"{name}_logits")}


def _head_features(x: Tensor, filters: int, name: str) -> Tensor:
    """What classes are decided by."""
    return relu(normalization(f"{name}_bn2")(activated_convolution(x, filters, name, kernel=3)), f"{name}_relu2")


def relu(x: Tensor, name: str) -> Tensor:
    """The activation, as a layer with a name."""
    return layers.ReLU(name=name)(x)
