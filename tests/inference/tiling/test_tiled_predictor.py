"""Tiled predictions against the image itself, the whole image's prediction, and a slow sum over tiles."""

import keras
import numpy as np
import pytest
from keras import layers
from small_models import exact, identity, photo, unet, unsettled

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.inference import TiledPredictor, seam_report

BLENDS = ("gaussian", "constant", "crop")


@pytest.fixture(scope="module")
def net():
    return unet()


@pytest.fixture(scope="module")
def passing():
    return identity()


@pytest.mark.parametrize("blend", BLENDS)
@pytest.mark.parametrize("overlap", [0, 0.3, 0.5, 0.75])
def test_an_identity_gives_the_image_back(passing, blend, overlap):
    predictor = TiledPredictor(passing, tile=(32, 24), overlap=overlap, blend=blend)
    for size in [(32, 24), (5, 7), (1, 1), (33, 70), (100, 49)]:
        image = photo(*size)
        found = predictor.predict(image)
        assert found.dtype == "float32"
        np.testing.assert_allclose(found, image, rtol=0, atol=0 if blend == "crop" else 1e-4)


def test_a_constant_stays_one():
    model = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(2, 1, kernel_initializer="zeros")])
    model.layers[0].bias.assign([0.25, 0.75])
    found = TiledPredictor(model, tile=16, overlap=0.4).predict(photo(40, 50))
    np.testing.assert_allclose(found, np.broadcast_to([0.25, 0.75], (40, 50, 2)), rtol=0, atol=1e-6)


@pytest.mark.parametrize("blend", ["gaussian", "constant"])
def test_against_a_sum_over_tiles(net, blend):
    """Tile by tile over the whole image, with weights in two dimensions and a division at the end."""
    predictor = TiledPredictor(net, tile=(32, 48), overlap=0.4, blend=blend, batch_size=3)
    image = photo(75, 90)
    rows, columns = predictor.grid(image.shape[:2])
    padded = np.pad(image, ((0, 1), (0, 2), (0, 0)), mode="reflect").astype("float32")
    assert (rows.covered, columns.covered) == padded.shape[:2] == (76, 92)
    total, weights = np.zeros((76, 92, 3)), np.zeros((76, 92, 1))
    down, across = ((np.arange(side) - (side - 1) / 2) / (side / 8) for side in (32, 48))
    weight = np.exp(-(down[:, None] ** 2 + across**2) / 2) if blend == "gaussian" else np.ones((32, 48))
    for top in rows.starts:
        for left in columns.starts:
            window = np.s_[top : top + 32, left : left + 48]
            scores = net.predict_on_batch(np.repeat(padded[window][None], 3, axis=0))[0]
            total[window] += weight[..., None] * scores
            weights[window] += weight[..., None]
    np.testing.assert_allclose(predictor.predict(image), (total / weights)[:75, :90], rtol=0, atol=2e-6)


class TestEqualToTheWholeImage:
    def test_with_the_margin_of_the_receptive_field(self, net):
        image = photo(150, 139)  # Neither side on the stride.
        predictor = TiledPredictor(net, tile=64, overlap=0, blend="crop", margin="receptive_field", batch_size=2)
        assert predictor.margin == (22, 22)
        whole = net.predict_on_batch(image[None].astype("float32"))[0]
        assert whole.std() > 0.05
        np.testing.assert_allclose(predictor.predict(image), whole, rtol=0, atol=1e-5)

    def test_and_not_with_less(self, net):
        """The test above can fail: tiles that only touch are far from the whole image, and off the grid too."""
        image = photo(150, 139)
        whole = net.predict_on_batch(image[None].astype("float32"))[0]
        touching = TiledPredictor(net, tile=64, overlap=0, blend="crop", batch_size=2).predict(image)
        assert np.abs(touching - whole).max() > 0.01
        off_grid = TiledPredictor(net, tile=64, overlap=0, blend="crop", batch_size=2, margin=22, stride=1)
        assert off_grid.grid((150, 139))[0].starts[1] % 4
        assert np.abs(off_grid.predict(image) - whole).max() > 0.01

    @pytest.mark.parametrize("blend", BLENDS)
    def test_of_a_valid_unet_whatever_the_blend(self, blend):
        """The overlap-tile strategy of Ronneberger et al., figure 2: tiles that need not overlap in what they give."""
        model = exact(
            unet(ks.models.UNet2015, include_preprocessing=False), terms=2, scale=2.0**-7
        )  # Thirteen in a row.
        image = photo(70, 83)
        predictor = TiledPredictor(model, tile=60, overlap=0 if blend == "crop" else 0.3, blend=blend, batch_size=2)
        # 20 pixels on each side are lost; a side of 20 + 4 k comes out of one of 60 + 4 k: 72 for 70 and 84 for 83.
        padded = np.pad(image, ((20, 22), (20, 21), (0, 0)), mode="reflect").astype("float32")
        whole = model.predict_on_batch(padded[None])[0]
        assert whole.shape == (72, 84, 3) and whole.std() > 0.05
        np.testing.assert_allclose(predictor.predict(image), whole[:70, :83], rtol=0, atol=1e-6)

    def test_of_an_output_with_a_name(self, net):
        named = keras.Model(net.inputs, {"scores": net.outputs[0]})
        image, settings = photo(50, 70), {"tile": 32, "batch_size": 2}
        expected = TiledPredictor(net, **settings).predict(image)
        np.testing.assert_allclose(TiledPredictor(named, **settings).predict(image), expected, rtol=0, atol=1e-6)
        assert seam_report(named, image, **settings).whole.pixels == 50 * 70

    def test_of_a_fixed_input_size(self):
        inputs = keras.Input((32, 32, 1))
        model = unsettled(keras.Model(inputs, layers.Conv2D(2, 5, activation="sigmoid")(inputs)))
        image = photo(60, 50, 1) / 255
        padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="reflect").astype("float32")[None]
        whole = keras.ops.sigmoid(keras.ops.conv(padded, model.layers[1].kernel, padding="valid"))[0]
        found = TiledPredictor(model, tile=32, overlap=0).predict(image)
        np.testing.assert_allclose(found, keras.ops.convert_to_numpy(whole), rtol=0, atol=1e-5)

    def test_of_a_fixed_input_size_with_group_normalization(self):
        """Its units depend on everything, and there is one for each pixel all the same."""
        shape, small = (16, 16, 1), {"filters": 4, "depth": 2, "normalization": "group"}
        model = ks.models.UNet(num_classes=2, input_shape=shape, pad_to_stride=False, **small)
        assert TiledPredictor(model, tile=16).predict(photo(20, 30, 1)).shape == (20, 30, 2)


@keras.saving.register_keras_serializable("keras_seg_tests")
class Tracer(keras.layers.Layer):
    """Notes the shape that it is called with: once a trace where calls are traced, else once a call."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.shapes = []

    def call(self, inputs):
        self.shapes.append(tuple(inputs.shape))
        return inputs


def test_one_shape_and_one_trace():
    inputs = keras.Input((None, None, 3))
    tracer = Tracer()
    model = keras.Model(inputs, tracer(inputs))
    predictor = TiledPredictor(model, tile=(16, 24), overlap=0.5, batch_size=4)
    tracer.shapes.clear()
    predictor.predict(photo(20, 70))  # 2 x 5 tiles: two batches and a half.
    predictor.predict(photo(50, 9))
    assert set(tracer.shapes) == {(4, 16, 24, 3)}
    if keras.backend.backend() != "torch":  # PyTorch runs the layer itself at every call.
        assert len(tracer.shapes) == 1


def test_batches_run_on_from_row_to_row(passing, monkeypatch):
    batches = []
    predict = passing.predict_on_batch
    monkeypatch.setattr(passing, "predict_on_batch", lambda batch: batches.append(len(batch)) or predict(batch))
    TiledPredictor(passing, tile=16, overlap=0, batch_size=4).predict(photo(48, 48))
    assert batches == [4, 4, 4]  # Nine tiles, not three batches with a tile of padding each.


class TestClassIds:
    def test_are_the_best_of_the_blended_scores(self, net):
        image = photo(50, 70)
        arguments = {"tile": 32, "overlap": 0.5, "batch_size": 2}
        scores = TiledPredictor(net, **arguments).predict(image)
        found = TiledPredictor(net, output="class_ids", **arguments).predict(image)
        assert found.dtype == "uint8" and found.shape == (50, 70)
        np.testing.assert_array_equal(found, scores.argmax(-1))
        assert len(np.unique(found)) > 1

    def test_of_a_single_channel(self):
        found = TiledPredictor(identity(1), tile=8, output="class_ids").predict(np.array([[[0.4]], [[0.6]]]))
        assert found.tolist() == [[0], [1]]

    def test_of_a_single_channel_of_logits(self):
        logits = keras.Sequential([keras.Input((None, None, 1)), layers.Conv2D(1, 1, kernel_initializer="ones")])
        image = np.array([[[-0.2]], [[0.2]], [[0.6]]], "float32")
        found = TiledPredictor(logits, tile=8, output="class_ids").predict(image)
        assert found.tolist() == [[0], [1], [1]]
        np.testing.assert_allclose(TiledPredictor(logits, tile=8).predict(image), image, atol=1e-6)
        with pytest.raises(InputError, match='`output` needs a model that gives probabilities.*output="scores"'):
            TiledPredictor(logits, tile=8, output="probabilities")
        sigmoid = keras.Sequential([logits, layers.Activation("sigmoid")])
        ids = TiledPredictor(sigmoid, tile=8, output="class_ids").predict(image)
        np.testing.assert_array_equal(ids, found)
        claimed = TiledPredictor(sigmoid, tile=8, output="probabilities").predict(image)
        np.testing.assert_array_equal(claimed, TiledPredictor(sigmoid, tile=8, output="scores").predict(image))

    def test_of_more_than_256_classes(self):
        predictor = TiledPredictor(identity(300), tile=8, output="class_ids")
        image = np.zeros((3, 4, 300), "float32")
        image[..., 299] = 1
        assert predictor.predict(image).dtype == "uint16" and (predictor.predict(image) == 299).all()
        with pytest.raises(InputError, match="`dtype` must be an integer that holds class ids up to 299.*'uint16'"):
            predictor.predict(image, dtype="uint8")


@pytest.mark.tensorflow_only
class TestBadInput:
    def refused(self, match, *args, **kwargs):
        with pytest.raises(InputError, match=match) as caught:
            TiledPredictor(*args, **kwargs)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("overlap", [-0.1, 1, 1.5, "half", None, float("nan")])
    def test_overlap(self, passing, overlap):
        self.refused("`overlap` must be", passing, overlap=overlap)

    def test_options(self, passing):
        self.refused("`blend` is not a known option.*Did you mean 'gaussian'", passing, blend="gausian")
        self.refused("`batch_size` must be an integer of at least 1", passing, batch_size=0)
        self.refused("`tile` must be", passing, tile=0)
        self.refused("`tile` must be", passing, tile=(4, 4, 3))
        self.refused("`output` is not a known option", passing, output="logits")
        self.refused("`margin` must be None unless.*blend='crop'", passing, margin=4)
        self.refused("`margin` must be None, pixels or 'receptive_field'", passing, blend="crop", margin="field")
        self.refused("`margin` must be an integer of at least 0", passing, blend="crop", margin=-1)

    def test_a_tile_off_the_stride(self, net):
        self.refused("`tile` must have a height that suits the model's stride of 4.*62.*60 or 64", net, tile=(62, 64))
        self.refused("`tile` must have a width.*Nearest that do: 4", net, tile=(64, 3))
        valid = unet(ks.models.UNet2015)
        self.refused("`tile` must have a height that suits.*stride of 4.*60 or 64", valid, tile=61)
        self.refused("`tile` must be large enough", valid, tile=20)

    def test_a_tile_too_small_for_the_receptive_field(self, net):
        rule = "`tile` must be at least 48 pixels in height for a margin of 22 on each side"
        self.refused(rule, net, tile=32, blend="crop", margin="receptive_field")
        TiledPredictor(net, tile=48, blend="crop", margin="receptive_field")

    def test_a_receptive_field_without_end(self):
        inputs = keras.Input((None, None, 3))
        pooled = layers.GlobalAveragePooling2D(keepdims=True)(inputs)
        model = keras.Model(inputs, layers.Add()([inputs, pooled]))
        self.refused(
            "`margin` must be a number.*global pooling.*seam_report", model, blend="crop", margin="receptive_field"
        )

    @pytest.mark.parametrize("size", [(None, None, 3), (64, 64, 3)])
    @pytest.mark.parametrize(
        "layer", [layers.Conv2D(2, 3, strides=2, padding="same"), layers.UpSampling2D(2), layers.Conv2D(2, 4)]
    )
    def test_an_output_of_another_size(self, size, layer):
        inputs = keras.Input(size)
        model = keras.Model(inputs, type(layer).from_config(layer.get_config())(inputs))
        self.refused("`model` must give an output as large as its input, or smaller by the same", model, tile=64)

    def test_other_models(self, passing):
        inputs = keras.Input((64, 64, 3))
        self.refused("`model` must be a keras.Model", np.mean)
        self.refused("`model` must have one output", keras.Model(inputs, [inputs, inputs]), tile=64)
        flat = keras.Model(inputs, layers.Flatten()(inputs))
        self.refused("`model` must give .batch, height, width, classes.*convolutionalize", flat, tile=64)
        self.refused("`model` must give .batch, height, width, classes.*convolutionalize", flat, tile=32)
        self.refused("`tile` must be 64x64, the one size", keras.Model(inputs, layers.ReLU()(inputs)), tile=32)
        two = keras.Model([inputs, keras.Input((64, 64, 3))], inputs)
        self.refused("`model` must have one input", two, tile=64)

    def test_images(self, passing):
        predictor = TiledPredictor(passing, tile=16)
        for image, match in [
            (np.zeros((16, 16, 4)), r"`image` must have the 3 channels that the model takes.*image\[..., :3\]"),
            (np.zeros((16, 16, 1)), "`image` must have the 3 channels"),
            (np.zeros((16, 16)), r"`image` must have the shape .height, width, channels.*image\[..., None\]"),
            (np.zeros((1, 16, 16, 3)), "`image` must have the shape.*one image, not a batch"),
            (np.zeros((0, 16, 3)), "`image` must have at least one pixel"),
            (np.zeros((16, 0, 3)), "`image` must have at least one pixel"),
            (np.full((4, 4, 3), "a"), "`image` must hold numbers"),
            (None, "`image` must"),
            ([[1], [2, 3]], "`image` cannot be read as an array"),
        ]:
            with pytest.raises(InputError, match=match) as caught:
                predictor.predict(image)
            assert "\n" not in str(caught.value)

    def test_values_that_are_not_finite(self, passing, tmp_path):
        image = np.zeros((40, 40, 3))
        image[30, 5] = np.nan
        with pytest.raises(InputError, match=r"in rows 24 to 40 and columns 0 to 16 must be finite.*nan_to_num"):
            TiledPredictor(passing, tile=16, overlap=0).predict(image, out=tmp_path / "a.npy")
        assert not (tmp_path / "a.npy").exists()


@pytest.mark.thorough
def test_a_model_without_a_graph(net):
    """Such as a subclassed one: the stride is that of the models it holds."""

    class Wrapped(keras.Model):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def call(self, inputs):
            return self.inner(inputs)

    model = Wrapped(net)
    with pytest.raises(InputError, match="`model` must be built"):
        TiledPredictor(model, tile=32)
    image = photo(50, 40)
    model(keras.KerasTensor((2, 32, 32, 3)))  # Builds it, as a call on an image does, and computes nothing.
    predictor = TiledPredictor(model, tile=32, batch_size=2)
    assert predictor.stride == (4, 4)
    expected = TiledPredictor(net, tile=32, batch_size=2).predict(image)
    np.testing.assert_allclose(predictor.predict(image), expected, rtol=0, atol=1e-6)
    with pytest.raises(InputError, match="`margin` cannot be read from this model"):
        TiledPredictor(model, tile=32, blend="crop", margin="receptive_field")


def test_tiles_that_do_not_suit_a_model_without_a_graph():
    """Where its maps do not meet, each backend raises another error."""

    class Joined(keras.Model):
        def __init__(self):
            super().__init__()
            self.pool, self.enlarge = layers.MaxPooling2D(4), layers.UpSampling2D(4)
            self.scores = layers.Conv2D(2, 1)

        def call(self, inputs):
            return self.scores(keras.ops.concatenate([self.enlarge(self.pool(inputs)), inputs], axis=-1))

    model = Joined()
    model(np.zeros((1, 8, 8, 3), "float32"))
    for options, match in [
        ({"tile": 30, "stride": 4}, "`tile` must have a height that suits the model's stride of 4.*28 or 32"),
        ({"tile": (32, 30), "stride": 4}, "`tile` must have a width that suits the model's stride of 4.*28 or 32"),
        ({"tile": 32}, "`stride` must be the model's, and it does not take 32 and 33 pixels alike. Received: stride=1"),
    ]:
        with pytest.raises(InputError, match=match) as caught:
            TiledPredictor(model, **options)
        assert "\n" not in str(caught.value)
    geometry = TiledPredictor(model, tile=32, stride=4).geometry
    assert (geometry.tile, geometry.border, geometry.stride) == ((32, 32), (0, 0), (4, 4))


def test_a_model_that_takes_multiples_of_its_stride_alone():
    """No padding inside, so that maps meet at even sizes only, which shapes do not tell.

    With sums that are rounded, pixels of 0..255 give logits of 500, which float32 holds to 3e-5: tiles were off by up
    to 1.8e-5 on PyTorch, and how far depended on the processor.
    """
    image = keras.Input((None, None, 3))
    skip = layers.Conv2D(4, 3, padding="same")(image)
    x = layers.Conv2D(4, 3, strides=2, padding="same")(skip)
    x = layers.Concatenate()([layers.UpSampling2D()(x), skip])
    model = keras.Model(image, layers.Conv2D(2, 3, padding="same", activation="softmax")(x))
    exact(model, terms=16, scale=2.0**-12)
    scene = photo(48, 60)
    found = TiledPredictor(model, tile=32, blend="crop", margin="receptive_field").predict(scene)
    whole = model.predict_on_batch(scene[None].astype("float32"))[0]
    assert ((whole > 0.01) & (whole < 0.99)).mean() > 0.5
    np.testing.assert_allclose(found, whole, rtol=0, atol=1e-6)
    with pytest.raises(InputError, match="`tile` must have a height that suits the model's stride of 2"):
        TiledPredictor(model, tile=33)
