"""Makes golden_segformer.npz: what SegFormer of transformers computes with random weights. Runs where it is installed:

pip install torch transformers segmentation-models-pytorch
PYTHONPATH=tests python tests/models/golden_segformer.py
"""

import json
import pathlib
import tempfile

import numpy as np
import segmentation_models_pytorch
import torch
from random_states import sample
from safetensors.numpy import load_file
from torch_originals import shapes_of, tensor, versions, with_random_weights
from transformers import SegformerConfig, SegformerForSemanticSegmentation

SIZES, CLASSES = ((64, 96), (75, 53)), 19
NARROW, WIDE = [32, 64, 160, 256], [64, 128, 320, 512]
# Channels per stage, blocks per stage, filters of the decoder.
SHAPES = {
    "MiTB0": (NARROW, [2, 2, 2, 2], 256),
    "MiTB1": (WIDE, [2, 2, 2, 2], 256),
    "MiTB2": (WIDE, [3, 4, 6, 3], 768),
    "MiTB3": (WIDE, [3, 4, 18, 3], 768),
    "MiTB4": (WIDE, [3, 8, 27, 3], 768),
    "MiTB5": (WIDE, [3, 6, 40, 3], 768),
}
PACKAGES = ("torch", "transformers", "segmentation-models-pytorch")


def original(name):
    widths, depths, filters = SHAPES[name]
    config = SegformerConfig(
        hidden_sizes=widths, depths=depths, decoder_hidden_size=filters, num_labels=CLASSES, id2label=None
    )
    config.num_labels = CLASSES
    return SegformerForSemanticSegmentation(config).eval()


def names_in_files(model):
    """{key in a file: key in memory}, found by the values: transformers writes other names than it has."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        stored = load_file(pathlib.Path(folder) / "model.safetensors")
    known = {value.numpy().tobytes(): key for key, value in model.state_dict().items()}
    return {key: known[value.tobytes()] for key, value in stored.items() if not key.endswith("num_batches_tracked")}


def scores(model, height, width):
    """Those of a quarter of the size, enlarged as transformers does it for its loss."""
    with torch.no_grad():
        logits = model(pixel_values=tensor(height, width)).logits
        logits = torch.nn.functional.interpolate(logits, (height, width), mode="bilinear", align_corners=False)
    return logits.permute(0, 2, 3, 1).numpy()


def main():
    golden = {}
    for name in SHAPES:
        with torch.device("meta"):
            model = original(name)
        golden[f"{name}/parameters"] = np.array(sum(p.numel() for p in model.parameters()))
        print(name, golden[f"{name}/parameters"])
    for name in SHAPES:
        model, golden[f"{name}/shapes"] = with_random_weights(original(name))
        for height, width in SIZES:
            golden[f"{name}/{height}"] = sample(scores(model, height, width))
            print(name, height, golden[f"{name}/{height}"].std())
        if name == "MiTB0":
            golden["names/files"] = np.array(json.dumps(names_in_files(model)))
    smp = segmentation_models_pytorch.Segformer("mit_b0", encoder_weights=None, classes=CLASSES)
    golden["names/smp"] = np.array(json.dumps(shapes_of(smp)))
    golden["versions"] = versions(*PACKAGES)
    np.savez_compressed(pathlib.Path(__file__).with_suffix(".npz"), **golden)


if __name__ == "__main__":
    main()
