"""The colors and the mixing of an augmentation, after its geometry."""

import functools
import itertools
from collections.abc import Sequence

from keras_seg._types import Tensor
from keras_seg.augmentation.mixing.step import MixingStep
from keras_seg.augmentation.namespace import Namespace
from keras_seg.augmentation.photometric.step import LinearStep, Normal, PhotometricStep, Stage, compose
from keras_seg.augmentation.transform import Transform


def recolor_and_mix(
    ops: Namespace,
    batch: dict[str, Tensor],
    steps: Sequence[tuple[Transform, Tensor]],
    *,
    mean: Tensor | None,
    random: Normal,
    stage: Stage,
    eight_bits: bool,
    ignore_class: Sequence[int],
) -> dict[str, Tensor]:
    """The batch after all steps that do not move pixels, in the order of the list.

    Args:
        ops: the namespace to compute with.
        batch: see `Augmentation._apply`.
        steps: each with its draws.
        mean: the images' mean color, float32 (batch, channels), where it is known.
        random: function of a shape that gives normal numbers.
        stage: runs one stage of the computation.
        eight_bits: whether the images had 8 bits before the geometry.
        ignore_class: labels of pixels without a class.
    """
    for linear, group in itertools.groupby(steps, lambda pair: isinstance(pair[0], LinearStep)):
        members, draws = zip(*group, strict=True)
        if linear:
            colors = functools.partial(
                compose, ops, members, draws, image=batch["image"], mean=mean, eight_bits=eight_bits
            )
            batch = {**batch, "image": stage(colors)}
        else:
            for step, own in zip(members, draws, strict=True):
                if isinstance(step, PhotometricStep):
                    image = step._run(ops, batch["image"], own, random=random, stage=stage, eight_bits=eight_bits)
                    batch = {**batch, "image": image}
                elif isinstance(step, MixingStep):
                    batch = stage(functools.partial(step._apply, ops, batch, own, ignore_class))
        mean = None  # These steps have changed it.
    return batch
