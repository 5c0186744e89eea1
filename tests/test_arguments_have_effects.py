"""No argument is accepted and ignored: each one, changed alone, changes the result or is refused."""

import inspect
import json

import keras
import numpy as np
import pytest

import keras_seg as ks

pytestmark = pytest.mark.tensorflow_only

VGG = {"filters": (2, 2, 2, 2, 2)}
ON_BACKBONE = {"backbone": "Compact"}
MODELS = {
    "PatchClassifier": {"patch_size": 32, "filters": (2, 3), "units": (4,)},
    "FullResolutionNet": {"depth": 1, "filters": 2},
    **{name: {**VGG, "fc_filters": 2} for name in ("FCN32s", "FCN16s", "FCN8s", "DeconvNet", "DilatedFCN")},
    "SegNet": VGG,
    "SegNetBasic": {"filters": 2, "depth": 2},
    "UNet": {"filters": 2, "depth": 2},
    "UNet on a backbone": {**ON_BACKBONE, "decoder_filters": (2, 2, 2, 2, 2)},
    "UNet2015": {"filters": 2, "depth": 1},
    "FPN": {**ON_BACKBONE, "pyramid_filters": 2, "segmentation_filters": 2},
    "LinkNet": {**ON_BACKBONE, "final_filters": 2},
    "PSPNet": {**ON_BACKBONE, "filters": 2},
    "DeepLabV3Plus": {**ON_BACKBONE, "aspp_filters": 2, "low_level_filters": 2},
    "SegFormer": {**ON_BACKBONE, "filters": 2},
    "DeepLabV3": {**ON_BACKBONE, "aspp_filters": 2},
    **{name: {} for name in ("DDRNet", "PIDNet", "FastSCNN", "BiSeNetV2")},
    "UPerNet": {**ON_BACKBONE, "filters": 2},
    "FCN": ON_BACKBONE,
    "LRASPP": {**ON_BACKBONE, "filters": 2},
    "UNetPlusPlus": {**ON_BACKBONE, "decoder_filters": (2, 2, 2, 2, 2)},
    "MAnet": {**ON_BACKBONE, "decoder_filters": (2, 2, 2, 2, 2)},
    "PAN": {**ON_BACKBONE, "filters": 2},
    "DPT": {**ON_BACKBONE, "filters": 2, "stage_filters": (2, 2, 2, 2)},
}
# Another value for each argument, or one by the type of the value in `MODELS`.
OTHERS = {
    "activation": None,
    "architecture": "vgg",
    "stage_filters": (3, 3, 3, 3),
    "aspp_filters": 3,
    "aux": True,
    "at_once": True,
    "backbone_trainable": False,
    "bins": (1, 2),
    "context": "large",
    "deconvolution": "dense",
    "deconvolution_trainable": True,
    "decoder_attention": "scse",
    "decoder_convolutions": 3,
    "decoder_filters": (3, 3),
    "decoder_stride": 2,
    "depth": 3,
    "dropout": 0.3,
    "dilate_strided": True,
    "fc_filters": 3,
    "final_filters": 3,
    "head": "average",
    "include_preprocessing": False,
    "input_shape": (None, None, 1),
    "interpolation": "bilinear",
    "kernel_size": 3,
    "low_level_filters": 3,
    "name": "other",
    "normalization": None,
    "normalize_image": False,
    "num_classes": 4,
    "output_stride": 32,
    "pad_to_stride": False,
    "padding": "valid",
    "patch_size": 40,
    "pyramid_filters": 3,
    "rates": (1, 2, 3),
    "segmentation_filters": 3,
    "units": (5,),
    "variant": "23",
    "weights": "missing.weights.h5",
}


def description(name, arguments):
    """All that tells a model apart, or None for arguments that are refused."""
    keras.utils.clear_session(free_memory=False)  # Layers without a name are numbered.
    try:
        model = getattr(ks.models, name.split()[0])(**{"num_classes": 3, **arguments})
    except ks.InputError:
        return None
    trainable = [layer.trainable for layer in model._flatten_layers()]
    return json.dumps([model.get_config(), trainable, [weight.shape for weight in model.weights]], default=str)


SLOW = (
    *("DeconvNet", "SegNet", "UNet on a backbone", "PSPNet", "DeepLabV3Plus", "LRASPP", "UPerNet", "UNetPlusPlus"),
    *("FCN", "MAnet", "PAN", "DPT", "FastSCNN", "PIDNet", "BiSeNetV2"),
)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in MODELS]
)
def test_models(name):
    small = MODELS[name]
    plain = description(name, small)
    assert plain is not None
    assert description(name, small) == plain
    for argument in inspect.signature(getattr(ks.models, name.split()[0])).parameters:
        other = OTHERS.get(argument, 3)
        if argument == "filters" and isinstance(small.get(argument), tuple):
            other = (3,) * len(small[argument])
        if (name, argument) == ("PatchClassifier", "padding"):
            other = "same"
        if (name, argument) == ("PIDNet", "variant"):
            other = "m"
        if argument == "backbone":
            other = ks.backbones.Compact(filters=(2, 2, 2, 2, 2))
        assert description(name, {**small, argument: other}) != plain, argument


LOSSES = sorted(name for name in ks.losses.__all__ if name.islower())
LOSS_OTHERS = {
    "absent": ("skip", "zero", "count"),
    "alpha": (0.5,),
    "beta": (0.4,),
    "class_weights": ((1.0, 2.0, 0.5, 3.0),),
    "exponent": (0.75,),
    "fraction": (0.5,),
    "from_logits": (True,),
    "gamma": (1.0,),
    "ignore_class": ((255, 1),),
    "label_smoothing": (0.2,),
    "mode": ("multiclass",),
    "per_image": (False,),
    "per_pixel": (np.square,),
    "power": (1.0,),
    "reduction": ("sum", None),
    "sample_weight": (np.array([0.5, 2.0, 1.0], "float32"),),
    "smooth": (1.0,),
    "threshold": (0.6,),
}


def loss_value(name, labels, scores, arguments):
    try:
        value = getattr(ks.losses, name)(labels, scores, **arguments)
    except ks.InputError:
        return None
    return np.asarray(keras.ops.convert_to_numpy(value)).tolist()


@pytest.mark.parametrize("mode", ["multiclass", "binary", "multilabel"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses(name, mode):
    rng = np.random.default_rng(1)
    channels = 1 if mode == "binary" else 4
    scores = rng.uniform(0.05, 0.95, (3, 6, 8, channels)).astype("float32")
    # The last class is absent, and the last image is easy.
    if mode == "multiclass":
        labels = rng.integers(0, 3, (3, 6, 8))
        labels[2], scores[2, ..., 1] = 1, 3
        scores /= scores.sum(-1, keepdims=True)
    else:
        labels = rng.integers(0, 2, scores.shape)
        labels[2], labels[..., 3:] = 0, 0
        scores[2] /= 5
    labels[:, 0] = 255
    parameters = inspect.signature(getattr(ks.losses, name)).parameters
    arguments = {"ignore_class": 255, "mode": mode, **({"per_image": True} if "per_image" in parameters else {})}
    plain = loss_value(name, labels, scores, arguments)
    if (name, mode) == ("lovasz_hinge", "multiclass"):
        assert plain is None
        return
    for argument in set(parameters) - {"y_true", "y_pred"}:
        others = LOSS_OTHERS[argument]
        if mode == "binary" and argument == "class_weights":
            others = ((1.0, 2.0),)
        if mode != "multiclass" and argument == "ignore_class":
            others = (None,)
        if mode == "multiclass" and argument == "mode":
            others = ("multilabel", "binary")
        assert any(loss_value(name, labels, scores, {**arguments, argument: other}) != plain for other in others), (
            argument
        )


METRICS = [name for name in ks.metrics.__all__ if isinstance(getattr(ks.metrics, name), type)]
METRICS = [name for name in METRICS if issubclass(getattr(ks.metrics, name), keras.Metric)]
METRIC_OTHERS = {
    "bins": 5,
    "dilation_ratio": 0.2,
    "distance": 4,
    "from_logits": True,
    "ignore_class": None,
    "keep_images": True,
    "metrics": ("mean_iou", "boundary_iou"),
    "name": "other",
    "out_of_range": "count",
    "prefix": "x_",
    "score": "dice",
    "threshold": 0.7,
    "tolerance": 3.0,
    "tolerance_ratio": 0.1,
    "width": 2,
}


def metric_result(name, batches, arguments):
    """The names and results of a metric after each batch, None where one is refused."""
    metric = getattr(ks.metrics, name)(**arguments)
    found = [metric.name, getattr(metric, "class_names", None), getattr(metric, "keep_images", None)]
    for true, predicted in batches:
        try:
            metric.update_state(true, predicted)
            result = metric.result()
        except ks.InputError:
            return [*found, None]
        result = result if isinstance(result, dict) else {"": result}
        found.append({key: np.asarray(value).tolist() for key, value in result.items()})
    return repr(found)


@pytest.mark.parametrize("name", METRICS)
def test_metrics(name):
    """Of a single channel, which alone has a threshold; the second batch holds a label out of range."""
    multi_label = name.startswith("MultiLabel")
    classes = 1 if multi_label else 2
    names = ("a", "b")[:classes]
    true = np.kron(np.eye(4, dtype=int), np.ones((10, 12), int))[None]
    shifted = np.roll(true, (2, 3), (1, 2))[..., None]
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, shifted.shape)
    predicted = (0.5 + 0.3 * (2 * shifted - 1) * np.linspace(0, 1, 48)[:, None] + noise).astype("float32")
    true[:, 5:8] = 255
    stray = true.copy()
    stray[0, 0, 0] = 7
    batches = [(true, predicted), (stray, predicted)]
    arguments = {"num_classes": classes, "ignore_class": 255}
    plain = metric_result(name, batches, arguments)
    for argument in set(inspect.signature(getattr(ks.metrics, name)).parameters) - {"num_classes", "dtype"}:
        other = METRIC_OTHERS.get(argument)
        if argument == "per_class":
            other = ("dice",) if name == "MetricSuite" else True
        if argument == "class_names":
            other = names
        assert metric_result(name, batches, {**arguments, argument: other}) != plain, argument


def small_model():
    image = keras.Input((None, None, 3))
    return keras.Model(image, keras.layers.Conv2D(2, 1, activation="softmax")(image))


IMAGE, MASK = np.zeros((16, 16, 3)), np.zeros((1, 16, 16), int)
OBJECT = np.full((8, 8), 0.9)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ks.augmentation.sheet(ks.augmentation.standard(), IMAGE, alpha=0.3), "`alpha` has no effect without"),
        (lambda: ks.inference.instances(OBJECT, border_threshold=0.3), "`border_threshold` has no effect on the obj"),
        (lambda: ks.losses.generalized_dice(MASK, MASK[..., None] * 0.5, power=1), "`power` has no effect on the one"),
        (lambda: ks.metrics.BoundaryIoU(2, distance=3, dilation_ratio=0.1), "`dilation_ratio` has no effect beside"),
        (lambda: ks.metrics.BoundaryFScore(2, tolerance=3, tolerance_ratio=0.1), "`tolerance_ratio` has no effect"),
        (lambda: ks.training.ProgressSchedule(1.0, steps=3, first_seconds=2), "`first_seconds` has no effect with"),
        (lambda: ks.training.ProgressSchedule(1.0, seconds=3, first_step=2), "`first_step` has no effect with"),
        (
            lambda: ks.metrics.MeanIoU(2, threshold=0.7).update_state(MASK, np.full((1, 16, 16, 2), 0.5)),
            "`threshold` has no effect on predictions of 2 channels.*y_pred.{4}, 1:",
        ),
        (lambda: ks.evaluation.evaluate(small_model(), [], batch_size=2), "`batch_size` applies to a folder"),
        (
            lambda: ks.evaluation.tune_instances([np.eye(3)[MASK[0]]], [MASK[0]], batch_size=2),
            "`batch_size` applies to a model only",
        ),
    ],
)
def test_arguments_without_effect_are_refused(call, message):
    with pytest.raises(ks.InputError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
