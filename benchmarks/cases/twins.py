"""U-Nets that ours and segmentation_models_pytorch (smp) build alike, with equally many parameters."""

import itertools

CLASSES = 11
SMP_NAMES = {"MobileNetV2": "mobilenet_v2", "ResNet50Torchvision": "resnet50", "EfficientNetB0": "efficientnet-b0"}


def ours(backbone):
    """Logits at every pixel, with skips from the narrow maps, as smp takes them."""
    import keras_seg as ks

    if backbone == "MobileNetV2":
        backbone = ks.backbones.build(backbone, skips="narrow")
    return ks.models.UNet(num_classes=CLASSES, backbone=backbone, activation=None)


def smp_twin(backbone):
    """The same on smp, with scores from a 1x1 convolution as ours, where smp takes 3x3."""
    import segmentation_models_pytorch as smp
    import torch
    from worker import THREADS

    torch.set_num_threads(THREADS)
    if backbone == "Compact":
        model = compact_twin()
    else:
        model = smp.Unet(SMP_NAMES[backbone], encoder_weights=None, classes=CLASSES)
        model.segmentation_head[0] = torch.nn.Conv2d(model.segmentation_head[0].in_channels, CLASSES, 1)
    return model.to(memory_format=torch.channels_last)


def compact_twin():
    """`backbones.Compact` on torch, under the decoder of smp."""
    from segmentation_models_pytorch.base.modules import Conv2dReLU
    from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoder
    from torch import nn

    widths, blocks, decoder = (3, 16, 32, 64, 96, 128), (0, 1, 1, 1, 1), (256, 128, 64, 32, 16)

    class Compact(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.ModuleList(
                nn.Sequential(
                    Conv2dReLU(before, width, 3, padding=1, stride=2),
                    *(Conv2dReLU(width, width, 3, padding=1) for _ in range(repeats)),
                )
                for (before, width), repeats in zip(itertools.pairwise(widths), blocks, strict=True)
            )
            self.decoder = UnetDecoder(widths, decoder)
            self.head = nn.Conv2d(decoder[-1], CLASSES, 1)

        def forward(self, x):
            pyramid = [x]
            for stage in self.encoder:
                pyramid.append(stage(pyramid[-1]))
            return self.head(self.decoder(pyramid))

    return Compact()


def pixels(batch, size):
    """Images in 0..255, channels last, and their labels."""
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (batch, size, size, 3)).astype("float32")
    return images, rng.integers(0, CLASSES, (batch, size, size))
