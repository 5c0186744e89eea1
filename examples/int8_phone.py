"""A TFLite file of 8-bit integers for a phone: a quarter of the size, and the loss of accuracy."""

# %%
import pathlib
import sys
import tempfile

import keras
import numpy as np
from PIL import Image

import keras_seg as ks

QUICK = "--quick" in sys.argv  # Seconds instead of minutes, to check that it runs.
folder = pathlib.Path(tempfile.mkdtemp())
# The masks hold six kinds of shapes, ids 1 to 6; merged into one class, they are learned in a minute.
names, two = ["background", "shape"], dict.fromkeys(range(1, 7), 1)

# %%
ks.data.write_shapes(folder, train=8 if QUICK else 200, val=8 if QUICK else 40, image_size=(96, 96))
reading = {"class_names": names, "label_map": two, "cache": True}
augment = ks.augmentation.standard(crop=96, scale=(0.9, 1.4))
train = ks.data.from_folder(folder, split="train", augment=augment, **reading)
val = ks.data.from_folder(folder, split="val", batch_size=40, **reading)
model = ks.models.UNet(len(names), backbone="Compact", decoder_filters=(96, 64, 32, 24), decoder_stride=2)
model.compile(keras.optimizers.AdamW(2e-3), loss=ks.losses.Crossentropy() + 0.5 * ks.losses.SoftIoU())
model.fit(train, epochs=1 if QUICK else 6, verbose=2)

# %% [markdown]
# The weights and the maps between layers become 8-bit integers. Their ranges are measured on `representative` images of
# the training data. The file takes camera bytes and returns the class of each pixel. Each file is run on `images` and
# compared with Keras, also by its IoU on `masks`.

# %%
images, masks = (np.asarray(part) for part in next(iter(val)))
shared = {"input_size": 96, "input": "uint8", "output": "class_ids", "images": images.round(), "masks": masks}
for quantize in (None, "int8"):
    path = folder / f"shapes_{quantize or 'float32'}.tflite"
    report = ks.export.tflite(
        model, path, quantize=quantize, representative=train if quantize else None, class_names=names, **shared
    )
    print(
        f"{path.name}: {report.size_bytes / 1024:.0f} KiB, {report.milliseconds:.1f} ms per image on this machine, "
        f"{report.agreement:.2%} of pixels as in Keras, "
        f"mean IoU {np.mean(report.iou):.3f} (Keras {np.mean(report.keras_iou):.3f})"
    )

# %% [markdown]
# The file run as on a phone, by the runtime alone. The picture shows images, the file's classes as an overlay, and in
# red the pixels where it differs from Keras.

# %%
from ai_edge_litert.interpreter import Interpreter  # noqa: E402

runner = Interpreter(model_path=str(path)).get_signature_runner()
rows = []
for image in images[:3].round():
    small = runner(image=image[None].astype("uint8"))["class_ids"][0]
    apart = small != ks.inference.predict_classes(model, image[None])[0]
    shade = np.where(apart[..., None], (230, 40, 40), 0.35 * image).astype("uint8")
    rows.append(np.concatenate([image.astype("uint8"), ks.visualization.overlay(image, small, len(names)), shade], 1))
picture = np.concatenate(rows).repeat(3, axis=0).repeat(3, axis=1)
Image.fromarray(picture).save("int8_phone.jpg", quality=82)
