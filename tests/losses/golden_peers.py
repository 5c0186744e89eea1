"""Writes golden_peers.json: what MONAI and segmentation_models_pytorch make of seeded inputs.

They bring timm, torchvision and more, so the tests read their numbers rather than import them:

    pip install torch segmentation-models-pytorch && pip install --no-deps monai
    python tests/losses/golden_peers.py
"""

import importlib.metadata
import json
import pathlib

import monai.losses as monai
import numpy as np
import segmentation_models_pytorch.losses as smp
import torch

random = np.random.default_rng(0)
CLASSES, SHAPE = 4, (2, 3, 5)
LOGITS = np.round(random.normal(size=(*SHAPE, CLASSES)) * 2, 3).astype("float32")
IDS = random.integers(0, CLASSES, SHAPE)
VOID = np.where(random.random(SHAPE) < 0.2, 255, IDS)
ABSENT = np.where(IDS == 2, 1, IDS)  # class 2 does not occur
CHANNELS = random.integers(0, 2, (*SHAPE, CLASSES))

X = torch.tensor(LOGITS).permute(0, 3, 1, 2)
FIRST = X[:, :1]


def ids(array):
    return torch.tensor(array)


def one_channel(array):
    return torch.tensor(array)[:, None]


SMOOTHLESS = {"smooth_nr": 0.0, "smooth_dr": 0.0}
ONE_HOT = {"softmax": True, "to_onehot_y": True}
BATCH = {**ONE_HOT, **SMOOTHLESS, "batch": True}

values = {
    "monai_dice": monai.DiceLoss(**BATCH)(X, one_channel(IDS)),
    "monai_dice_absent": monai.DiceLoss(**BATCH)(X, one_channel(ABSENT)),
    "monai_dice_per_image": monai.DiceLoss(**ONE_HOT, **SMOOTHLESS)(X, one_channel(ABSENT)),
    "monai_dice_binary": monai.DiceLoss(sigmoid=True, batch=True, **SMOOTHLESS)(FIRST, one_channel(CHANNELS[..., 0])),
    "monai_dice_multilabel": monai.DiceLoss(sigmoid=True, batch=True, **SMOOTHLESS)(
        X, torch.tensor(CHANNELS).permute(0, 3, 1, 2)
    ),
    "monai_dice_smooth": monai.DiceLoss(**ONE_HOT, batch=True, smooth_nr=1.5, smooth_dr=1.5)(X, one_channel(IDS)),
    "monai_jaccard": monai.DiceLoss(jaccard=True, **BATCH)(X, one_channel(IDS)),
    "monai_tversky": monai.TverskyLoss(alpha=0.3, beta=0.7, **BATCH)(X, one_channel(IDS)),
    "monai_generalized_dice": monai.GeneralizedDiceLoss(w_type="square", **BATCH)(X, one_channel(IDS)),
    "monai_generalized_dice_simple": monai.GeneralizedDiceLoss(w_type="simple", **BATCH)(X, one_channel(IDS)),
    "monai_generalized_dice_absent": monai.GeneralizedDiceLoss(w_type="square", **BATCH)(X, one_channel(ABSENT)),
    "monai_focal_softmax": monai.FocalLoss(use_softmax=True, to_onehot_y=True, gamma=2.0)(X, one_channel(IDS)),
    "monai_focal_sigmoid": monai.FocalLoss(gamma=1.5)(X, torch.tensor(CHANNELS).permute(0, 3, 1, 2)),
    "smp_dice": smp.DiceLoss("multiclass")(X, ids(IDS)),
    "smp_dice_void": smp.DiceLoss("multiclass", ignore_index=255)(X, ids(VOID)),
    "smp_dice_absent": smp.DiceLoss("multiclass")(X, ids(ABSENT)),
    "smp_jaccard": smp.JaccardLoss("multiclass")(X, ids(IDS)),
    "smp_jaccard_binary": smp.JaccardLoss("binary")(FIRST, one_channel(CHANNELS[..., 0])),
    "smp_tversky": smp.TverskyLoss("multiclass", alpha=0.3, beta=0.7)(X, ids(IDS)),
    "smp_focal_tversky_binary": smp.TverskyLoss("binary", alpha=0.3, beta=0.7, gamma=0.75)(
        FIRST, one_channel(CHANNELS[..., 0])
    ),
    "smp_focal_binary": smp.FocalLoss("binary", alpha=0.25, gamma=2.0)(FIRST, one_channel(CHANNELS[..., 0])),
    "smp_focal_multiclass": smp.FocalLoss("multiclass", gamma=2.0, ignore_index=255)(X, ids(VOID)),
    "smp_lovasz": smp.LovaszLoss("multiclass")(X, ids(IDS)),
    "smp_lovasz_void": smp.LovaszLoss("multiclass", ignore_index=255)(X, ids(VOID)),
    "smp_lovasz_absent_per_image": smp.LovaszLoss("multiclass", per_image=True)(X, ids(ABSENT)),
    "smp_lovasz_hinge": smp.LovaszLoss("binary")(FIRST, one_channel(CHANNELS[..., 0])),
    "smp_cross_entropy_smoothed": smp.SoftCrossEntropyLoss(smooth_factor=0.1, ignore_index=255)(X, ids(VOID)),
}
versions = {name: importlib.metadata.version(name) for name in ("monai", "segmentation-models-pytorch", "torch")}
content = {
    "versions": versions,
    "inputs": {
        "logits": LOGITS.tolist(),
        "ids": IDS.tolist(),
        "void": VOID.tolist(),
        "absent": ABSENT.tolist(),
        "channels": CHANNELS.tolist(),
    },
    "values": {name: float(value) for name, value in values.items()},
}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(content) + "\n", encoding="utf-8")
print(versions, content["values"])
