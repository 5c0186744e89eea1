"""Numbers of torchmetrics for the tests, which so need not install it; made with torchmetrics 1.9.0.

python tests/metrics/torchmetrics_numbers.py  (rewrites torchmetrics_numbers.json beside it)
"""

import json
import pathlib

import numpy as np

FILE = pathlib.Path(__file__).with_suffix(".json")
CLASSES, VOID = 4, 255


def batch():
    """Truth with void, and probabilities that are right more often than not: (2, 17, 23) and (2, 17, 23, 4)."""
    random = np.random.RandomState(7)  # Its stream is the same in every version of NumPy.
    true = random.randint(0, CLASSES, (2, 17, 23))
    logits = random.standard_normal((*true.shape, CLASSES)) + 1.5 * np.eye(CLASSES)[true]
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    true[random.random_sample(true.shape) < 0.1] = VOID
    return true.astype("int32"), p.astype("float32")


def labels():
    """Three labels a pixel may have at once: 0, 1 or void, and probabilities, (2, 17, 23, 3)."""
    random = np.random.RandomState(8)
    true = (random.random_sample((2, 17, 23, 3)) < [0.1, 0.3, 0.6]).astype("int32")
    p = 0.6 * random.random_sample(true.shape) + 0.4 * true * random.random_sample(true.shape)
    true[random.random_sample(true.shape) < 0.1] = VOID
    return true, p.astype("float32")


def panoptic():
    """Classes and instances of truth and prediction, (3, 24, 30) each: blocks, some moved, some called otherwise."""
    random = np.random.RandomState(9)
    classes = np.kron(random.randint(0, 3, (3, 4, 5)), np.ones((1, 6, 6), int))
    instances = np.kron(random.randint(0, 3, (3, 4, 5)), np.ones((1, 6, 6), int))
    moved = [np.roll(values, 1, axis=2) for values in (classes, instances)]
    moved[0][:, :6, :6] = 1
    return classes, instances, *moved


def main():
    import torch
    import torchmetrics.functional.classification as peer
    from torchmetrics.detection import PanopticQuality

    true, p = batch()
    t, q = torch.tensor(true).long(), torch.tensor(p).movedim(-1, 1)
    plain = {"num_classes": CLASSES, "ignore_index": VOID, "average": "none"}
    numbers = {
        "iou": peer.multiclass_jaccard_index(q, t, **plain).tolist(),
        "dice": peer.multiclass_f1_score(q, t, **plain).tolist(),
        "precision": peer.multiclass_precision(q, t, **plain).tolist(),
        "recall": peer.multiclass_recall(q, t, **plain).tolist(),
        "calibration": peer.multiclass_calibration_error(q, t, CLASSES, n_bins=15, norm="l1", ignore_index=VOID).item(),
    }
    true, p = labels()
    t, q = torch.tensor(true).long().movedim(-1, 1), torch.tensor(p).movedim(-1, 1)
    plain = {"num_labels": 3, "threshold": 0.4, "ignore_index": VOID, "average": "none"}
    numbers["labels"] = {
        "iou": peer.multilabel_jaccard_index(q, t, **plain).tolist(),
        "dice": peer.multilabel_f1_score(q, t, **plain).tolist(),
        "precision": peer.multilabel_precision(q, t, **plain).tolist(),
        "recall": peer.multilabel_recall(q, t, **plain).tolist(),
        "accuracy": peer.multilabel_accuracy(q, t, **plain).tolist(),
    }
    maps = [torch.tensor(values) for values in panoptic()]
    quality = PanopticQuality(
        things={0, 1, 2}, stuffs=set(), return_per_class=True, return_sq_and_rq=True, allow_unknown_preds_category=True
    )
    quality.update(torch.stack(maps[2:], -1), torch.stack(maps[:2], -1))
    numbers["panoptic"] = quality.compute().reshape(3, 3).tolist()
    FILE.write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
