"""Makes golden_torch.npz: what the PyTorch originals compute with random weights. Runs where these are installed:

pip install torch torchvision timm segmentation-models-pytorch && pip install --no-deps efficientnet-lite-pytorch
PYTHONPATH=tests python tests/backbones/golden_torch.py
"""

import json
import pathlib

import numpy as np
import segmentation_models_pytorch
import timm
import torch
import torchvision
from efficientnet_lite_pytorch import EfficientNet
from random_states import sample
from torch_originals import shapes_of, tensor, versions, with_random_weights

SIZES = ((64, 96), (75, 53))


def resnet(model):
    return [model.relu, model.layer1, model.layer2, model.layer3, model.layer4]


def lite(model):
    """The maps of both `skips`: the bottlenecks at the ends of the strides, and the expansions that follow."""
    ends = [model.blocks[number] for number in (0, 1, 2, 4, 6)]
    expansions = [model.blocks[number][0].bn1 for number in (1, 2, 3, 5)]
    return [*expansions, model.bn2, *ends]


def mobilenet(model):
    """The maps of both `skips`: the expansions that begin the next stride, and the bottlenecks before them."""
    features = model.features
    strided = [number for number, block in enumerate(features) if getattr(block, "_is_cn", False)]
    ends = [features[number - 1] for number in strided]
    # The small net's first block has no expansion.
    expansions = [features[number].block[0] if number > 1 else features[0] for number in strided]
    return [*expansions, features[-1], *ends, features[-1]]


def universal(model):
    """The maps of both `skips`: the stem and the stages' ends, with and without the last convolution."""
    *ends, last = [model.bn1, *model.blocks]
    return [*ends[:-1], last, *ends]


def convnext(model):
    return list(model.stages)


def mit(model):
    return [model.norm1, model.norm2, model.norm3, model.norm4]


def mix_transformer(number):
    return segmentation_models_pytorch.encoders.get_encoder(f"mit_b{number}", weights=None)


def hooked(model, modules, pixels):
    """The outputs of `modules` of `model`."""
    found = {}

    def keep(number):
        def hook(module, inputs, output):
            found[number] = output

        return hook

    handles = [module.register_forward_hook(keep(number)) for number, module in enumerate(modules)]
    with torch.no_grad():
        model(pixels)
    for handle in handles:
        handle.remove()
    return [found[number].permute(0, 2, 3, 1).numpy() for number in range(len(modules))]


def record(name, model, modules_of):
    model, shapes = with_random_weights(model)
    golden = {f"{name}/shapes": shapes}
    for height, width in SIZES:
        for number, map in enumerate(hooked(model, modules_of(model), tensor(height, width))):
            golden[f"{name}/{height}/{number}/shape"] = np.array(map.shape[1:])
            golden[f"{name}/{height}/{number}"] = sample(map)
    # MobileNetV4 pools before its last convolution, so this is part of the classifier there.
    left = (*CLASSIFIERS, "conv_head") if hasattr(model, "norm_head") else CLASSIFIERS
    trainable = sum(p.numel() for key, p in model.named_parameters() if key.split(".")[0] not in left)
    golden[f"{name}/parameters"] = np.array(trainable)
    print(name, trainable, [float(np.std(golden[f"{name}/64/{n}"])) for n in range(2)])
    return golden


PACKAGES = ("torch", "torchvision", "timm", "segmentation-models-pytorch")
CLASSIFIERS = ("fc", "classifier", "_fc", "norm_head", "head")
ORIGINALS = {
    "ResNet18": (torchvision.models.resnet18, resnet),
    "ResNet34": (torchvision.models.resnet34, resnet),
    "ResNet50Torchvision": (torchvision.models.resnet50, resnet),
    "ResNet101Torchvision": (torchvision.models.resnet101, resnet),
    "MobileNetV3LargeTorchvision": (torchvision.models.mobilenet_v3_large, mobilenet),
    "MobileNetV3SmallTorchvision": (torchvision.models.mobilenet_v3_small, mobilenet),
    "MobileNetV4ConvSmall": (lambda: timm.create_model("mobilenetv4_conv_small"), universal),
    "MobileNetV4ConvMedium": (lambda: timm.create_model("mobilenetv4_conv_medium"), universal),
    **{f"EfficientNetLite{n}": (lambda n=n: timm.create_model(f"tf_efficientnet_lite{n}"), lite) for n in range(5)},
    **{
        f"ConvNeXtV2{size}": (lambda size=size: timm.create_model(f"convnextv2_{size.lower()}"), convnext)
        for size in ("Atto", "Femto", "Pico", "Nano", "Tiny")
    },
    **{f"MiTB{n}": (lambda n=n: mix_transformer(n), mit) for n in range(6)},
}


def main():
    golden = {}
    for name, (make, modules_of) in ORIGINALS.items():
        golden |= record(name, make(), modules_of)
    # The same network under the names of another package.
    golden["names/EfficientNetLite0"] = np.array(json.dumps(shapes_of(EfficientNet.from_name("efficientnet-lite0"))))
    golden["versions"] = versions(*PACKAGES)
    np.savez_compressed(pathlib.Path(__file__).with_suffix(".npz"), **golden)


if __name__ == "__main__":
    main()
