"""Receptive fields: the literature's numbers, and the pixels that really have a gradient."""

import math

import keras
import numpy as np
import pytest
from gradients import gradient
from keras import layers

import keras_seg as ks
from keras_seg import _validation
from keras_seg.layers import ChannelDeconvolution2D, Reach


def positive(kind, *args, **kwargs):
    """A layer whose weights are all ones, so that no dependence cancels out."""
    return kind(*args, kernel_initializer="ones", **kwargs)


def conv(filters=1, kernel_size=3, **kwargs):
    return positive(layers.Conv2D, filters, kernel_size, **kwargs)


def chain(*steps, size=(None, None)):
    image = x = keras.Input((*size, 1))
    for step in steps:
        x = step(x)
    return keras.Model(image, x)


@pytest.fixture(scope="module")
def vgg():
    return keras.applications.VGG16(include_top=False, weights=None, input_shape=(224, 224, 3))


def test_vgg16(vgg):
    """pool5: 5 pools and 2, 2, 3, 3, 3 convolutions at strides 1, 2, 4, 8, 16, each convolution padding its stride.

    size 1 + 2(2*1 + 2*2 + 3*4 + 3*8 + 3*16) + (1 + 2 + 4 + 8 + 16) = 1 + 180 + 31 = 212; padding 180 / 2 = 90;
    center (212 - 1) / 2 - 90 = 15.5. fc6 reads 7x7 of these: 212 + 6 * 32 = 404.
    """
    field = ks.analysis.receptive_field(vgg, layer="block5_pool")
    assert (field.size, field.stride, field.padding, field.center) == (212, 32, 90, 15.5)
    assert field.aligned
    assert ks.analysis.receptive_field(vgg) == field
    fc6 = layers.Dense(4, name="fc6")(layers.Flatten()(vgg.output))
    field = ks.analysis.receptive_field(keras.Model(vgg.input, fc6))
    assert (field.layer, field.size, field.stride) == ("fc6", 404, 32)


def test_alexnet():
    """11 -> 19 at stride 8 -> 51 -> 67 at 16 -> 163 -> 195 at 32 -> 195 + 5 * 32 = 355."""
    net = chain(
        layers.Conv2D(1, 11, strides=4),
        layers.MaxPooling2D(3, 2),
        layers.Conv2D(1, 5, padding="same"),
        layers.MaxPooling2D(3, 2),
        *[layers.Conv2D(1, 3, padding="same") for _ in range(3)],
        layers.MaxPooling2D(3, 2),
        layers.Flatten(),
        layers.Dense(4, name="fc6"),
        size=(227, 227),
    )
    assert ks.analysis.receptive_field(net).size == 355


def test_segnet_basic():
    """7x7 and 2x2 at strides 1, 2, 4, 8: 1 + 15 * 6 + 15 * 1 = 106."""
    steps = [(layers.Conv2D(1, 7, padding="same"), layers.MaxPooling2D(2, padding="same")) for _ in range(4)]
    field = ks.analysis.receptive_field(chain(*[step for pair in steps for step in pair]))
    assert (field.size, field.stride) == (106, 16)


def test_yu_and_koltun(vgg):
    """The front end: VGG16 without pools 4 and 5, conv5 dilated 2, fc6 dilated 4; the context module of 7 layers."""
    image = keras.Input((None, None, 3))
    x = image
    for layer in vgg.layers[1:]:
        if layer.name in ("block4_pool", "block5_pool"):
            continue
        config = layer.get_config()
        if layer.name.startswith("block5"):
            config["dilation_rate"] = 2
        x = type(layer).from_config(config)(x)
    x = layers.Conv2D(1, 7, dilation_rate=4, name="fc6")(x)
    field = ks.analysis.receptive_field(keras.Model(image, x))
    assert (field.size, field.stride) == (380, 8)

    context = chain(*[layers.Conv2D(1, 3, dilation_rate=d) for d in (1, 1, 2, 4, 8, 16, 1)], layers.Conv2D(1, 1))
    assert ks.analysis.receptive_field(context).size == 67


@pytest.mark.slow_off_tensorflow
def test_unet():
    """The bottleneck, 140, and the union over the skips: the deepest path is the widest, and all are aligned."""
    model = ks.models.UNet(num_classes=2, filters=2, depth=4)
    field = ks.analysis.receptive_field(model, layer="encoder5_2_relu")
    assert (field.size, field.stride) == (140, 16)
    field = ks.analysis.receptive_field(model)
    assert field.stride == 1 and field.size > 140
    assert field.aligned


def test_full_resolution():
    for depth in (1, 5):
        model = ks.models.FullResolutionNet(num_classes=2, depth=depth, filters=2)
        field = ks.analysis.receptive_field(model)
        assert (field.size, field.stride, field.padding, field.center) == (1 + 2 * depth, 1, depth, 0)


def residual(image):
    x = conv(kernel_size=5, strides=2, padding="same")(image)
    y = conv(padding="same", dilation_rate=2)(x)
    return layers.Add()([x, y])


def encoder_decoder(image):
    x = conv(padding="same")(image)
    y = conv(strides=2, padding="same")(x)
    y = conv(padding="same")(y)
    y = layers.UpSampling2D(2, interpolation="nearest")(y)
    return conv(padding="same")(layers.Concatenate()([x, y]))


def transposed(image):
    x = layers.AveragePooling2D(2)(conv(padding="same")(image))
    return positive(layers.Conv2DTranspose, 1, 4, strides=2, padding="same")(x)


def transposed_valid(image):
    return positive(layers.Conv2DTranspose, 1, 3, strides=2)(conv(strides=2)(image))


def transposed_odd(image):
    return positive(layers.Conv2DTranspose, 1, 5, strides=3, padding="same")(conv(strides=3, padding="same")(image))


def bilinear(image):
    return ks.layers.Resize2D(2)(conv(strides=2, padding="same")(image))


def upsample_conv(image):
    x = conv(padding="same")(image)
    y = layers.AveragePooling2D(2)(x)
    up = positive(ks.layers.UpsampleConv, 1, normalization=None, activation=None)
    return up([y, x])


def padded_and_cropped(image):
    x = layers.ZeroPadding2D(((3, 1), (0, 2)))(image)
    x = conv(kernel_size=(4, 3), strides=(2, 1))(x)
    return layers.Cropping2D(((1, 0), (2, 1)))(x)


def even_kernels(image):
    x = conv(kernel_size=2, padding="same")(image)
    x = layers.AveragePooling2D(3, strides=2, padding="same")(x)
    return layers.SeparableConv2D(1, 4, padding="same", depthwise_initializer="ones", pointwise_initializer="ones")(x)


def dense_head(image):
    x = layers.AveragePooling2D(3, strides=2)(conv(strides=3)(image))
    return positive(layers.Dense, 1)(layers.Flatten()(x))


def nested(image):
    inner = chain(conv(strides=2, padding="same"), layers.AveragePooling2D(2))
    return conv(padding="same")(inner(image))


def bed_of_nails(image):
    x = ks.layers.BedOfNails2D(2)(conv(strides=2, padding="same")(image))
    return conv(kernel_size=3, strides=2)(x)  # Every window has nails at both ends; zeros count with their nail.


def pixel_shuffle(image):
    return ks.layers.PixelShuffle2D(2)(conv(4, strides=2, padding="same")(image))


def resize_like(image):
    x = conv(padding="same")(image)
    return layers.Add()([ks.layers.ResizeLike()([conv(strides=4, padding="same")(image), x]), x])


def regions(image):
    """Of 24 units 9 overlapping regions, 2 or 3 units each after enlarging."""
    x = ks.layers.AdaptiveAveragePooling2D(9)(conv(padding="same")(image))
    return ks.layers.ResizeLike("nearest")([x, image])


def dilated_pooling(image):
    return ks.layers.DilatedPooling2D((2, 3), dilation_rate=(3, 1), mode="average", padding=((0, 0), (1, 2)))(
        conv(padding="same")(image)
    )


def transposed_by_channel(image):
    x = ChannelDeconvolution2D(2)(conv(2, strides=2, padding="same")(image))
    return ChannelDeconvolution2D(3, padding="valid", trainable=True)(conv(strides=3)(x))


def normalized_channels(image):
    return ks.layers.LocalResponseNormalization()(conv(padding="same")(image))


GRAPHS = [
    transposed_by_channel, bed_of_nails, pixel_shuffle, resize_like, regions, dilated_pooling, normalized_channels,
    residual, encoder_decoder, transposed, transposed_valid, transposed_odd, bilinear, upsample_conv,
    padded_and_cropped, even_kernels, dense_head, nested,
]  # fmt: skip


# Graphs whose enlargements need sizes that are multiples of their strides.
EVEN = (
    encoder_decoder,
    bilinear,
    upsample_conv,
    nested,
    bed_of_nails,
    pixel_shuffle,
    resize_like,
    regions,
    transposed_by_channel,
)


@pytest.mark.parametrize("size", [pytest.param((24, 20), marks=pytest.mark.tensorflow_only), (23, 21)])
@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.__name__)
def test_the_box_is_where_the_gradient_is(graph, size):
    """For units in the corners and inside: the box, cut to the image, bounds exactly the pixels with a gradient."""
    if graph is transposed_valid:
        size = (23, 21)  # No remainder: a unit the map lacks counts as padding, with the pixels it would have read.
    elif size[0] % 2 and graph in EVEN:
        size = (24, 24)
    image = keras.Input((*size, 1))
    model = keras.Model(image, graph(image))
    model.trainable = False  # Only the image's gradient is wanted, and PyTorch lacks that of some kernels.
    field = ks.analysis.receptive_field(model)
    shape = model.output_shape[1:3] if len(model.output_shape) == 4 else (1, 1)
    pixels = np.ones((1, *size, 1))
    extents = []
    for row, column in {(0, 0), (shape[0] - 1, shape[1] - 1), (shape[0] // 2, shape[1] // 2), (shape[0] // 3, 0)}:

        def unit(x, row=row, column=column):
            y = model(x)
            return keras.ops.sum(y[:, row, column] if len(y.shape) == 4 else y)

        rows, columns = np.nonzero(gradient(unit, pixels)[0, :, :, 0])
        top, left, bottom, right = field.box(row, column)
        assert (rows.min(), columns.min()) == (max(top, 0), max(left, 0))
        assert (rows.max() + 1, columns.max() + 1) == (min(bottom, size[0]), min(right, size[1]))
        extents.append(bottom - top)
    height = field.size[0] if isinstance(field.size, tuple) else field.size
    assert max(extents) <= height


def test_boxes_follow_center_stride_and_size():
    field = ks.analysis.receptive_field(chain(conv(kernel_size=5, strides=3, padding="same"), conv(strides=2)))
    for unit in (0, 1, 7):
        top, _, bottom, _ = field.box(unit, 0)
        assert bottom - top == field.size
        assert (top + bottom - 1) / 2 == field.center + unit * field.stride
        assert top == unit * field.stride - field.padding


def test_axes_that_differ():
    field = ks.analysis.receptive_field(chain(conv(kernel_size=(3, 5), strides=(1, 2), padding="same")))
    assert field.size == (3, 5) and field.stride == (1, 2)


def test_an_enlarged_map_has_fractional_strides():
    field = ks.analysis.receptive_field(chain(conv(padding="same"), layers.UpSampling2D(2)))
    assert field.stride == 0.5
    assert field.box(4, 5) == field.box(5, 4) == (1, 1, 4, 4)


def test_same_padding_depends_on_the_size():
    """A 3x3 convolution of stride 2 pads nothing in front at even sizes, and one pixel at odd ones."""
    step = layers.Conv2D(1, 3, strides=2, padding="same")
    assert ks.analysis.receptive_field(chain(step, size=(8, 8))).padding == 0
    assert ks.analysis.receptive_field(chain(step, size=(9, 9))).padding == 1
    assert ks.analysis.receptive_field(chain(step)).padding == 0


def shortcut(main):
    image = keras.Input((None, None, 1))
    short = layers.Conv2D(1, 1, strides=2)(image)
    return keras.Model(image, layers.Add(name="sum")([main(image), short]))


def test_misaligned_paths_are_named():
    """At even sizes a "same" 3x3 convolution of stride 2 starts at pixel 0, its center at 1; the shortcut's is at 0."""
    field = ks.analysis.receptive_field(shortcut(layers.Conv2D(1, 3, strides=2, padding="same")))
    assert field.misaligned == {"sum": 1.0} and not field.aligned
    assert field.size == 3 and field.box(0, 0) == (0, 0, 3, 3)
    padded = keras.Sequential([keras.Input((None, None, 1)), layers.ZeroPadding2D(1), layers.Conv2D(1, 3, strides=2)])
    field = ks.analysis.receptive_field(shortcut(padded))
    assert field.misaligned == {} and field.size == 3


def test_paths_of_different_strides():
    image = keras.Input((16, 16, 1))
    coarse = layers.Conv2D(1, 2, strides=2)(image)
    model = keras.Model(image, layers.Add(name="sum")([coarse, layers.Cropping2D(4)(image)]))
    field = ks.analysis.receptive_field(model)
    assert field.misaligned == {"sum": math.inf} and field.size == math.inf


def test_a_gate_looks_at_everything():
    image = keras.Input((32, 32, 4))
    x = layers.Conv2D(4, 3, strides=2, padding="same", name="before")(image)
    gate = layers.Dense(4, activation="sigmoid")(layers.GlobalAveragePooling2D()(x))
    x = layers.Multiply()([x, layers.Reshape((1, 1, 4))(gate)])
    model = keras.Model(image, x)
    field = ks.analysis.receptive_field(model)
    assert field.size == math.inf and field.stride == 2
    assert field.box(0, 0)[0] == -math.inf
    assert ks.analysis.receptive_field(model, layer="before").size == 3


def test_layers_of_nested_models_by_name():
    inner = keras.Sequential([keras.Input((None, None, 1)), layers.Conv2D(2, 3, name="deep")], name="inner")
    model = chain(layers.Conv2D(1, 3), inner, layers.Conv2D(1, 3))
    sizes = [ks.analysis.receptive_field(model, layer=name).size for name in ("deep", "inner", None)]
    assert sizes == [5, 5, 7]
    assert ks.analysis.receptive_field(model, layer=model.layers[0].name).size == 1


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50", "DenseNet121"])
def test_networks_of_keras(name):
    net = getattr(keras.applications, name)(include_top=False, weights=None)
    field = ks.analysis.receptive_field(net)
    assert field.stride == 32 and 200 < field.size < 5000


def test_resnet50_by_hand():
    """conv1 7, pool 11 at stride 4; conv2: 3 blocks of one 3x3; conv3: 4, conv4: 6, conv5: 3.

    Strides sit in the first 1x1 of a stage, so its 3x3s all run at the new stride:
    11 + 3*2*4 + 4*2*8 + 6*2*16 + 3*2*32 = 11 + 24 + 64 + 192 + 192 = 483.
    """
    net = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(64, 64, 3))
    field = ks.analysis.receptive_field(net)
    assert (field.size, field.stride) == (483, 32)
    assert field.aligned


def test_bad_input():
    image = keras.Input((8, 8, 1))
    x = layers.Conv2D(2, 3, name="first")(image)
    turned = keras.Model(image, layers.Permute((2, 1, 3), name="turned")(x))
    with pytest.raises(_validation.InputError, match=r"turned \(Permute\).*Name a layer in front of it"):
        ks.analysis.receptive_field(turned)
    assert ks.analysis.receptive_field(turned, layer="first").size == 3
    with pytest.raises(_validation.InputError, match="`layer` is not a layer of the model.*Did you mean 'first'"):
        ks.analysis.receptive_field(turned, layer="frist")
    with pytest.raises(_validation.InputError, match="must be named.*Pass layer='first'"):
        ks.analysis.receptive_field(keras.Model(image, [x, layers.ReLU()(x)]))
    with pytest.raises(_validation.InputError, match="`model` must be a functional keras.Model"):
        ks.analysis.receptive_field(keras.layers.Dense(1))


def unpooled(image):
    x = conv(padding="same")(image)
    pooled, indices = ks.layers.MaxPoolingWithArgmax2D(2, padding="same")(x)
    y = conv(padding="same")(pooled)
    return conv(padding="same")(ks.layers.MaxUnpooling2D(2)([y, indices, x]))


def unpooled_by_three(image):
    pooled, indices = ks.layers.MaxPoolingWithArgmax2D(3, padding="same")(image)
    return ks.layers.MaxUnpooling2D(3)([conv(padding="same")(pooled), indices, image])


@pytest.mark.thorough
@pytest.mark.parametrize("graph", [unpooled, unpooled_by_three], ids=lambda graph: graph.__name__)
def test_unpooling(graph):
    """A unit depends on where maxima are, so the pixels with a gradient are collected from many images.

    17 and 13 are no multiples of 3 either: "same" windows of 3 are centered on the map, and a unit's place in them too.
    """
    size = (17, 13)
    image = keras.Input((*size, 1))
    model = keras.Model(image, graph(image))
    model.trainable = False
    field = ks.analysis.receptive_field(model)
    assert field.aligned and field.stride == 1
    pixels = np.random.default_rng(0).permuted(np.tile(np.arange(221.0), (300, 1)), axis=1).reshape(300, *size, 1)
    for row, column in ((0, 0), (16, 12), (8, 7), (5, 0)):
        found = gradient(lambda x, row=row, column=column: keras.ops.sum(model(x)[:, row, column]), pixels)
        rows, columns = np.nonzero(np.abs(found).max(axis=(0, 3)))
        top, left, bottom, right = field.box(row, column)
        assert (rows.min(), columns.min()) == (max(top, 0), max(left, 0))
        assert (rows.max() + 1, columns.max() + 1) == (min(bottom, size[0]), min(right, size[1]))


@pytest.mark.tensorflow_only
def test_unpooling_models():
    """The encoders' fields are the published ones: SegNet-Basic 106 at pool4, VGG16 212 at pool5 and 404 at fc6.

    A window of w units of an unpooled map reads at most (w + 2) // 2 pooled ones. SegNet-Basic, 7x7 at strides 1 to 8:
    7 -> 4, + 6 = 10 -> 6, 12 -> 7, 13 -> 7 units of pool4: 106 + 6 * 16 = 202. SegNet, 2, 2, 3, 3, 3 convolutions:
    5 -> 3, 7 -> 4, 10 -> 6, 12 -> 7, 13 -> 7 units of pool5: 212 + 6 * 32 = 404. DeconvNet reads as many of
    fc6_deconv, whose units read 7 of fc6: 404 + 6 * 32 + 6 * 32 = 788.
    """
    narrow = {"num_classes": 2, "filters": (2, 2, 2, 2, 2)}
    basic, segnet = ks.models.SegNetBasic(num_classes=2, filters=2), ks.models.SegNet(**narrow)
    deconvnet = ks.models.DeconvNet(**narrow, fc_filters=2, padding="valid")
    for model, name, encoder, stride, size in (
        (basic, "pool4", 106, 16, 202),
        (segnet, "block5_pool", 212, 32, 404),
        (deconvnet, "fc6", 404, 32, 788),
    ):
        field = ks.analysis.receptive_field(model, layer=name)
        assert (field.size, field.stride) == (encoder, stride)
        field = ks.analysis.receptive_field(model)
        assert (field.size, field.stride, field.aligned) == (size, 1, True)


def test_regions_of_a_map_of_unknown_size_are_the_whole():
    image = keras.Input((None, None, 1))
    x = conv(padding="same")(image)
    pooled = ks.layers.AdaptiveAveragePooling2D(2)(x)
    model = keras.Model(image, layers.Add()([ks.layers.ResizeLike()([pooled, x]), x]))
    field = ks.analysis.receptive_field(model)
    assert field.size == math.inf and field.stride == 1 and field.aligned


def test_resizing_by_strides_where_sizes_are_unknown():
    sizes = [ks.analysis.receptive_field(keras.Model(i, resize_like(i))) for i in map(image_of, (None, 24))]
    assert (sizes[0].size, sizes[0].stride) == (sizes[1].size, sizes[1].stride)


def image_of(side):
    return keras.Input((side, side, 1))


@pytest.mark.parametrize("side", [None, 16])
def test_units_that_read_everything_lie_where_they_are(side):
    """A map at stride 4 that is doubled is one at stride 2, whatever its units depend on."""
    image = image_of(side)
    fine = conv(strides=2, padding="same")(image)
    coarse = conv(strides=2, padding="same")(fine)
    for doubled in (
        ks.layers.Resize2D(2, align_corners=True)(coarse),
        ks.layers.ResizeLike(align_corners=True)([coarse, fine]),
        ks.layers.UpsampleConv(2, normalization="group")(coarse),
        ks.layers.UpsampleConv(2, normalization="group")([coarse, fine]),
    ):
        field = ks.analysis.receptive_field(keras.Model(image, layers.Conv2D(1, 1, name="last")(doubled)))
        assert field.stride == 2
    assert field.size == math.inf


@pytest.mark.tensorflow_only
def test_where_dpt_predicts():
    """At half of the resolution, of the size of the image after the last enlargement."""
    narrow = {"stage_filters": (4, 4, 4, 4), "filters": 4}
    model = ks.models.DPT(num_classes=2, backbone="Compact", **narrow)
    strides = [ks.analysis.receptive_field(model, layer=name).stride for name in ("logits", "enlarge")]
    assert strides == [2, 1]


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "name",
    [
        "PSPNet",
        "DeepLabV3Plus",
        "LRASPP",
        "UNetPlusPlus",
        "UPerNet",
        "PAN",
        "FPN",
        "LinkNet",
        "SegFormer",
        "UNet",
        "FCN8s",
    ],
)
@pytest.mark.parametrize("side", [None, 256])
def test_models_of_ours(name, side):
    kwargs = {"filters": (2, 2, 2, 2, 2), "fc_filters": 2} if name == "FCN8s" else {"backbone": "Compact"}
    model = ks.models.build(name, num_classes=2, input_shape=(side, side, 3), **kwargs)
    field = ks.analysis.receptive_field(model)
    assert field.stride == 1 and field.size >= 100


class Foreign(keras.layers.Layer):
    """A layer of another package that reads three rows and one column, every second unit."""

    def call(self, inputs):
        return inputs[:, ::2, ::2]

    def receptive_reach(self, position, axis, *, size, output_size, scale):
        return [Reach(2, ((-1, 1) if axis == 0 else (0, 0),))]


def test_a_third_party_layer_declares_its_reach():
    field = ks.analysis.receptive_field(chain(Foreign(), conv(padding="same")))
    assert (field.size, field.stride) == ((7, 5), 2)
    assert (field.padding, field.center) == ((3, 2), 0)
    assert field.box(1, 1) == (-1, 0, 6, 5)
