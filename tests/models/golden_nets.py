"""Makes golden_nets.npz: what nets of PyTorch compute with random weights. Runs where they are installed:

pip install torch torchvision segmentation-models-pytorch
PYTHONPATH=tests:ORIGINALS python tests/models/golden_nets.py

ORIGINALS is a folder with a file of each net that no package has: `ddrnet.py`, the authors' DDRNet_23_slim.py
(github.com/ydhongHIT/DDRNet, 6023467) with BatchNorm2d in place of SyncBatchNorm; `fast_scnn.py`
(github.com/Tramac/Fast-SCNN-pytorch, 03b91fb); `bisenetv2.py` (github.com/CoinCheung/BiSeNet, 08e0726) without its
download; `pidnet.py` (github.com/XuJiacong/PIDNet, 3986991) with its model_utils.
"""

import pathlib

import bisenetv2
import ddrnet
import fast_scnn
import numpy as np
import pidnet
import segmentation_models_pytorch as smp
import torch
from random_states import sample
from torch_originals import tensor, versions, with_random_weights
from torchvision.models import segmentation

CLASSES, CITYSCAPES = 21, 19
PACKAGES = ("torch", "torchvision", "segmentation-models-pytorch")
# segmentation_models_pytorch refuses sizes that its stride does not divide.
ANY_SIZES, WHOLE_SIZES = ((64, 96), (75, 53)), ((64, 96), (96, 32))
# PAN pools its map of stride 16 three times, which leaves nothing of smaller ones; 144 / 16 and 176 / 16 are odd.
PAN_SIZES = ((128, 160), (144, 176))
SCSE = {"decoder_attention_type": "scse"}
# Fast-SCNN enlarges four times what rounding up must have made four times smaller.
FAST_SCNN_SIZES = ((64, 96), (63, 125))
# What is not part of the nets here: heads for training, and attention that smp's last node has and never uses.
NOT_HERE = (
    "aux_classifier.",
    "seghead_",
    "auxlayer.",
    "aux2.",
    "aux3.",
    "aux4.",
    "aux5_4.",
    "decoder.blocks.x_0_4.attention1.",
)


def torchvision_net(name, **arguments):
    return getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=CLASSES, **arguments)


def smp_net(name, backbone, **arguments):
    return getattr(smp, name)(backbone, encoder_weights=None, classes=CLASSES, **arguments)


def enlarged(model, pixels):
    """The scores of torchvision, as large as the image."""
    return model(pixels)["out"]


def scores(model, pixels):
    """The scores of segmentation_models_pytorch before they are enlarged, for which it aligns corners."""
    features = model.encoder(pixels)
    return model.segmentation_head[0](model.decoder(features))


def features(model, pixels):
    """What segmentation_models_pytorch decides the classes by, with a kernel that not all nets here have."""
    return model.decoder(model.encoder(pixels))


def dense_transformer(size):
    """A narrow ViT, made for images of one size."""
    narrow = {"embed_dim": 48, "num_heads": 3, "img_size": size}
    widths = {"decoder_intermediate_channels": (16, 24, 32, 32), "decoder_fusion_channels": 16}
    return smp_net("DPT", "tu-vit_tiny_patch16_224", **widths, **narrow)


def head_scores(model, pixels):
    """`scores` of a head that enlarges them inside."""
    return model.segmentation_head.head(model.decoder(*model.encoder(pixels)))


def dual_resolution(**arguments):
    return ddrnet.DualResNet(ddrnet.BasicBlock, [2, 2, 2, 2], CITYSCAPES, **arguments)


def first(model, pixels):
    """The scores at an eighth of the size, beside those of the head for training."""
    found = model(pixels)
    return found[0] if isinstance(found, list) else found


def only(model, pixels):
    """The scores as large as the image, before those of heads for training."""
    return model(pixels)[0]


def pid(**arguments):
    return pidnet.PIDNet(num_classes=CITYSCAPES, **arguments)


def middle(model, pixels):
    """The scores at an eighth of the size, between those of heads for training."""
    return model(pixels)[1]


# key: (function that makes the net, its scores, sizes)
NETS = {
    "deeplabv3_resnet50": (lambda: torchvision_net("deeplabv3_resnet50", aux_loss=True), enlarged, ANY_SIZES),
    "deeplabv3_mobilenet": (
        lambda: torchvision_net("deeplabv3_mobilenet_v3_large", aux_loss=True),
        enlarged,
        ANY_SIZES,
    ),
    "fcn_resnet50": (lambda: torchvision_net("fcn_resnet50", aux_loss=True), enlarged, ANY_SIZES),
    "lraspp": (lambda: torchvision_net("lraspp_mobilenet_v3_large"), enlarged, ANY_SIZES),
    "smp_deeplabv3": (lambda: smp_net("DeepLabV3", "resnet18"), scores, WHOLE_SIZES),
    "smp_deeplabv3_16": (
        lambda: smp_net("DeepLabV3", "resnet50", encoder_output_stride=16, decoder_atrous_rates=(6, 12, 18)),
        scores,
        WHOLE_SIZES,
    ),
    "smp_unetplusplus": (lambda: smp_net("UnetPlusPlus", "resnet18"), scores, WHOLE_SIZES),
    "smp_unetplusplus_resnet50": (lambda: smp_net("UnetPlusPlus", "resnet50"), scores, WHOLE_SIZES),
}
NETS["smp_upernet"] = (lambda: smp_net("UPerNet", "resnet18"), scores, WHOLE_SIZES)
NETS["smp_manet"] = (lambda: smp_net("MAnet", "resnet18"), scores, WHOLE_SIZES)
NETS["smp_pan"] = (lambda: smp_net("PAN", "resnet18"), scores, PAN_SIZES)
NETS["smp_unetplusplus_scse"] = (lambda: smp_net("UnetPlusPlus", "resnet18", **SCSE), scores, WHOLE_SIZES)
NETS["smp_unet_scse"] = (lambda: smp_net("Unet", "resnet18", **SCSE), features, WHOLE_SIZES)
NETS["fast_scnn"] = (lambda: fast_scnn.FastSCNN(CITYSCAPES, aux=True), only, FAST_SCNN_SIZES)
NETS["bisenetv2"] = (lambda: bisenetv2.BiSeNetV2(CITYSCAPES), only, WHOLE_SIZES)
NETS["pidnet"] = (lambda: pid(planes=32), middle, ANY_SIZES)
NETS["pidnet_l"] = (lambda: pid(m=3, n=4, planes=64, ppm_planes=112, head_planes=256), middle, ANY_SIZES)
NETS["ddrnet"] = (lambda: dual_resolution(planes=32, head_planes=64, augment=True), first, WHOLE_SIZES)
NETS["smp_dpt"] = (lambda: dense_transformer((64, 96)), head_scores, [(64, 96)])
NETS["smp_dpt_tall"] = (lambda: dense_transformer((96, 64)), head_scores, [(96, 64)])
# key: heads for training among what the model returns, by the names of the outputs here
HEADS = {
    **{key: {"aux": "aux"} for key in ("deeplabv3_resnet50", "deeplabv3_mobilenet", "fcn_resnet50")},
    "fast_scnn": {"aux": 1},
    "bisenetv2": {"aux2": 1, "aux3": 2, "aux4": 3, "aux5": 4},
    "pidnet": {"aux": 0, "aux_border": 2},
    "ddrnet": {"aux": 1},
}
# Counted, not computed.
LARGE = {
    "deeplabv3_resnet101": lambda: torchvision_net("deeplabv3_resnet101"),
    "fcn_resnet101": lambda: torchvision_net("fcn_resnet101"),
    "pidnet_m": lambda: pid(planes=64),
    "ddrnet_23": lambda: dual_resolution(planes=64, head_planes=128),
    "smp_upernet_resnet34": lambda: smp_net("UPerNet", "resnet34"),
    "smp_manet_resnet34": lambda: smp_net("MAnet", "resnet34"),
    "smp_manet_resnet50": lambda: smp_net("MAnet", "resnet50"),
    "smp_pan_resnet34": lambda: smp_net("PAN", "resnet34"),
    "smp_pan_resnet50": lambda: smp_net("PAN", "resnet50"),
    "smp_unetplusplus_resnet34": lambda: smp_net("UnetPlusPlus", "resnet34"),
}


def count(model):
    return sum(p.numel() for name, p in model.named_parameters() if not name.startswith(NOT_HERE))


def main():
    golden = {}
    for key, make in LARGE.items():
        with torch.device("meta"):
            golden[f"{key}/parameters"] = np.array(count(make()))
    for key, (make, scores_of, sizes) in NETS.items():
        model, golden[f"{key}/shapes"] = with_random_weights(make())
        golden[f"{key}/parameters"] = np.array(count(model))
        for number, size in enumerate(sizes):
            with torch.no_grad():
                map = scores_of(model, tensor(*size)).permute(0, 2, 3, 1).numpy()
            golden[f"{key}/{number}"] = sample(map)
            print(key, golden[f"{key}/parameters"], map.shape, golden[f"{key}/{number}"].std())
        if key in HEADS:
            golden[f"{key}/aux/parameters"] = np.array(sum(p.numel() for p in model.parameters()))
            with torch.no_grad():
                found = model(tensor(*sizes[-1]))
            for name, place in HEADS[key].items():
                golden[f"{key}/aux/{name}"] = sample(found[place].permute(0, 2, 3, 1).numpy())
    golden["versions"] = versions(*PACKAGES)
    np.savez_compressed(pathlib.Path(__file__).with_suffix(".npz"), **golden)


if __name__ == "__main__":
    main()
