"""The head that turns features into one map per class."""

from keras import layers

from keras_seg._types import Tensor
from keras_seg.layers import Resize2D, ResizeLike


def segmentation_head(
    x: Tensor,
    num_classes: int,
    activation: str | None = "softmax",
    *,
    kernel_size: int = 1,
    scale: int = 1,
    like: Tensor | None = None,
) -> Tensor:
    """Convolution to one map per class (`logits`), bilinear enlargement, activation (`probabilities`)."""
    return enlarged_scores(class_scores(x, num_classes, kernel_size=kernel_size), activation, scale=scale, like=like)


def class_scores(x: Tensor, num_classes: int, *, kernel_size: int = 1) -> Tensor:
    """The convolution to one map per class, `logits`."""
    return layers.Conv2D(num_classes, kernel_size, padding="same", name="logits")(x)


def enlarged_scores(
    x: Tensor,
    activation: str | None,
    *,
    scale: int = 1,
    like: Tensor | None = None,
    align_corners: bool = False,
) -> Tensor:
    """Logits enlarged bilinearly by the whole factor `scale` or to the size of the map `like`, and their activation.

    Logits are enlarged rather than probabilities: interpolation then happens before the nonlinearity that decides. From
    the enlargement on everything is float32, whatever the policy: half precision would round probabilities near 1.
    """
    if like is not None:
        x = ResizeLike(align_corners=align_corners, dtype="float32", name="enlarge")([x, like])
    elif scale > 1:
        x = Resize2D(scale, interpolation="bilinear", dtype="float32", name="enlarge")(x)
    return class_activation(x, activation)


def class_activation(x: Tensor, activation: str | None) -> Tensor:
    """The last layer of every model, in float32: `probabilities`, or `scores` where there is no activation."""
    name = "probabilities" if activation else "scores"
    return layers.Activation(activation or "linear", dtype="float32", name=name)(x)
