"""From the sliding window to the U-Net on CamVid: time, mean IoU and the picture of docs/sliding-window.md.

    python benchmarks/sliding_window_camvid.py $KERAS_SEG_DATA/camvid --minutes 4 --work WORK

Images are halved to 180x240. A patch classifier and a U-Net are trained from scratch for the same wall-clock time and
evaluated on the val split, at every pixel of the halved images. The literal window at every pixel is so slow that it is
only evaluated on the first images (`--literal`), for which the other scores are given too. Models and halved images are
kept in WORK and reused.
"""

import argparse
import datetime
import os
import pathlib
import statistics
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import page_tables
from reduced_folder import reduced_folder

import keras_seg as ks
from keras_seg.data.pipeline.decoded_store import DecodedStore

CLASSES, VOID, SIZE, PATCH, STRIDE, RATE = 11, 11, (180, 240), 64, 8, 3e-3
DOCS = pathlib.Path(__file__).parents[1] / "docs"
LITERAL, COARSE, PASS, STITCHED, DILATED, UNET = (
    "window at every pixel",
    "window at every 8th pixel",
    "one pass, every 8th pixel",
    "shift and stitch, 64 passes",
    "dilated, one pass",
    "U-Net",
)


def trained(model, dataset, loss, minutes, path, steps=50):
    """`model` after this many minutes of training, without compilation, or loaded from disk."""
    if path.exists():
        return keras.saving.load_model(path)
    keras.utils.set_random_seed(0)
    model.compile(ks.optimizers.KernelDecayAdamW(RATE, weight_decay=0.01, global_clipnorm=5.0), loss=loss)
    model.fit(dataset, steps_per_epoch=1, verbose=0)
    schedule = ks.training.ProgressSchedule(RATE, steps=None, seconds=minutes * 60)
    history = model.fit(dataset, steps_per_epoch=steps, epochs=10**6, callbacks=[schedule], verbose=0)
    print(path.stem, int(model.optimizer.iterations), "steps, loss", history.history["loss"][-1], flush=True)
    model.save(path)
    return model


def models(folder, work, minutes):
    """The patch classifier and the U-Net."""
    index = ks.data.scan_folder(folder, split="train", num_classes=CLASSES, ignore_class=VOID, check_images=False)
    keras.utils.set_random_seed(0)
    patches = ks.models.PatchClassifier(
        CLASSES, architecture="vgg", patch_size=PATCH, filters=(16, 32, 64), units=(128,), padding="valid"
    )
    cut = ks.data.patches_from_folder(
        index, patch_size=PATCH, batch_size=64, balanced=True, repeat=True, steps_per_epoch=50
    )
    patches = trained(patches, cut, "sparse_categorical_crossentropy", minutes, work / "patches.keras")
    unet = ks.models.UNet(
        CLASSES, backbone="Compact", decoder_filters=[96, 64, 32, 24], decoder_convolutions=1, decoder_stride=2
    )
    augment = ks.augmentation.standard(crop=(160, 192), scale=(0.75, 1.5), ignore_class=VOID)
    whole = ks.data.from_folder(index, batch_size=8, augment=augment, cache="memory", repeat=True, steps_per_epoch=50)
    # Each class has the same share in the loss as among the patches.
    loss = ks.losses.Crossentropy(ignore_class=VOID, class_weights=ks.data.class_weights(index, rule="balanced"))
    unet = trained(unet, whole, loss, minutes, work / "unet.keras")
    return patches, unet, index.class_pixels / index.class_pixels.sum()


def enlarged(scores):
    """Scores at every 8th pixel, starting at the first, interpolated, and repeated beyond the last."""
    for axis, length in enumerate(SIZE):
        place = np.minimum(np.arange(length) / STRIDE, scores.shape[axis] - 1)
        below = np.minimum(place.astype(int), scores.shape[axis] - 2)
        share = (place - below).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        scores = (1 - share) * scores.take(below, axis) + share * scores.take(below + 1, axis)
    return scores


def ways(patches, unet):
    """{name: function from an image to scores at every pixel}."""
    before, behind = PATCH // 2, PATCH - 1 - PATCH // 2
    coarse = ks.surgery.convolutionalize(patches)
    fine = ks.surgery.dilate(coarse, output_stride=1)

    def mirrored(image):
        return np.pad(image, ((before, behind), (before, behind), (0, 0)), mode="reflect").astype("float32")

    def whole(model):
        return lambda image: np.asarray(model.predict_on_batch(image))[0]

    return {
        LITERAL: lambda image: ks.inference.sliding_window(patches, mirrored(image), step=1, batch_size=256),
        COARSE: lambda image: enlarged(ks.inference.sliding_window(patches, mirrored(image), step=STRIDE)),
        PASS: lambda image: enlarged(whole(coarse)(mirrored(image)[None])),
        STITCHED: lambda image: ks.inference.shift_and_stitch(patches, mirrored(image)),
        DILATED: lambda image: whole(fine)(mirrored(image)[None]),
        UNET: lambda image: whole(unet)(image[None].astype("float32")),
    }


def confusion(ids, mask):
    """The confusion matrix of one image."""
    valid = mask < CLASSES
    pairs = mask[valid].astype("int64") * CLASSES + ids[valid]
    return np.bincount(pairs, minlength=CLASSES**2).reshape(CLASSES, CLASSES)


def judge(patches, unet, shares, val, slow, work):
    """{name: {"seconds", "mean_iou", "mean_iou_first", "prior", "difference"}}; the slow ways on the first images."""
    store = DecodedStore(val, cache="memory")
    found, results, pictures = ways(patches, unet), {}, {}
    for name, way in found.items():
        count = slow if name in (LITERAL, STITCHED) else len(val)
        seconds, matrices, priors = [], [], []
        if name != LITERAL:  # Its compilation is negligible compared with its minutes.
            way(store.get(0)[0])
        for number in range(count):
            image, mask = store.get(number)
            start = time.perf_counter()
            scores = way(image)
            seconds.append(time.perf_counter() - start)
            matrices.append(confusion(scores.argmax(-1), mask))
            priors.append(confusion((scores * shares).argmax(-1), mask))
            if number == 0:
                pictures[name] = scores.astype("float32")
        iou = ks.metrics.scores.mean_iou
        results[name] = {
            "images": count,
            "seconds": statistics.median(seconds),
            "mean_iou": iou(sum(matrices)),
            "mean_iou_first": iou(sum(matrices[:slow])),
            "prior": iou(sum(priors)),
            "prior_first": iou(sum(priors[:slow])),
        }
        if name in (STITCHED, DILATED):
            results[name]["difference"] = float(np.abs(pictures[name] - pictures[LITERAL]).max())
        if name == PASS:
            results[name]["difference"] = float(np.abs(pictures[name] - pictures[COARSE]).max())
        print(name, results[name], flush=True)
    np.savez_compressed(work / "pictures.npz", **{name: scores.argmax(-1) for name, scores in pictures.items()})
    return results


def draw(work, val):
    """The picture: the first image, its ground truth, and the prediction of each way."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    ids = np.load(work / "pictures.npz")
    image, mask = ks.data.read_image(val.pairs[0].image), val.encoding.encode(ks.data.read_mask(val.pairs[0].mask))
    panels = {"image": image, "truth": mask.astype("int64"), **{name: ids[name] for name in ids.files}}
    figure, axes = plt.subplots(2, 4, figsize=(13, 5.4), layout="constrained")
    for axis, (name, picture) in zip(axes.flat, panels.items(), strict=True):
        axis.imshow(picture if picture.ndim == 3 else ks.visualization.colorize(picture, CLASSES))
        axis.set_title(name, fontsize=12)
        axis.axis("off")
    figure.savefig(DOCS / "images" / "sliding_window.jpg", dpi=80, pil_kwargs={"quality": 85})


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=4, help="training time per model")
    parser.add_argument("--literal", type=int, default=3, help="images for the slow ways")
    parser.add_argument("--images", type=int, help="only the first images of the val split, to try it out")
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("sliding_window_camvid"))
    arguments = parser.parse_args()
    folder = reduced_folder(arguments.data, arguments.work / "half", SIZE)
    patches, unet, shares = models(folder, arguments.work, arguments.minutes)
    val = ks.data.scan_folder(folder, split="val", num_classes=CLASSES, ignore_class=VOID, check_images=False)
    val = val.subset(range(arguments.images)) if arguments.images else val
    found = judge(patches, unet, shares, val, arguments.literal, arguments.work)
    draw(arguments.work, val)
    result = {
        "date": datetime.date.today().isoformat(),
        "minutes": arguments.minutes,
        "images": len(val),
        "slow": arguments.literal,
        "parameters": {"patches": patches.count_params(), "unet": unet.count_params()},
        "ways": found,
    }
    page_tables.publish("sliding_window.json", result, trial=page_tables.sliding_window if arguments.images else None)


if __name__ == "__main__":
    main()
