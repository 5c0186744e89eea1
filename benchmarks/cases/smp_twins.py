"""U-Nets that ours and segmentation_models_pytorch (smp) build alike."""

CLASSES = 11
SMP_NAMES = {"MobileNetV2": "mobilenet_v2", "ResNet50Torchvision": "resnet50", "EfficientNetB0": "efficientnet-b0"}


def ours(backbone):
    """Logits at every pixel, with skips from the narrow maps, as smp takes them."""
    import keras_seg as ks

    if backbone == "MobileNetV2":
        backbone = ks.backbones.build(backbone, skips="narrow")
    return ks.models.UNet(num_classes=CLASSES, backbone=backbone, activation=None)


def smp_twin(backbone):
    import segmentation_models_pytorch as smp
    import torch
    from worker import THREADS

    torch.set_num_threads(THREADS)
    model = smp.Unet(SMP_NAMES[backbone], encoder_weights=None, classes=CLASSES)
    return model.to(memory_format=torch.channels_last)


def pixels(batch, size):
    """Images in 0..255, channels last, and their labels."""
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (batch, size, size, 3)).astype("float32")
    return images, rng.integers(0, CLASSES, (batch, size, size))
