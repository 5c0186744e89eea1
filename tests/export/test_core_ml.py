"""SavedModels through coremltools: the operators of the program, and its values by their definitions.

Core ML runs only on Apple's machines. The program that it would run is evaluated here operator by operator instead.
"""

import keras
import numpy as np
import pytest

import keras_seg as ks

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on the TensorFlow backend", allow_module_level=True)

pytestmark = [pytest.mark.tensorflow_only, pytest.mark.slow]
ct = pytest.importorskip("coremltools", reason="needs coremltools")
torch = pytest.importorskip("torch", reason="needs torch")
SIZE = (48, 64)


@pytest.fixture(scope="module")
def scene():
    return ks.data.shapes_scene(3, image_size=SIZE)[0][None].astype("float32")


def _convert(folder, **options):
    options = {"minimum_deployment_target": ct.target.iOS16, "skip_model_load": True, **options}
    return ct.convert(str(folder), source="tensorflow", convert_to="mlprogram", **options)


def _values(model, image):
    """The outputs of an ML program of float32 by name, each operator computed as coremltools defines it."""
    function = model._mil_program.functions["main"]
    values = {next(iter(function.inputs)): torch.tensor(image.tolist())}

    def value(variable):
        if isinstance(variable, (list, tuple)):
            return [value(each) for each in variable]
        return values[variable.name] if variable.val is None else variable.val

    for op in function.operations:
        if op.op_type != "const":
            given = {name: value(each) for name, each in op.inputs.items() if each is not None}
            values[op.outputs[0].name] = OPERATORS[op.op_type](**given)
    return {variable.name: values[variable.name].numpy() for variable in function.outputs}


def _tensors(function):
    return lambda x, y: function(torch.as_tensor(x), torch.as_tensor(y))


def _sides(pad, pad_type):
    """(before, after) of height and width."""
    assert pad_type in ("custom", "valid"), pad_type
    return [int(side) for side in pad] if pad_type == "custom" else [0, 0, 0, 0]


def _conv(x, weight, bias=None, strides=(1, 1), pad=None, pad_type="valid", dilations=(1, 1), groups=1):
    if pad_type == "same":
        assert tuple(strides) == (1, 1)
        reach = [int(d) * (size - 1) for d, size in zip(dilations, weight.shape[2:], strict=True)]
        top, bottom, left, right = (part for r in reach for part in (r // 2, r - r // 2))
    else:
        top, bottom, left, right = _sides(pad, pad_type)
    x = torch.nn.functional.pad(x, (left, right, top, bottom))
    bias = None if bias is None else torch.as_tensor(bias)
    options = {"stride": tuple(strides), "dilation": tuple(dilations), "groups": int(groups)}
    return torch.nn.functional.conv2d(x, torch.as_tensor(weight), bias, **options)


def _conv_transpose(x, weight, bias=None, strides=(1, 1), pad=None, pad_type="valid", output_shape=None, **rest):
    assert rest.get("groups", 1) == 1 and tuple(rest.get("dilations", (1, 1))) == (1, 1)
    bias = None if bias is None else torch.as_tensor(bias)
    full = torch.nn.functional.conv_transpose2d(x, torch.as_tensor(weight), bias, stride=tuple(strides))
    height, width = (int(side) for side in output_shape[2:])
    if pad_type == "same":
        top, left = (full.shape[2] - height) // 2, (full.shape[3] - width) // 2
    else:
        top, _, left, _ = _sides(pad, pad_type)
    return full[:, :, top : top + height, left : left + width]


def _max_pool(x, kernel_sizes, strides, pad_type, pad=None, ceil_mode=False):
    assert tuple(kernel_sizes) == tuple(strides) and not ceil_mode
    assert all(side % size == 0 for side, size in zip(x.shape[2:], kernel_sizes, strict=True)), "nothing is padded"
    return torch.nn.functional.max_pool2d(x, tuple(kernel_sizes))


OPERATORS = {
    "add": _tensors(torch.add),
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "max_pool": _max_pool,
    "mul": _tensors(torch.mul),
    "reduce_argmax": lambda x, axis, keep_dims=False, **_: x.argmax(int(axis), keepdim=bool(keep_dims)),
    "relu": torch.relu,
    "reshape": lambda x, shape: x.reshape([int(side) for side in shape]),
    "softmax": lambda x, axis=-1: x.softmax(int(axis)),
    "sub": _tensors(torch.sub),
    "transpose": lambda x, perm: x.permute([int(axis) for axis in perm]),
}


def test_the_program_computes_what_keras_computes(scene, tmp_path):
    keras.utils.set_random_seed(0)
    model = ks.models.UNet(num_classes=3, filters=4, depth=2)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(rng.normal(scale=0.1, size=layer.bias.shape))
    head = next(layer for layer in reversed(model.layers) if layer.weights)
    logits = keras.Model(model.input, head.output).predict_on_batch(scene)
    head.set_weights([head.get_weights()[0], head.get_weights()[1] - logits.mean(axis=(0, 1, 2))])
    report = ks.export.saved_model(
        model, tmp_path / "saved", input_size=SIZE, batch_size=1, output="both", images=scene
    )
    converted = _convert(report.path, compute_precision=ct.precision.FLOAT32)
    found = dict(zip(sorted(report.outputs), _values(converted, scene).values(), strict=True))
    ids, scores = found["class_ids"], found["probabilities"]
    expected = model.predict_on_batch(scene)
    assert np.bincount(expected.argmax(-1).ravel(), minlength=3).min() > 50, "every class is predicted somewhere"
    print(f"largest difference {np.abs(scores - expected).max():.1e}")
    assert np.abs(scores - expected).max() < 1e-3
    assert (ids == expected.argmax(-1)).mean() >= 0.999
    converted.save(str(tmp_path / "model.mlpackage"))
    assert (tmp_path / "model.mlpackage" / "Data" / "com.apple.CoreML" / "model.mlmodel").is_file()


@pytest.mark.parametrize("name", ["UNet", "LinkNet", "DeepLabV3Plus", "FPN", "SegFormer"])
def test_fixed_sizes_are_converted(name, tmp_path):
    report = ks.export.saved_model(
        ks.models.build(name, num_classes=3, backbone="Compact"), tmp_path / "saved", input_size=SIZE, batch_size=1
    )
    spec = _convert(report.path, inputs=[ct.ImageType(name="image", shape=(1, *SIZE, 3))]).get_spec()
    image = spec.description.input[0].type.imageType
    assert (image.height, image.width) == SIZE
    assert list(spec.description.output[0].type.multiArrayType.shape) == [1, *SIZE, 3]


def test_any_size_is_converted_unless_it_is_resized_bilinearly(tmp_path):
    """docs/how-to/core-ml.md says which."""
    sides = (ct.RangeDim(32, 256, SIZE[0]), ct.RangeDim(32, 256, SIZE[1]))
    image = ct.TensorType(name="image", shape=(1, *sides, 3))
    report = ks.export.saved_model(ks.models.UNet(num_classes=3, filters=4, depth=1), tmp_path / "unet")
    ranges = _convert(report.path, inputs=[image]).get_spec().description.input[0].type.multiArrayType.shapeRange
    assert [(side.lowerBound, side.upperBound) for side in ranges.sizeRanges][1:3] == [(32, 256), (32, 256)]
    report = ks.export.saved_model(ks.models.FPN(num_classes=3, backbone="Compact"), tmp_path / "fpn")
    with pytest.raises((ValueError, NotImplementedError), match="scale factor"):
        _convert(report.path, inputs=[image])
