"""Test-time augmentation against literal loops over NumPy's own flips, turns, paddings and weights of pixels."""

import itertools

import keras
import numpy as np
import pytest
from keras import layers

import keras_seg as ks
from keras_seg import _validation
from keras_seg.inference import Brightness, Scale, Shift
from keras_seg.inference.tta import dihedral
from keras_seg.inference.tta.view import View, read_transforms, views_of

TTA = ks.inference.TestTimeAugmentation
IMAGES = np.random.default_rng(0).uniform(0, 255, size=(2, 7, 10, 3)).astype("float32")


def net(activation="softmax", classes=3, size=(None, None), batch=None):
    """A net whose map turns with the image nowhere: a random convolution."""
    image = keras.Input(batch_shape=(batch, *size, 3))
    first, second = (keras.initializers.RandomNormal(stddev=0.5, seed=seed) for seed in (0, 1))
    x = layers.Rescaling(1 / 128, -1)(image)
    x = layers.Conv2D(4, 3, padding="same", activation="tanh", kernel_initializer=first)(x)
    x = layers.Conv2D(classes, 3, padding="same", activation=activation, kernel_initializer=second)(x)
    return keras.Model(image, x)


@pytest.fixture(scope="module")
def model():
    return net()


def predict(model, images):
    """Without a graph, as each would be compiled for one call."""
    return several(model, images)[0].astype("float64")


def several(model, images):
    outputs = model(np.ascontiguousarray(images, "float32"), training=False)
    return [keras.ops.convert_to_numpy(output) for output in keras.tree.flatten(outputs)]


def d4_passes(model, images, turns=range(4), mirrors=(False, True)):
    """Score maps of all turns of the plain and of the mirrored images, brought back."""
    for mirrored, turn in itertools.product(mirrors, turns):
        seen = np.rot90(images[:, :, ::-1] if mirrored else images, turn, axes=(1, 2))
        back = np.rot90(predict(model, seen), -turn, axes=(1, 2))
        yield back[:, :, ::-1] if mirrored else back


LITERAL = {
    "identity": lambda model, x: [predict(model, x)],
    "hflip": lambda model, x: d4_passes(model, x, turns=[0]),
    "vflip": lambda model, x: [predict(model, x), predict(model, x[:, ::-1])[:, ::-1]],
    "rot180": lambda model, x: d4_passes(model, x, turns=[0, 2], mirrors=[False]),
    "flips": lambda model, x: d4_passes(model, x, turns=[0, 2]),
    "rot90": lambda model, x: d4_passes(model, x, mirrors=[False]),
    "transpose": lambda model, x: [
        predict(model, x),
        predict(model, x.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3),
    ],
    "d4": d4_passes,
}


@pytest.mark.parametrize("name", LITERAL)
def test_groups_against_numpy(name, model):
    """On images that are not square, of odd height."""
    expected = np.mean(list(LITERAL[name](model, IMAGES)), axis=0)
    np.testing.assert_allclose(predict(TTA(model, name), IMAGES), expected, atol=1e-6)


def normalized(p):
    return p / p.sum(-1, keepdims=True)


MERGED = {
    "mean": lambda p: p.mean(0),
    "geometric_mean": lambda p: normalized(np.prod(p, axis=0) ** (1 / len(p))),
    "max": lambda p: normalized(p.max(0)),
    "tsharpen": lambda p: normalized((p**0.5).mean(0)),
}


@pytest.mark.parametrize("merge", MERGED)
def test_merges_against_numpy(merge, model):
    passes = np.stack(list(d4_passes(model, IMAGES, turns=[0])))
    merged = predict(TTA(model, "hflip", merge=merge), IMAGES)
    np.testing.assert_allclose(merged, MERGED[merge](passes), atol=1e-6)
    np.testing.assert_allclose(merged.sum(-1), 1, atol=1e-6)
    if merge == "geometric_mean":
        np.testing.assert_array_equal(predict(TTA(model, "hflip", merge="gmean"), IMAGES), merged)


@pytest.mark.parametrize("merge", MERGED)
def test_one_channel_is_merged_as_two_classes(merge):
    """p of one channel comes out as p of the second of two channels 1 - p and p: of a sigmoid, or of one class."""
    two = net(classes=2)
    for one in (net("sigmoid", classes=1), keras.Model(two.input, two.output[..., 1:])):
        passes = np.stack(list(d4_passes(one, IMAGES, turns=[0])))
        expected = MERGED[merge](np.concatenate([1 - passes, passes], axis=-1))[..., 1:]
        merged = predict(TTA(one, "hflip", merge=merge), IMAGES)
        np.testing.assert_allclose(merged, expected, atol=1e-6)


@pytest.mark.parametrize("merge", MERGED)
def test_some_classes_of_a_softmax_are_merged_each_by_itself(merge):
    """Divided by their sum, they would be high where the class that was cut off is."""
    three = net(classes=3)
    passes = np.stack(list(d4_passes(three, IMAGES, turns=[0])))[..., 1:]
    expected = MERGED[merge](np.stack([1 - passes, passes], axis=-1))[..., 1]
    merged = predict(TTA(keras.Model(three.input, three.output[..., 1:]), "hflip", merge=merge), IMAGES)
    np.testing.assert_allclose(merged, expected, atol=1e-6)


def test_logits_and_probabilities():
    logits = net(None)
    passes = np.stack(list(d4_passes(logits, IMAGES, turns=[0])))
    softmax = np.exp(passes) / np.exp(passes).sum(-1, keepdims=True)
    for over, merge, expected in (
        (None, "mean", passes.mean(0)),
        ("logits", "mean", passes.mean(0)),
        ("logits", "max", passes.max(0)),
        ("probabilities", "mean", softmax.mean(0)),
        ("probabilities", "geometric_mean", MERGED["geometric_mean"](softmax)),
    ):
        merged = predict(TTA(logits, "hflip", merge=merge, merge_on=over), IMAGES)
        np.testing.assert_allclose(merged, expected, atol=2e-6)
    exponents = np.exp(passes.mean(0))
    np.testing.assert_allclose(exponents / exponents.sum(-1, keepdims=True), MERGED["geometric_mean"](softmax))
    one = net(None, classes=1)
    passes = np.stack(list(d4_passes(one, IMAGES, turns=[0])))
    merged = predict(TTA(one, "hflip", merge_on="probabilities"), IMAGES)
    np.testing.assert_allclose(merged, (1 / (1 + np.exp(-passes))).mean(0), atol=1e-6)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "make, kind",
    [
        (lambda: ks.models.UNet(num_classes=3, filters=4, depth=1), "softmax"),
        (lambda: ks.models.UNet(num_classes=3, filters=4, depth=1, activation=None), "logits"),
        (lambda: ks.models.UNet(num_classes=1, filters=4, depth=1, activation="sigmoid"), "sigmoid"),
        (lambda: keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(2, 1), layers.Softmax()]), "softmax"),
        (lambda: TTA(net(None)), "logits"),
        (lambda: TTA(net(None), merge_on="probabilities"), "softmax"),
        (lambda: nested(net("sigmoid", classes=2)), "sigmoid"),
    ],
)
def test_what_a_model_gives_is_read_from_its_end(make, kind):
    assert TTA(make(), "hflip").get_layer("merge").kind == kind


def nested(model):
    image = keras.Input((None, None, 3))
    return keras.Model(image, layers.Identity()(model(image)))


@pytest.mark.filterwarnings("error:The structure of")
def test_one_input_and_one_output_may_be_named():
    image = keras.Input((None, None, 3), name="image")
    scores = layers.Conv2D(2, 1, activation="softmax")(image)
    tta = TTA(keras.Model({"image": image}, {"scores": scores}), "hflip")
    np.testing.assert_allclose(predict(tta, IMAGES), predict(keras.Model(image, scores), IMAGES), atol=1e-6)


def bilinear(length, target):
    """The matrix (target, length) of bilinear resizing with half-pixel centers and clamped borders."""
    weights = np.zeros((target, length))
    for row in range(target):
        place = (row + 0.5) * length / target - 0.5
        below = int(np.floor(place))
        for position, weight in ((below, 1 - (place - below)), (below + 1, place - below)):
            weights[row, min(max(position, 0), length - 1)] += weight
    return weights


def resized(x, size):
    rows, columns = bilinear(x.shape[1], size[0]), bilinear(x.shape[2], size[1])
    return np.einsum("ri,bijc,sj->brsc", rows, x.astype("float64"), columns)


def test_scales_against_matrices(model):
    """7 x 0.5 = 3.5 rounds to 4 and 7 x 1.5 = 10.5 to 11; a scale given twice, or 1, is no pass more."""
    passes = [predict(model, IMAGES)]
    passes += [resized(predict(model, resized(IMAGES, size)), (7, 10)) for size in ((4, 5), (11, 15))]
    tta = TTA(model, Scale(0.5, 1, 1.5, 0.5))
    assert tta.passes == 3
    np.testing.assert_allclose(predict(tta, IMAGES), np.mean(passes, axis=0), atol=2e-6)


def test_shifts_and_brightness_against_padding(model):
    passes = []
    for (down, right), gain in itertools.product([(0, 0), (3, 0), (2, 5)], [1, 1.25]):
        seen = np.pad(IMAGES, ((0, 0), (down, 0), (right, 0), (0, 0)), mode="reflect") * gain
        passes.append(predict(model, seen)[:, down:, right:])
    tta = TTA(model, [Shift((3, 0), (2, 5)), Brightness(1.25)])
    assert tta.passes == 6
    assert Shift(3, (2, 5))._offsets == [(0, 3), (2, 5), (3, 0), (3, 3)]
    np.testing.assert_allclose(predict(tta, IMAGES), np.mean(passes, axis=0), atol=1e-6)


@pytest.mark.parametrize(
    "transforms, passes",
    [
        ("identity", 1),
        (["hflip", "vflip", "rot90"], 8),
        (["hflip", "transpose"], 8),
        (["hflip", "rot180"], 4),
        (["d4", "d4", "flips"], 8),
        (["c2", "identity"], 2),
        ([("hflip",), ["vflip"]], 4),
        (Scale(1), 1),
        ([Scale(0.75, 1.0, 1.25), "hflip"], 6),
        ([Scale(0.5), Scale([0.5, 2])], 3),
        (Brightness((0.5, 1, 2)), 3),
        ([Shift(8), Brightness(0.9, 1.1), "d4"], 96),
        (Shift((0, 8), 8), 4),
    ],
)
def test_number_of_passes(transforms, passes, model):
    views = views_of(read_transforms(transforms))
    assert len(views) == len(set(views)) == passes
    assert views[0] == View()


def test_the_order_of_transforms_is_nothing(model):
    assert views_of(["hflip", Scale(0.5), Shift(1)]) == views_of([Shift(1), Scale(0.5), "hflip"])


def test_the_eight_elements_are_a_group():
    """`then` is what laying twice does, on a picture that has no symmetry; each element has an inverse."""
    picture = np.arange(6.0, dtype="float32").reshape(1, 2, 3, 1)
    elements = dihedral.generated(dihedral.GENERATORS["d4"])
    looks = {element: np.asarray(keras.ops.convert_to_numpy(dihedral.orient(element, picture))) for element in elements}
    assert len({(look.shape, look.tobytes()) for look in looks.values()}) == 8
    for first, second in itertools.product(elements, elements):
        twice = keras.ops.convert_to_numpy(dihedral.orient(second, looks[first]))
        np.testing.assert_array_equal(twice, looks[dihedral.then(first, second)])
    for element in elements:
        assert dihedral.IDENTITY in {dihedral.then(element, other) for other in elements}


@pytest.mark.parametrize("size", [(5, 8), (1, 3), (4, 4)])
def test_undoing_is_exact(size):
    """Flips, turns and shifts, alone and together, also of more pixels than there are."""
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    for view in views_of(["d4", Shift(2, (0, 9))]):
        seen = view.apply(keras.ops.convert_to_tensor(x))
        assert tuple(seen.shape[1:3]) == view.size(size)
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(view.undo(seen, size)), x)


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("size", [(5, 8), (1, 3)])
def test_scaling_back_gives_the_size(size):
    x = np.full((1, *size, 2), 0.3, "float32")
    for view in views_of(["rot90", Scale(0.1, 0.6, 1.3), Shift(2)]):
        back = keras.ops.convert_to_numpy(view.undo(view.apply(keras.ops.convert_to_tensor(x)), size))
        assert back.shape == x.shape
        np.testing.assert_allclose(back, x, rtol=1e-6)


PRODUCT = ["rot90", Scale(0.5)]


@pytest.mark.parametrize("uncertainty", [None, "disagreement"])
def test_folding_changes_nothing(uncertainty, model):
    folded = TTA(model, PRODUCT, uncertainty=uncertainty)
    one_by_one = TTA(model, PRODUCT, uncertainty=uncertainty, views_as="loop")
    calls = [sum(isinstance(layer, keras.Model) for layer in tta._operations) for tta in (folded, one_by_one)]
    assert calls == [1, 1]  # One model, shared: called once for each shape or for each pass.
    assert [len(model_calls(tta)) for tta in (folded, one_by_one)] == [2 * 2, 8]
    for a, b in zip(several(folded, IMAGES), several(one_by_one, IMAGES), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def model_calls(tta):
    return [node for nodes in tta._nodes_by_depth.values() for node in nodes if node.operation is tta.model]


def test_a_square_model_folds_turns_too():
    tta = TTA(net(size=(6, 6)), "d4")
    assert len(model_calls(tta)) == 1
    images = IMAGES[:, :6, :6]
    np.testing.assert_allclose(predict(tta, images), np.mean(list(d4_passes(tta.model, images)), axis=0), atol=1e-6)


def test_uncertainty_against_numpy(model):
    passes = np.stack(list(d4_passes(model, IMAGES)))
    mean = passes.mean(0)
    ids, merged_ids = passes.argmax(-1), mean.argmax(-1)
    expected = {
        "entropy": -(mean * np.log(mean)).sum(-1),
        "variance": passes.var(0).mean(-1),
        "disagreement": (ids != merged_ids).mean(0),
    }
    assert 0 < expected["disagreement"].mean() < 1
    for name, values in expected.items():
        merged, uncertainty = several(TTA(model, "d4", uncertainty=name), IMAGES)
        np.testing.assert_allclose(merged, mean, atol=1e-6)
        np.testing.assert_allclose(uncertainty, values[..., None], atol=1e-6)


def test_uncertainty_of_one_channel():
    one = net("sigmoid", classes=1)
    passes = np.stack(list(d4_passes(one, IMAGES, turns=[0])))
    mean = passes.mean(0)
    expected = {
        "entropy": -(mean * np.log(mean) + (1 - mean) * np.log(1 - mean)),
        "variance": passes.var(0),
        "disagreement": ((passes > 0.5) != (mean > 0.5)).mean(0),
    }
    for name, values in expected.items():
        _, uncertainty = several(TTA(one, "hflip", uncertainty=name), IMAGES)
        np.testing.assert_allclose(uncertainty, values, atol=1e-6)


def test_uncertainty_of_logits():
    """Entropy is of the softmax of the merged logits, variance of the logits themselves."""
    logits = net(None)
    passes = np.stack(list(d4_passes(logits, IMAGES, turns=[0])))
    mean = passes.mean(0)
    p = np.exp(mean) / np.exp(mean).sum(-1, keepdims=True)
    for name, values in (("entropy", -(p * np.log(p)).sum(-1)), ("variance", passes.var(0).mean(-1))):
        _, uncertainty = several(TTA(logits, "hflip", uncertainty=name), IMAGES)
        np.testing.assert_allclose(uncertainty[..., 0], values, rtol=1e-4, atol=1e-6)


@pytest.mark.slow_off_tensorflow
def test_it_is_equivariant(model):
    """Of any model, with scales and shifts as well: the turned image gives the turned map."""
    tta = TTA(model, ["d4", Shift(2), Scale(0.5)])
    plain = predict(tta, IMAGES)
    for turned, back in (
        (np.rot90(IMAGES, 1, (1, 2)), lambda p: np.rot90(p, -1, (1, 2))),
        (IMAGES[:, :, ::-1], lambda p: p[:, :, ::-1]),
    ):
        np.testing.assert_allclose(back(predict(tta, turned)), plain, atol=2e-6)
    turned = np.rot90(predict(model, np.rot90(IMAGES, 1, (1, 2))), -1, (1, 2))
    assert np.abs(turned - predict(model, IMAGES)).max() > 0.1


@pytest.mark.parametrize("merge", ["geometric_mean", "max"])
def test_of_an_equivariant_model_it_is_the_model(merge):
    image = keras.Input((None, None, 3))
    pointwise = keras.Model(image, layers.Conv2D(3, 1, activation="softmax")(image / 255.0))
    tta = TTA(pointwise, ["d4", Shift((3, 0))], merge=merge)
    np.testing.assert_allclose(predict(tta, IMAGES), predict(pointwise, IMAGES), atol=1e-6)


@pytest.mark.slow_off_tensorflow
def test_saving_nesting_and_augmenting_again(model, tmp_path):
    tta = TTA(model, ["hflip", Shift(1, (0, 2)), Brightness(1.5)], merge="gmean", name="augmented")
    image = keras.Input((None, None, 3))
    nested = keras.Model(image, tta(image) * 2)
    again = TTA(tta, [Scale(0.5), "hflip"], views_as="loop", uncertainty="variance")
    expected = {"tta": predict(tta, IMAGES), "nested": predict(nested, IMAGES), "again": several(again, IMAGES)[0]}
    np.testing.assert_allclose(expected["nested"], 2 * expected["tta"], rtol=1e-6)
    for name, one in (("tta", tta), ("nested", nested), ("again", again)):
        one.save(tmp_path / f"{name}.keras")
        loaded = keras.saving.load_model(tmp_path / f"{name}.keras")
        np.testing.assert_allclose(several(loaded, IMAGES)[0], expected[name], atol=1e-6)
    loaded = keras.saving.load_model(tmp_path / "tta.keras")
    for name in ("name", "transforms", "merge", "merge_on", "uncertainty", "views_as", "passes"):
        assert getattr(loaded, name) == getattr(tta, name)
    assert len(tta.weights) == len(model.weights)
    outer = TTA(TTA(model, "hflip"), "vflip")
    np.testing.assert_allclose(predict(outer, IMAGES), predict(TTA(model, "flips"), IMAGES), atol=1e-6)


def test_it_takes_any_size(model):
    tta = TTA(model, ["rot90", Scale(0.75)])
    for size in ((1, 1), (7, 10)):
        assert tta.predict_on_batch(IMAGES[:, : size[0], : size[1]]).shape == (2, *size, 3)
    assert tta.input_shape == (None, None, None, 3)
    assert tta.output_shape == (None, None, None, 3)


def test_half_precision_keeps_raw_pixels():
    """250 and 251 are one number in bfloat16; passes and merging are in float32 whatever the policy."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    image = keras.Input((None, None, 1), dtype="float32")
    exact = keras.Model(image, layers.Rescaling(1 / 256, dtype="float32")(image))
    x = np.array([250.0, 251.0], "float32").reshape(1, 1, 2, 1)
    merged = TTA(exact, "hflip").predict_on_batch(x)
    assert merged.dtype == "float32"
    np.testing.assert_allclose(merged, x / 256, rtol=1e-6)


def valid(size=(None, None)):
    image = keras.Input((*size, 3))
    return keras.Model(image, layers.Conv2D(2, 3)(image))


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: TTA(valid()),
            r"`model` must give a map of the size of its image.*638x574 for 640x576.*padding=\"same",
        ),
        (lambda: TTA(valid((8, 8))), "gives 6x6 for 8x8"),
        (lambda: TTA(Subclassed()), "`model` must be a functional keras.Model"),
        (lambda: TTA(ks.models.PatchClassifier(num_classes=2)), "`model` must have one output .*gives no map"),
        (lambda: TTA(TTA(net(), uncertainty="entropy")), r"`model` must have one output .*model.outputs\[0\]"),
        (lambda: TTA(net(size=(6, 8)), "d4"), "`transforms` must keep the size .*6x8.*a view of 8x6.*None, None"),
        (lambda: TTA(net(size=(6, 6)), Scale(0.5)), "`transforms` must keep the size"),
        (lambda: TTA(net(size=(6, 6)), Shift(1)), "`transforms` must keep the size"),
        (lambda: TTA(net(batch=2), "hflip"), '`views_as` needs a model of any batch size.*views_as="loop"'),
        (lambda: TTA(net(), "hfilp"), "`transforms` is not a known option.*Did you mean 'hflip'"),
        (lambda: TTA(net(), []), '`transforms` must hold names.*"identity"'),
        (lambda: TTA(net(), np.fliplr), "`transforms` must be one of.*needs an inverse"),
        (lambda: TTA(net(), ["hflip", lambda x: x]), "`transforms` must be one of.*needs an inverse"),
        (lambda: TTA(net(), None), "`transforms` must be one of"),
        (lambda: TTA(net(), merge="median"), "`merge` is not a known option"),
        (lambda: TTA(net(), merge=["mean"]), "`merge` is not a known option"),
        (lambda: TTA(net(), merge_on="scores"), "`merge_on` is not a known option"),
        (lambda: TTA(net(), views_as="batches"), "`views_as` is not a known option.*Did you mean 'batch'"),
        (lambda: TTA(net(), uncertainty="std"), "`uncertainty` is not a known option"),
        (lambda: TTA(net(None), merge="geometric_mean"), '`merge` needs probabilities.*merge_on="probabilities"'),
        (lambda: TTA(net(None), merge="tsharpen"), "`merge` needs probabilities"),
        (lambda: TTA(net(None), merge="gmean", merge_on="logits"), "`merge` needs probabilities"),
        (
            lambda: TTA(net(), merge_on="logits"),
            "`merge_on` needs a model that gives logits .*softmax.*activation=None",
        ),
        (lambda: Scale(), "`factors` must hold at least one scale"),
        (lambda: Scale(0), "`factors` must be a finite number in"),
        (lambda: Scale(0.5, float("nan")), "`factors` must be a finite number in"),
        (lambda: Scale("0.5"), "`factors` must be a finite number in"),
        (lambda: Brightness(0), "`factors` must be a finite number in"),
        (lambda: Brightness(), "`factors` must hold at least one factor"),
        (lambda: Shift(), "`pixels` must hold at least one shift"),
        (lambda: Shift(-8), "`pixels` must be an integer of at least 1"),
        (lambda: Shift(0.5), "`pixels` must be an integer of at least 1"),
        (lambda: Shift((1, 2, 3)), "`pixels` must be one integer or a pair"),
        (lambda: TTA(net()).predict_on_batch(IMAGES[:0]), "`images` must hold at least one image"),
        (lambda: TTA(net())(IMAGES[:, :0]), "`images` must hold at least one image"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(_validation.InputError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("images", [IMAGES[..., :2], IMAGES[0]])
def test_images_that_do_not_fit(images, model):
    with pytest.raises(ValueError, match="expected") as caught:
        TTA(model)(images)
    assert "shape" in str(caught.value)


def test_a_map_of_another_size_is_found_when_it_is_seen():
    """A net that strides gives a multiple of its stride, which the trial size is."""
    image = keras.Input((None, None, 3))
    x = layers.UpSampling2D(2)(layers.Conv2D(2, 3, strides=2, padding="same")(image))
    tta = TTA(keras.Model(image, x), "hflip")
    with pytest.raises(_validation.InputError, match="`model` must give a map .* 8x10 for 7x10"):
        tta(IMAGES)
