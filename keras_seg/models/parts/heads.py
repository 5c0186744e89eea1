"""The heads that turn features into one map per class."""

from collections.abc import Callable, Mapping
from typing import Any

from keras import layers

from keras_seg._types import Tensor
from keras_seg.layers import Resize2D, ResizeLike
from keras_seg.layers.upsample_conv import TORCH_EPSILON
from keras_seg.models.parts.blocks import conv_block

# The outputs of a model with auxiliary heads: the one that is kept, and what the names of all others begin with.
MAIN, AUX = "main", "aux"
# Of one channel, for the borders between classes.
AUX_BORDER = "aux_border"
# Of heads for training, in their papers.
_AUX_DROPOUT = 0.1


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


def class_scores(x: Tensor, num_classes: int, *, kernel_size: int = 1, name: str = "logits") -> Tensor:
    """The convolution to one map per class, `logits`."""
    return layers.Conv2D(num_classes, kernel_size, padding="same", name=name)(x)


def fcn_features(x: Tensor, name: str, *, filters: int | None = None, dropout: float) -> Tensor:
    """A 3x3 convolution, to a quarter of the channels unless `filters` says otherwise, and dropout."""
    x = conv_block(x, filters or max(1, x.shape[-1] // 4), name, epsilon=TORCH_EPSILON)
    return layers.Dropout(dropout, name=f"{name}_dropout")(x) if dropout else x


def fcn_aux(x: Tensor, num_classes: int, *, filters: int | None = None, dropout: float) -> dict[str, Tensor]:
    """The scores of an auxiliary head on the map `x`: the head of an FCN, as PSPNet, torchvision and mmseg have it.

    `dropout` is the model's, which the head follows up to its own of 0.1.
    """
    x = fcn_features(x, AUX, filters=filters, dropout=min(dropout, _AUX_DROPOUT))
    return {AUX: class_scores(x, num_classes, name=f"{AUX}_logits")}


def named_outputs(
    main: Tensor,
    aux: Mapping[str, Tensor] | None,
    activation: str | None,
    finish: Callable[[Tensor, str | None, str], Tensor],
) -> Any:
    """`main`, or a dict of it and the score maps `aux`, each finished by `finish(scores, activation, prefix)`.

    One channel of several outputs is one class against the rest, whose probability is a sigmoid.
    """
    if not aux:
        return main
    outputs = {MAIN: main}
    for name, scores in aux.items():
        own = "sigmoid" if activation == "softmax" and scores.shape[-1] == 1 else activation
        outputs[name] = finish(scores, own, f"{name}_")
    return outputs


def enlarged_scores(
    x: Tensor,
    activation: str | None,
    *,
    scale: int = 1,
    like: Tensor | None = None,
    align_corners: bool = False,
    prefix: str = "",
) -> Tensor:
    """Logits enlarged bilinearly by the whole factor `scale` or to the size of the map `like`, and their activation.

    Logits are enlarged rather than probabilities: interpolation then happens before the nonlinearity that decides. From
    the enlargement on everything is float32, whatever the policy: half precision would round probabilities near 1.
    """
    if like is not None:
        x = ResizeLike(align_corners=align_corners, dtype="float32", name=f"{prefix}enlarge")([x, like])
    elif scale > 1:
        x = Resize2D(scale, interpolation="bilinear", dtype="float32", name=f"{prefix}enlarge")(x)
    return class_activation(x, activation, prefix=prefix)


def class_activation(x: Tensor, activation: str | None, *, prefix: str = "") -> Tensor:
    """The last layer of every model, in float32: `probabilities`, or `scores` where there is no activation."""
    name = "probabilities" if activation else "scores"
    return layers.Activation(activation or "linear", dtype="float32", name=f"{prefix}{name}")(x)
