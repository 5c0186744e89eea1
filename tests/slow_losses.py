"""The losses once more in float64 NumPy, one pixel or class after the other, for tests."""

import numpy as np


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rows(mode, y_true, p, ignored=(), weight=None):
    """Labels, probabilities and weights as (pixels, channels): weight 0 where void, labels of a sum of 1 if classes."""
    channels = p.shape[-1]
    y_true, p = np.asarray(y_true, "float64"), np.asarray(p, "float64").reshape(-1, channels)
    if mode == "multiclass" and y_true.size == len(p):
        flat = y_true.reshape(-1)
        valid = ~np.isin(flat, ignored)
        target = np.stack([flat == c for c in range(channels)], -1) * valid[:, None].astype("float64")
        mask = np.repeat(valid[:, None], channels, 1).astype("float64")
    elif mode == "multiclass":
        target = y_true.reshape(-1, channels).copy()
        valid = target.any(-1) & ~np.isin(target.argmax(-1), ignored)
        target[~valid] = 0
        mask = np.repeat(valid[:, None], channels, 1).astype("float64")
    else:
        target = y_true.reshape(-1, channels).copy()
        valid = ~np.isin(target, ignored)
        target[~valid] = 0
        mask = valid.astype("float64")
    if weight is not None:
        mask = mask * np.broadcast_to(weight, y_true.shape[:3]).reshape(-1, 1)
    return target, p, mask


def pixel_losses(mode, target, p, modulate, smoothing=0.0, class_weights=None):
    """Each pixel's (or element's) loss, a list of (loss, row, channel); channel None for classes."""
    out = []
    channels = p.shape[-1]
    for i in range(len(p)):
        if mode == "multiclass":
            loss = 0.0
            for c in range(channels):
                t = (1 - smoothing) * target[i, c] + smoothing / channels
                w = 1.0 if class_weights is None else class_weights[c]
                if t:
                    loss += w * t * modulate(p[i, c]) * -np.log(p[i, c])
            out.append((loss, i, 0))
            continue
        for c in range(channels):
            t = (1 - smoothing) * target[i, c] + smoothing / 2
            no, yes = 1.0, 1.0
            if class_weights is not None:
                no, yes = class_weights if mode == "binary" else (class_weights[c], class_weights[c])
            q = p[i, c]
            out.append((yes * t * modulate(q) * -np.log(q) + no * (1 - t) * modulate(1 - q) * -np.log(1 - q), i, c))
    return out


def crossentropy(mode, target, p, mask, modulate=lambda q: 1.0, smoothing=0.0, class_weights=None):
    """The mean over what counts; the mask may weigh."""
    total = count = 0.0
    for loss, i, c in pixel_losses(mode, target, p, modulate, smoothing, class_weights):
        if mask[i, c] > 0:
            total += mask[i, c] * loss
            count += 1
    return total / max(count, 1)


def focal(mode, target, p, mask, gamma=2.0, **arguments):
    return crossentropy(mode, target, p, mask, lambda q: (1 - q) ** gamma, **arguments)


def hard_pixels(mode, target, p, mask, fraction=0.25, threshold=None):
    """The mean over the hardest."""
    losses = [loss for loss, i, c in pixel_losses(mode, target, p, lambda q: 1.0) if mask[i, c] > 0]
    losses = sorted(losses, reverse=True)
    count = int(np.ceil(round(fraction * len(losses), 6)))
    if threshold is not None:
        count = max(count, sum(loss > -np.log(threshold) for loss in losses))
    return np.mean(losses[:count]) if losses else 0.0


def class_mean(target, p, mask, score, absent="skip", ignored=(), class_weights=None):
    """The mean over classes of score(t, p, m), and what absent classes do; `ignored` are channels not judged."""
    total = mass = 0.0
    for c in range(p.shape[-1]):
        t, q, m = target[:, c], p[:, c], mask[:, c]
        if c in ignored or not m.sum():
            continue
        w = 1.0 if class_weights is None else class_weights[c]
        if (t * m).sum() > 0:
            loss = score(t, q, m)
        elif absent == "skip":
            continue
        elif absent == "zero":
            loss = 1.0
        else:
            loss = (m * q).sum() / m.sum()
        total, mass = total + w * loss, mass + w
    return total / mass if mass else 0.0


def tversky_score(alpha, beta, smooth=0.0, exponent=1.0):
    def score(t, q, m):
        i, fp, fn = (m * t * q).sum(), (m * (1 - t) * q).sum(), (m * t * (1 - q)).sum()
        return (1 - (i + smooth) / (i + alpha * fp + beta * fn + smooth)) ** exponent

    return score


def dice_score(smooth=0.0):
    def score(t, q, m):
        return 1 - (2 * (m * t * q).sum() + smooth) / ((m * q).sum() + (m * t).sum() + smooth)

    return score


def generalized_dice(target, p, mask, power=2.0, absent="skip", ignored=()):
    sizes = (target * mask).sum(0)
    judged = [c for c in range(p.shape[-1]) if c not in ignored]
    present = [c for c in judged if sizes[c] > 0]
    if not present:
        return 0.0
    largest = max(sizes[c] ** -power for c in present)
    above = below = 0.0
    for c in judged if absent == "count" else present:
        w = sizes[c] ** -power if sizes[c] > 0 else largest
        above += w * (mask[:, c] * target[:, c] * p[:, c]).sum()
        below += w * (mask[:, c] * (target[:, c] + p[:, c])).sum()
    return 1 - 2 * above / below


def jaccard_loss(wrong, truth, weight):
    """1 - IoU of the prediction that is wrong on the pixels `wrong`."""
    predicted = np.where(wrong, 1 - truth, truth)
    union = (weight * np.maximum(predicted, truth)).sum()
    return 1 - (weight * predicted * truth).sum() / union if union else 0.0


def lovasz(errors, truth, weight):
    """By the definition: errors in descending order, times what each further wrong pixel adds to the Jaccard loss."""
    total, before, wrong = 0.0, 0.0, np.zeros(len(errors), bool)
    for i in np.argsort(-errors, kind="stable"):
        wrong[i] = True
        after = jaccard_loss(wrong, truth, weight)
        total += max(errors[i], 0) * (after - before)
        before = after
    return total


def lovasz_mean(target, p, mask, errors, absent="skip", ignored=()):
    total, count = 0.0, 0
    for c in range(p.shape[-1]):
        m = mask[:, c]
        if c in ignored or not m.sum():
            continue
        present = (target[:, c] * m).sum() > 0
        if not present and absent == "skip":
            continue
        kept = m > 0
        t = target[kept, c]
        loss = lovasz(errors(t, p[kept, c]), t, m[kept])
        total += 1.0 if not present and absent == "zero" else loss
        count += 1
    return total / count if count else 0.0
