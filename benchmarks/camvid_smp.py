"""For comparison with `keras-seg train`: segmentation_models_pytorch's Unet("mobilenet_v2") on CamVid, from scratch.

It gets every advantage: channels_last, data in memory, the same augmentation, the same class weights and overlap term
in the loss, AdamW with warm-up and polynomial decay to zero at the end of the time.

    pip install torch segmentation-models-pytorch
    python benchmarks/camvid_smp.py $KERAS_SEG_DATA/camvid --minutes 15
"""

import argparse
import pathlib
import time

import numpy as np
import segmentation_models_pytorch as smp
import torch
from PIL import Image

VOID, CLASSES = 11, 11


def load(folder):
    """All images (n, 3, h, w) uint8 and masks (n, h, w) uint8 of a split."""
    images = sorted((folder / "images").iterdir())
    pixels = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in images])
    masks = np.stack([np.asarray(Image.open(folder / "masks" / f"{path.stem}.png")) for path in images])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(masks)


def augmented(images, masks, rng, batch, crop):
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
        mean = x.mean()
        x = ((x - mean) * rng.uniform(0.8, 1.2) + mean) * rng.uniform(0.8, 1.2)
        xs.append(x.clamp(0, 255) / 127.5 - 1)
        ys.append(y[0, 0].long())
    return torch.cat(xs).contiguous(memory_format=torch.channels_last), torch.stack(ys)


def class_weights(masks):
    """One over the square root of the share, normalized to a mean of 1 over pixels, as in keras_seg."""
    share = torch.bincount(masks.flatten(), minlength=CLASSES + 1)[:CLASSES].double()
    share /= share.sum()
    weights = share**-0.5
    return (weights / (weights * share).sum()).float()


def soft_iou_loss(logits, labels):
    """One minus soft IoU over the classes present, ignored pixels excluded."""
    valid = (labels != VOID).unsqueeze(1)
    probabilities = logits.softmax(1) * valid
    target = torch.nn.functional.one_hot(labels.clamp(max=CLASSES - 1), CLASSES).permute(0, 3, 1, 2) * valid
    intersection = (probabilities * target).sum((0, 2, 3))
    union = (probabilities + target).sum((0, 2, 3)) - intersection
    present = target.sum((0, 2, 3)) > 0
    return 1 - (intersection[present] / union[present]).mean()


def evaluate(model, images, masks):
    """Confusion matrix over a split, at full size; padded by reflection to a multiple of 32 and cropped."""
    model.eval()
    matrix = np.zeros((CLASSES, CLASSES), "int64")
    with torch.no_grad():
        for image, mask in zip(images, masks, strict=True):
            height, width = mask.shape
            x = torch.nn.functional.pad(
                image[None].float() / 127.5 - 1, (0, -width % 32, 0, -height % 32), mode="reflect"
            )
            predicted = model(x.contiguous(memory_format=torch.channels_last))[0, :, :height, :width].argmax(0)
            valid = mask != VOID
            pairs = mask[valid].long() * CLASSES + predicted[valid]
            matrix += torch.bincount(pairs, minlength=CLASSES**2).reshape(CLASSES, CLASSES).numpy()
    return matrix


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=224)
    parser.add_argument("--rate", type=float, default=3e-3)
    arguments = parser.parse_args()

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    images, masks = load(arguments.data / "train")
    weights = class_weights(masks)
    model = smp.Unet("mobilenet_v2", encoder_weights=None, classes=CLASSES).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.rate, weight_decay=0.01)
    model.train()
    start, step, budget = time.monotonic(), 0, arguments.minutes * 60
    while (progress := (time.monotonic() - start) / budget) < 1:
        rate = progress / 0.05 if progress < 0.05 else ((1 - progress) / 0.95) ** 0.9
        for group in optimizer.param_groups:
            group["lr"] = arguments.rate * rate
        x, y = augmented(images, masks, rng, arguments.batch, arguments.crop)
        logits = model(x)
        losses = torch.nn.functional.cross_entropy(logits, y, weights, ignore_index=VOID, reduction="sum")
        loss = losses / (y != VOID).sum().clamp(min=1) + 0.5 * soft_iou_loss(logits, y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        step += 1
        if step % 50 == 0:
            print(f"step {step}  {time.monotonic() - start:.0f} s  loss {loss.item():.3f}", flush=True)
    matrix = evaluate(model, *load(arguments.data / "val"))
    iou = np.diag(matrix) / (matrix.sum(0) + matrix.sum(1) - np.diag(matrix))
    parameters = sum(p.numel() for p in model.parameters())
    size = f"{arguments.batch}x{arguments.crop}x{arguments.crop}"
    print(f"smp Unet mobilenet_v2: {parameters} parameters, {step} steps of {size}")
    print("IoU per class:", np.round(100 * iou, 1).tolist())
    print(f"mean IoU {100 * iou.mean():.2f}, pixel accuracy {100 * np.diag(matrix).sum() / matrix.sum():.2f}")


if __name__ == "__main__":
    main()
