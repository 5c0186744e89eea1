"""The Lovasz extension of the Jaccard loss: errors weighted by how much 1 - Jaccard grows with each further one."""

import math

from keras import ops

from keras_seg._types import Tensor

# Errors are counted in bins of their square root, which are narrow near 0, where most errors of a trained model are.
_MOST_BINS = 2**16
# With fewer pixels per row, sorting is as fast.
_FEW_PIXELS = 2**14
# How far the mean over the rows may be from the sorted one.
_TOLERANCE = 1e-6
# For bins that a rounded square root makes wider.
_ROUNDED = 1.01


def jaccard_steps(truth: Tensor, weights: Tensor) -> Tensor:
    """How much 1 - Jaccard grows with each further wrong pixel of 0/1 `truth`: (..., pixels), in that order.

    The published form takes differences of neighboring Jaccard indices, which for half a million pixels leaves one
    or two digits in float32. Multiplied out, nothing cancels: with I and U the intersection and union that remain
    after a step, the step is (U dt + I df) / (U U'), where U' = U - df and dt, df are the pixel's weight as part of the
    truth and of the rest. A pixel without weight has no step, so void pixels may stand anywhere.
    """
    true, false = weights * truth, weights * (1 - truth)
    total = ops.sum(true, axis=-1, keepdims=True)
    # With weights, rounding may leave values slightly below zero.
    intersection = ops.maximum(total - ops.cumsum(true, axis=-1), 0.0)
    added = ops.cumsum(false, axis=-1)
    union, before = total + added, total + added - false
    ready = before > 0
    step = (union * true + intersection * false) / ops.where(ready, union * before, 1.0)
    # Without a true pixel, 1 - Jaccard is 0 at first and 1 from the first error on.
    return ops.where(ready, step, ops.where(false > 0, 1.0, 0.0))


def sorted_extension(errors: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """`sum_i errors_i step_i`, errors in descending order: (rows,) from (rows, pixels).

    Gradients go to `errors` only.
    """
    # Void pixels come last and have no weight: they change no step.
    ranked = ops.where(weights > 0, errors, -float("inf"))
    order = ops.argsort(-ops.stop_gradient(ranked), axis=-1)
    # The sign of the weight holds the truth: one gather less, and gathers are half the work after the sorting.
    signed = ops.take_along_axis(ops.where(truth > 0, weights, -weights), order, axis=-1)
    steps = jaccard_steps(ops.cast(signed > 0, signed.dtype), ops.abs(signed))
    return ops.sum(ops.relu(ops.take_along_axis(errors, order, axis=-1)) * ops.stop_gradient(steps), axis=-1)


def extension(errors: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """`sorted_extension` of errors of probabilities, 0 to 1, in a third of the time: within 1e-6, or sorted.

    A bound on the difference is computed with the steps, and where it is above, as of a class that has few pixels
    and errors that are nearly equal, the pixels are sorted after all.
    """
    pixels = errors.shape[-1]
    if pixels is not None and pixels < _FEW_PIXELS:
        return sorted_extension(errors, truth, weights)
    bins = _MOST_BINS if pixels is None else min(_MOST_BINS, 2 ** int(math.log2(pixels) - 1))
    steps, bound = binned_steps(ops.stop_gradient(errors), truth, weights, bins)
    steps = ops.stop_gradient(steps)

    def binned() -> Tensor:
        # Without a true pixel, 1 - Jaccard is 0 at first and 1 from the largest error on.
        absent = ops.sum(truth * weights, axis=-1) <= 0
        largest = ops.max(ops.where(weights > 0, errors, 0.0), axis=-1)
        return ops.where(absent, largest, ops.sum(errors * steps, axis=-1))

    return ops.cond(bound <= _TOLERANCE, binned, lambda: sorted_extension(errors, truth, weights))


def binned_steps(errors: Tensor, truth: Tensor, weights: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """The steps of pixels in the order of the bins of their errors, and how far the extension may be off.

    In a bin, the true and the false pixels get a step each, by which the bin as a whole grows exactly as in the sorted
    order: with the intersection falling from I to I' and the union growing from U to U', (1/U + 1/U') / 2 and
    (I + I') / (2 U U') per weight. What is off is only which of them meets which error within the bin, whose width
    bounds the effect.

    Args:
        errors: float tensor (rows, pixels), in 0..1; those above raise the bound.
        truth: float tensor of their shape, 0 or 1.
        weights: float tensor of their shape, 0 for void pixels.
        bins: int.

    Returns:
        The steps, (rows, pixels), and the bound of the mean over the rows, a scalar.
    """
    rows = ops.shape(errors)[0]
    inside = ops.where(errors > 0, ops.minimum(errors, 1.0), 0.0)  # NaN too: the sum is NaN by itself then.
    place = bins - 1 - ops.cast(ops.minimum(ops.sqrt(inside) * bins, bins - 1), "int32")
    place = place + bins * ops.expand_dims(ops.arange(rows, dtype="int32"), 1)
    # The bins of true pixels, then those of the others.
    place = ops.reshape(ops.where(truth > 0, place, place + rows * bins), (-1,))
    counts = ops.segment_sum(ops.reshape(weights, (-1,)), place, num_segments=2 * rows * bins)
    true, false = ops.unstack(ops.reshape(counts, (2, rows, bins)), axis=0)

    total = ops.sum(true, axis=-1, keepdims=True)
    after = ops.maximum(total - ops.cumsum(true, axis=-1), 0.0)
    union = total + ops.cumsum(false, axis=-1)
    before, smaller = after + true, union - false
    product = ops.where(total > 0, smaller * union, 1.0)
    true_step, false_step = (smaller + union) / (2 * product), (before + after) / (2 * product)
    # What the steps of single pixels may differ by from these, times the weights; both sum to the growth of the bin.
    growth = true * true_step + false * false_step
    spread = true * false / (2 * product)
    spread += false * (before / ops.where(smaller > 0, smaller**2, 1.0) - after / ops.where(union > 0, union**2, 1.0))
    edges = ops.arange(bins, 0, -1, dtype=errors.dtype)
    widths = _ROUNDED * (2 * edges - 1) / float(bins**2)
    beyond = ops.maximum(ops.max(errors) - 1.0, 0.0) * ops.max(growth)
    bound = ops.mean(ops.sum(widths / 2 * ops.minimum(spread, 2 * growth), axis=-1)) + beyond
    steps = ops.take(ops.reshape(ops.stack([true_step, false_step]), (-1,)), place)
    return weights * ops.reshape(steps, ops.shape(errors)), bound
