"""MONAI 1.6 and segmentation_models_pytorch 0.6, by the numbers that `golden_peers.py` wrote down.

Where they differ by definition, the comment says how, and the test holds the relation rather than the number.
"""

import json
import pathlib

import numpy as np
import pytest

from keras_seg import losses

GOLDEN = json.loads(pathlib.Path(__file__).with_name("golden_peers.json").read_text(encoding="utf-8"))
VALUES = GOLDEN["values"]
INPUTS = {name: np.array(value) for name, value in GOLDEN["inputs"].items()}
LOGITS = INPUTS["logits"].astype("float32")
CLASSES, VALID = 4, (INPUTS["void"] != 255).mean()


def ours(cls, labels="ids", **arguments):
    first = labels == "first"
    y_true = INPUTS["channels"][..., 0] if first else INPUTS[labels]
    y_pred = LOGITS[..., :1] if first else LOGITS
    return float(cls(from_logits=True, **arguments)(y_true, y_pred))


# name: our value, or what theirs must be by it
SAME = {
    "monai_dice": lambda: ours(losses.SoftDice),
    # MONAI's absent class has I = 0 and so the loss 1.
    "monai_dice_absent": lambda: ours(losses.SoftDice, "absent", absent="zero"),
    "monai_dice_per_image": lambda: ours(losses.SoftDice, "absent", absent="zero", per_image=True),
    "monai_dice_binary": lambda: ours(losses.SoftDice, "first"),
    "monai_dice_multilabel": lambda: ours(losses.SoftDice, "channels", mode="multilabel"),
    "monai_dice_smooth": lambda: ours(losses.SoftDice, smooth=1.5),
    "monai_jaccard": lambda: ours(losses.SoftIoU),
    "monai_tversky": lambda: ours(losses.Tversky, alpha=0.3, beta=0.7),
    "monai_generalized_dice": lambda: ours(losses.GeneralizedDice),
    "monai_generalized_dice_simple": lambda: ours(losses.GeneralizedDice, power=1.0),
    # MONAI gives an absent class the largest weight of the others.
    "monai_generalized_dice_absent": lambda: ours(losses.GeneralizedDice, "absent", absent="count"),
    # MONAI averages over classes too, of which each pixel has one.
    "monai_focal_softmax": lambda: ours(losses.FocalCrossentropy) / CLASSES,
    "monai_focal_sigmoid": lambda: ours(losses.FocalCrossentropy, "channels", mode="multilabel", gamma=1.5),
    "smp_dice": lambda: ours(losses.SoftDice),
    "smp_dice_void": lambda: ours(losses.SoftDice, "void", ignore_class=255),
    # smp gives an absent class the loss 0 and divides by all 4 classes, where "skip" divides by the 3 present.
    "smp_dice_absent": lambda: ours(losses.SoftDice, "absent") * 3 / 4,
    "smp_jaccard": lambda: ours(losses.SoftIoU),
    "smp_jaccard_binary": lambda: ours(losses.SoftIoU, "first"),
    "smp_tversky": lambda: ours(losses.Tversky, alpha=0.3, beta=0.7),
    # smp raises the mean over classes to the power, we (and the paper) each class: the same for one class.
    "smp_focal_tversky_binary": lambda: ours(losses.Tversky, "first", exponent=0.75),
    # alpha 0.25 of the foreground is a pair of class weights here.
    "smp_focal_binary": lambda: ours(losses.FocalCrossentropy, "first", class_weights=(0.75, 0.25)),
    # smp's "multiclass" focal loss is a mean of one sigmoid loss a class, not the softmax form.
    "smp_focal_multiclass": lambda: ours(losses.FocalCrossentropy, "void", mode="multilabel", ignore_class=255),
    "smp_lovasz": lambda: ours(losses.LovaszSoftmax),
    "smp_lovasz_void": lambda: ours(losses.LovaszSoftmax, "void", ignore_class=255),
    "smp_lovasz_absent_per_image": lambda: ours(losses.LovaszSoftmax, "absent", per_image=True),
    "smp_lovasz_hinge": lambda: ours(losses.LovaszHinge, "first"),
    # smp divides by all pixels, void ones included.
    "smp_cross_entropy_smoothed": lambda: (
        ours(losses.Crossentropy, "void", ignore_class=255, label_smoothing=0.1) * VALID
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_equals_the_peer(name):
    np.testing.assert_allclose(SAME[name](), VALUES[name], rtol=1e-5)


def test_where_the_peers_differ():
    """The relations above are no coincidence of factors near 1."""
    assert VALUES["smp_dice_absent"] != pytest.approx(ours(losses.SoftDice, "absent"), rel=0.1)
    assert VALUES["monai_dice_absent"] != pytest.approx(ours(losses.SoftDice, "absent"), rel=0.05)
    assert VALUES["smp_focal_multiclass"] != pytest.approx(
        ours(losses.FocalCrossentropy, "void", ignore_class=255), rel=0.05
    )
