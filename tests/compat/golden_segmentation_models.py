"""Outputs of segmentation_models 1.0.1 on random weights, for tests/compat/test_old_models.py.

It runs on Keras 2, in an environment of its own:

    pip install tensorflow tf_keras segmentation-models==1.0.1
    python tests/compat/golden_segmentation_models.py

writes golden_segmentation_models.npz beside itself. With a folder as argument it writes there, and with it old.h5, the
weights of the first case in the format of Keras 2, which are too large to keep.
"""

import os
import pathlib
import sys
import types
import zlib

import numpy as np

# name: (model, backbone, options, (height, width))
CASES = {
    "unet resnet18": ("Unet", "resnet18", {"classes": 3}, (64, 96)),
    "unet resnet34": ("Unet", "resnet34", {"classes": 2, "decoder_use_batchnorm": False}, (64, 96)),
    "unet vgg16 transposed": ("Unet", "vgg16", {"decoder_block_type": "transpose"}, (32, 64)),
    "unet vgg19": ("Unet", "vgg19", {"decoder_filters": (64, 32, 16, 8, 4)}, (32, 64)),
    "unet resnet50": ("Unet", "resnet50", {}, (64, 64)),
    "unet seresnet18": ("Unet", "seresnet18", {}, (64, 64)),
    "unet seresnet50": ("Unet", "seresnet50", {}, (64, 96)),
    "unet seresnet101": ("Unet", "seresnet101", {}, (64, 64)),
    "unet seresnet152": ("Unet", "seresnet152", {}, (64, 64)),
    "unet resnext50": ("Unet", "resnext50", {}, (64, 96)),
    "unet resnext101": ("Unet", "resnext101", {}, (64, 64)),
    "unet seresnext50": ("Unet", "seresnext50", {}, (64, 96)),
    "unet seresnext101": ("Unet", "seresnext101", {}, (64, 64)),
    "unet senet154": ("Unet", "senet154", {}, (64, 64)),
    "unet densenet121": ("Unet", "densenet121", {}, (64, 64)),
    "unet inceptionv3": ("Unet", "inceptionv3", {}, (96, 96)),
    "unet inceptionresnetv2": ("Unet", "inceptionresnetv2", {}, (96, 96)),
    "unet mobilenet": ("Unet", "mobilenet", {}, (64, 64)),
    "unet mobilenetv2": ("Unet", "mobilenetv2", {"classes": 4}, (64, 96)),
    "unet efficientnetb0": ("Unet", "efficientnetb0", {}, (64, 96)),
    "unet efficientnetb3": ("Unet", "efficientnetb3", {}, (64, 64)),
    "linknet resnet18": ("Linknet", "resnet18", {"classes": 3}, (64, 96)),
    "linknet mobilenet transposed": ("Linknet", "mobilenet", {"decoder_block_type": "transpose"}, (64, 64)),
    "linknet vgg16": ("Linknet", "vgg16", {"decoder_use_batchnorm": False}, (32, 64)),
    "fpn resnet18": ("FPN", "resnet18", {"classes": 3}, (64, 96)),
    "fpn mobilenetv2 sum": (
        "FPN",
        "mobilenetv2",
        {"pyramid_aggregation": "sum", "pyramid_block_filters": 64, "pyramid_dropout": 0.3},
        (64, 64),
    ),
    "fpn features": (
        "FPN",
        "resnet18",
        {"encoder_features": ["stage4_unit1_relu1", "stage2_unit2_relu1", "stage1_unit2_relu1", "relu0"]},
        (64, 64),
    ),
    "pspnet resnet18": ("PSPNet", "resnet18", {"input_shape": (96, 144, 3), "classes": 3}, (96, 144)),
    "pspnet mobilenet max": (
        "PSPNet",
        "mobilenet",
        {"input_shape": (96, 96, 3), "downsample_factor": 16, "psp_pooling_type": "max", "psp_conv_filters": 64},
        (96, 96),
    ),
    "pspnet vgg16": ("PSPNet", "vgg16", {"input_shape": (96, 96, 3), "downsample_factor": 4}, (96, 96)),
}
# What Keras calls layers without a name of their own.
_AUTOMATIC = ("conv2d", "batch_normalization")


def image(height, width):
    """Values 0..255."""
    return np.random.default_rng(0).uniform(0, 255, (2, height, width, 3)).astype("float32")


def fill(model, variance=1):
    """Give each layer weights that follow from its name, or from its place among those that Keras named.

    `variance` multiplies the moving variances of BatchNormalization layers that Keras named.
    """
    for names, layer in _named(model):
        parts = [_values(name, layer, len(names), variance) for name in names]
        layer.set_weights([np.concatenate(arrays, axis=-1) for arrays in zip(*parts, strict=True)])


def _values(name, layer, groups, variance):
    """Weights of a layer, or of one of its groups."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    is_normalization = type(layer).__name__ == "BatchNormalization"
    values = []
    for weight in layer.weights:
        shape = (*weight.shape[:-1], weight.shape[-1] // groups)
        kind = weight.name.split("/")[-1].split(":")[0]
        # All but the offset and the mean must be positive.
        if kind in ("beta", "moving_mean", "bias"):
            values.append(random.normal(0, 0.1, shape))
        elif is_normalization:
            factor = variance if kind == "moving_variance" and name.startswith("batch_normalization") else 1
            values.append(factor * random.uniform(0.5, 1.5, shape))
        else:
            values.append(random.normal(0, np.sqrt(2 / np.prod(shape[:-1])), shape))
    return values


def _named(model):
    """(names, layer); a convolution with groups has one name per group, as the old package has one layer."""
    layers = [layer for layer in model.layers if layer.weights]
    seen = set()
    for kind in _AUTOMATIC:
        own = [layer for layer in layers if layer.name.rstrip("0123456789").rstrip("_") == kind]
        own.sort(key=lambda layer: int(layer.name.removeprefix(kind).strip("_") or 0))
        if kind == "conv2d":
            # ResNeXts' groups have no names there.
            own += [layer for layer in layers if _groups(layer) > 1 and layer not in own]
        first = 0
        for layer in own:
            yield [f"{kind} {first + number}" for number in range(_groups(layer))], layer
            first += _groups(layer)
            seen.add(id(layer))
    for layer in layers:
        if id(layer) not in seen:
            yield [layer.name.replace("/", "_")], layer


def _groups(layer):
    return getattr(layer, "groups", 1)


def build(package, case):
    """The model of a case, with the activation left out, so that no value is saturated."""
    model, backbone, options, _ = CASES[case]
    built = getattr(package, model)(backbone, encoder_weights=None, activation="linear", **options)
    # Values of many thousands would leave no gate between open and closed, and amplify rounding errors.
    fill(built, variance=4 if backbone.startswith(("senet", "seresn")) else 1)
    return built


def seen(prediction):
    """What is kept of an output."""
    return np.asarray(prediction)[:, 1::5, 2::7]


def old_package():
    """segmentation_models on tf_keras, which lacks two modules that it asks for."""
    os.environ |= {"TF_USE_LEGACY_KERAS": "1", "SM_FRAMEWORK": "tf.keras"}
    import tf_keras

    utils = types.SimpleNamespace(get_custom_objects=tf_keras.utils.get_custom_objects)
    tf_keras.utils.generic_utils = utils
    import segmentation_models

    return segmentation_models


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__)
    package = old_package()
    golden = {}
    for case in CASES:
        model = build(package, case)
        if case == next(iter(CASES)) and folder.is_dir():
            model.save_weights(str(folder / "old.h5"))
        golden[f"{case}: output"] = seen(model.predict(image(*CASES[case][3]), verbose=0))
        golden[f"{case}: parameters"] = np.array(model.count_params())
        print(case, model.count_params(), float(np.abs(golden[f"{case}: output"]).max()), flush=True)
    random = np.random.default_rng(0)
    truth = (random.uniform(size=(3, 8, 9, 4)) > 0.6).astype("float32")
    prediction = random.uniform(size=(3, 8, 9, 4)).astype("float32")
    for name, function in functions(package).items():
        golden[f"function {name}"] = np.asarray(function(truth, prediction))
    name = pathlib.Path(__file__).with_suffix(".npz").name
    np.savez_compressed((folder if folder.is_dir() else folder.parent) / name, **golden)


def functions(package):
    """Losses and metrics, with and without options."""
    losses, metrics = package.losses, package.metrics
    weights = np.array([0.5, 1, 2, 0.1], "float32")
    made = {
        "jaccard weights": losses.JaccardLoss(class_weights=weights),
        "jaccard per image": losses.JaccardLoss(per_image=True, smooth=1.0),
        "dice 2": losses.DiceLoss(beta=2, class_indexes=[0, 2]),
        "dice one class": losses.DiceLoss(class_indexes=1, per_image=True),
        "categorical": losses.CategoricalCELoss(class_weights=weights),
        "focal": losses.CategoricalFocalLoss(alpha=0.4, gamma=1.5, class_indexes=[1, 3]),
        "binary focal": losses.BinaryFocalLoss(alpha=0.3, gamma=3.0),
        "sum": losses.dice_loss + 2 * losses.binary_focal_loss,
        "iou": metrics.IOUScore(threshold=0.5),
        "f2": metrics.FScore(beta=2, threshold=0.3, class_weights=weights, per_image=True),
        "precision": metrics.Precision(threshold=0.5, class_indexes=[0, 1]),
        "recall": metrics.Recall(per_image=True),
    }
    aliases = {name: value for module in (losses, metrics) for name, value in vars(module).items() if name[0].islower()}
    return made | {name: value for name, value in aliases.items() if callable(value) and hasattr(value, "name")}


if __name__ == "__main__":
    main()
