"""Pyramids found in the graph, against the table of layer names of the literature (reference/architectures.md, 9)."""

import keras
import numpy as np
import pytest

from keras_seg import backbones

slow = pytest.mark.slow
# The graph is the same on every backend: the other two run a sample.
full = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="one backend is enough for this row")


def row(name, *layers, parameters=None, marks=()):
    return pytest.param(name, layers, parameters, id=name, marks=marks)


def efficientnet(top="top_activation"):
    return ("block2a_expand_activation", *(f"block{n}a_expand_activation" for n in (3, 4, 6)), top)


def convnext(*last_blocks):
    return (None, *(f"convnext_tiny_stage_{s}_block_{b}_identity" for s, b in enumerate(last_blocks)))


def resnet(third, fourth):
    return ("conv1_relu", "conv2_block3_out", f"conv3_block{third}_out", f"conv4_block{fourth}_out", "conv5_block3_out")


def resnet_v2(third, fourth):
    relus = (f"conv{s}_block{b}_1_relu" for s, b in ((2, 3), (3, third), (4, fourth)))
    return ("conv1_conv", *relus, "post_relu")


def vgg(last):
    return ("block2_conv2", *(f"block{b}_conv{last}" for b in (3, 4, 5)), "block5_pool")


DENSENET = ("conv1_relu", "pool2_relu", "pool3_relu", "pool4_relu", "relu")
V3_LARGE = (*(f"expanded_conv_{n}_expand_bn" for n in (1, 3, 6, 12)), "conv_1_bn")
V3_SMALL = ("conv_bn", *(f"expanded_conv_{n}_expand_bn" for n in (1, 3, 8)), "conv_1_bn")
XCEPTION = (*(f"block{b}_sepconv2_bn" for b in (2, 3, 4, 13)), "block14_sepconv2_act")

TABLE = [
    row("VGG16", *vgg(3), parameters=14_714_688),
    row("VGG19", *vgg(4), marks=[full, slow]),
    row("ResNet50", *resnet(4, 6), parameters=23_587_712, marks=[full, slow]),
    row("ResNet101", *resnet(4, 23), marks=[full, slow]),
    row("ResNet152", *resnet(8, 36), marks=[full, slow]),
    row("ResNet50V2", *resnet_v2(4, 6)),
    row("ResNet101V2", *resnet_v2(4, 23), marks=[full, slow]),
    row("ResNet152V2", *resnet_v2(8, 36), marks=[full, slow]),
    row("MobileNetV2", *(f"block_{b}_expand_relu" for b in (1, 3, 6, 13)), "out_relu", parameters=2_257_984),
    row("MobileNetV3Large", *V3_LARGE, marks=[full, slow]),
    row("MobileNetV3Small", *V3_SMALL),
    # Without the 3 + 3 + 1 numbers of its own Normalization layer, which Preprocessing replaces.
    row("EfficientNetB0", *efficientnet(), parameters=4_049_571 - 7, marks=[full, slow]),
    *(row(f"EfficientNetB{n}", *efficientnet(), marks=[full, slow]) for n in range(1, 8)),
    row(
        "EfficientNetV2B0",
        "block1a_project_activation",
        "block2b_add",
        *efficientnet()[2:],
        marks=full,
    ),
    row(
        "EfficientNetV2S", "block1b_add", "block2d_add", *efficientnet()[2:], parameters=20_331_360, marks=[full, slow]
    ),
    row("DenseNet121", *DENSENET, parameters=7_037_504, marks=[full, slow]),
    row("DenseNet169", *DENSENET, marks=[full, slow]),
    row("DenseNet201", *DENSENET, marks=[full, slow]),
    row("ConvNeXtTiny", *convnext(2, 2, 8, 2), marks=[full, slow]),
    row("Xception", *XCEPTION, marks=full),
]


def layer_of(tensor):
    """The name the table has for `tensor`: its own layer's, or that in front of an automatically named one."""
    operation = tensor._keras_history.operation
    sources = operation._inbound_nodes[tensor._keras_history.node_index].input_tensors
    before = [source._keras_history.operation.name for source in sources]
    for name in before:
        # MobileNetV3: the activation after the named normalization. ConvNeXt: the sum that closes the named block.
        if (name.endswith("_bn") and "activation" in operation.name + "activation") or name.endswith("_identity"):
            automatic = operation.name.startswith(("activation", "re_lu", "add"))
            if automatic:
                return name
    return operation.name


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize(("name", "layers", "parameters"), TABLE)
def test_every_row_of_the_table(name, layers, parameters):
    model = backbones.build(name, input_shape=(224, 224, 3))
    pyramid = model.output
    found = {level: layer_of(tensor) for level, tensor in pyramid.items() if level != "P0"}
    assert found == {f"P{n}": layer for n, layer in enumerate(layers, start=1) if layer is not None}
    assert [tensor.shape[1] for tensor in pyramid.values()] == [224 // 2 ** int(level[1]) for level in pyramid]
    if name.startswith("VGG"):
        assert pyramid["P0"]._keras_history.operation.name == "block1_conv2"
    else:
        assert "P0" not in pyramid
    if parameters is not None:
        assert model.count_params() == parameters


def test_published_xception_is_a_few_pixels_short():
    """The sizes of the table, which build pads to 112, 56, 28, 14, 7."""
    net = keras.applications.Xception(include_top=False, weights=None, input_shape=(224, 224, 3))
    pyramid = backbones.find_pyramid(net)
    assert tuple(layer_of(tensor) for tensor in pyramid.values()) == XCEPTION
    assert [tensor.shape[1] for tensor in pyramid.values()] == [109, 55, 28, 14, 7]


def test_narrow_skips_are_the_bottlenecks():
    net = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(224, 224, 3))
    found = backbones.find_pyramid(net, skips="narrow")
    names = [tensor._keras_history.operation.name for tensor in found.values()]
    assert names == ["expanded_conv_project_BN", "block_2_add", "block_5_add", "block_12_add", "out_relu"]
    channels = {level: map.shape[-1] for level, map in backbones.build("MobileNetV2", skips="narrow").output.items()}
    assert channels == {"P1": 16, "P2": 24, "P3": 32, "P4": 96, "P5": 1280}


def test_a_built_backbone_keeps_its_skips():
    """Given to `build` again, or to a model, which builds it: not those that would be found anew."""
    narrow = backbones.build("MobileNetV2", skips="narrow")
    channels = {level: map.shape[-1] for level, map in backbones.build(narrow, input_shape=(64, 64, 3)).output.items()}
    assert channels == {"P1": 16, "P2": 24, "P3": 32, "P4": 96, "P5": 1280}


def test_the_built_size_plays_no_part():
    names = []
    for shape in ((None, None, 3), (96, 160, 3)):
        net = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=shape)
        names.append([tensor._keras_history.operation.name for tensor in backbones.find_pyramid(net).values()])
    assert names[0] == names[1]


def small_net():
    """Hand-made: strides 2 and 4, and on the way what the rule has to step over."""
    layers = keras.layers
    inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, padding="same", strides=2, activation="relu", name="one")(inputs)
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Multiply(name="gated")([x, squeezed])
    y = layers.ZeroPadding2D(1)(x)
    y = layers.Conv2D(8, 3, strides=2, activation="relu", name="two")(y)
    up = layers.UpSampling2D(2)(y)  # a decoder, after the deepest level
    return keras.Model(inputs, layers.Concatenate(name="decoded")([up, x]))


def test_only_what_leads_to_the_deepest_level_counts():
    found = backbones.find_pyramid(small_net())
    assert {level: tensor._keras_history.operation.name for level, tensor in found.items()} == {
        "P1": "gated",
        "P2": "two",
    }


def test_bad_input():
    with pytest.raises(ValueError, match=r"`skips` is not a known option.*Did you mean 'narrow'"):
        backbones.find_pyramid(small_net(), skips="narow")
    flat = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(2, 3, padding="same")])
    with pytest.raises(ValueError, match="has no feature map of stride 2, 4, 8, 16 or 32"):
        backbones.find_pyramid(flat)

    class Subclassed(keras.Model):
        pass

    with pytest.raises(ValueError, match=r"`model` must be a functional keras\.Model"):
        backbones.find_pyramid(Subclassed())
    vector = keras.Input((5,))
    with pytest.raises(ValueError, match="`model` must have one input of shape"):
        backbones.find_pyramid(keras.Model(vector, keras.layers.Dense(2)(vector)))


def test_linear_tail_of_a_transition():
    """A 1x1 linear convolution in front of a pool is the transition's, a 3x3 one is a feature of its own."""
    for kernel, expected in ((1, "finished"), (3, "tail")):
        inputs = keras.Input((64, 64, 3))
        x = keras.layers.Conv2D(8, 3, strides=2, padding="same")(inputs)
        x = keras.layers.ReLU(name="finished")(x)
        x = keras.layers.Conv2D(4, kernel, padding="same", name="tail")(x)
        net = keras.Model(inputs, keras.layers.AveragePooling2D(2)(x))
        found = backbones.find_pyramid(net)
        assert found["P1"]._keras_history.operation.name == expected
        assert np.prod(found["P2"].shape[1:3]) == 16 * 16
