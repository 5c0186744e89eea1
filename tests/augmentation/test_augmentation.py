"""The whole: two paths, no new ids, reproducibility, crops, strength, serialization, bad input."""

import json

import hypothesis
import hypothesis.strategies as st
import keras
import numpy as np
import pytest
from augmenting import apply, coordinates, draws_for

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.augmentation import (
    JPEG,
    Augmentation,
    Blur,
    Brightness,
    ClassMix,
    Contrast,
    CutMix,
    Cutout,
    Elastic,
    Flip,
    Gamma,
    Hue,
    Noise,
    Perspective,
    RandomCrop,
    Rotate,
    Rotate90,
    Saturation,
    Scale,
    Shear,
    Translate,
    preset,
    standard,
)

EVERYTHING = [
    Flip("both"), Rotate90(), Elastic(2.0, probability=0.5), Shear(8), Rotate(20), Perspective(0.1), Scale(1.3),
    Translate(0.1), Contrast(), Brightness(probability=0.5), Saturation(), Hue(), Gamma(), Blur(1.0), JPEG((60, 90)),
    Cutout(), ClassMix(5), CutMix(),
]  # fmt: skip
GEOMETRY = EVERYTHING[:8]


def batch(count=3, height=20, width=26, seed=0):
    rng = np.random.default_rng(seed)
    mask = rng.choice([0, 2, 4], (count, height, width)).astype("int32")
    return {
        "image": rng.integers(0, 256, (count, height, width, 3)).astype("uint8"),
        "mask": mask,
        "weight": rng.random((count, height, width)).astype("float32"),
        "instances": (mask * 3).astype("int32"),
    }


# A point on the edge of two pixels may fall to either side: a share of 0.01. In JPEG a coefficient on the edge of two
# steps may, depending on the processor, and changes a block of 8x8 pixels: so it is compared by itself, at one block.
EDGES, BLOCK = 0.01, 8 * 8 / (3 * 16 * 18)


@pytest.mark.parametrize(("interpolation", "fill"), [("bilinear", "mean"), ("bicubic", "reflect")])
@pytest.mark.parametrize(
    ("steps", "allowed"),
    [([step for step in EVERYTHING if not isinstance(step, JPEG)], EDGES), ([JPEG(probability=1.0)], BLOCK)],
    ids=["everything", "jpeg"],
)
@pytest.mark.parametrize("path", ["keras", "numpy"])
def test_tensorflow_and_the_backend_agree(steps, allowed, interpolation, fill, path):
    """All namespaces, on the same draws: `tf.data`, NumPy and a model on any backend give the same results."""
    pytest.importorskip("tensorflow")
    crop = RandomCrop((16, 18), classes=(2, 4), probability=0.5)
    augment = Augmentation(steps, crop=crop, ignore_class=255, fill=fill, interpolation=interpolation)
    given, draws = batch(), draws_for(augment, 3)
    one, two = (apply(augment, given, draws, path=name) for name in (path, "tensorflow"))
    for key in given:
        assert one[key].dtype == two[key].dtype
        wrong = np.abs(one[key] - two[key].astype("float64")) > 0.5
        assert wrong.mean() < allowed, (key, wrong.mean())


@pytest.mark.parametrize("seed", [7, (3, 2**40)])
@pytest.mark.parametrize("steps", [[Noise(probability=1.0)], [Flip(), Rotate(20), Noise(), Hue()]], ids=str)
def test_numpy_draws_what_tensorflow_draws(steps, seed):
    """For the same seed, normal numbers included."""
    tf = pytest.importorskip("tensorflow")
    augment, given = Augmentation(steps, crop=(16, 18), ignore_class=255), batch()
    expected = augment({key: tf.constant(x) for key, x in given.items()}, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.backend, "backend", lambda: "jax")
        found = augment(given, seed=seed)
    for key in given:
        assert isinstance(found[key], np.ndarray) and found[key].dtype == expected[key].numpy().dtype
        wrong = np.abs(found[key] - expected[key].numpy().astype("float64")) > 0.05
        assert wrong.mean() < EDGES, (key, wrong.mean())


@pytest.mark.thorough
@pytest.mark.slow_off_tensorflow
@hypothesis.settings(max_examples=20, deadline=None, derandomize=True)
@hypothesis.given(
    chosen=st.sets(st.sampled_from(range(len(EVERYTHING))), max_size=7),
    crop=st.booleans(),
    ignore=st.sampled_from([None, 255, (-1, 7)]),
    seed=st.integers(0, 2**20),
)
def test_masks_hold_no_id_that_was_not_there(chosen, crop, ignore, seed):
    steps = [EVERYTHING[i] for i in sorted(chosen) if ignore is not None or not isinstance(EVERYTHING[i], Cutout)]
    augment = Augmentation(steps, crop=(12, 14) if crop else None, ignore_class=ignore)
    given = batch(seed=seed)
    result = apply(augment, given, seed=seed)
    mixes = any(isinstance(step, (CutMix, ClassMix)) for step in steps)
    for i in range(3):
        before = given["mask"] if mixes else given["mask"][i]
        assert set(np.unique(result["mask"][i])) <= set(np.unique(before)) | set(augment.ignore_class[:1])
        if not mixes:
            assert set(np.unique(result["instances"][i])) <= set(np.unique(given["instances"][i])) | {0}
            assert set(np.unique(result["weight"][i])) <= set(np.unique(given["weight"][i])) | {np.float32(0)}
    assert result["image"].min() >= 0 and result["image"].max() <= 255.001


@pytest.mark.slow_off_tensorflow
def test_image_and_labels_stay_aligned():
    """The image's third channel holds the mask; where it is flat, both must agree after any geometry."""
    blocks = np.kron(np.random.default_rng(0).integers(0, 5, (2, 5, 6)), np.ones((1, 8, 8))).astype("int32")
    given = {"image": (50.0 * blocks[..., None]).repeat(3, -1).astype("float32"), "mask": blocks}
    given |= {"weight": blocks + 1.0, "instances": blocks + 1}
    result = apply(Augmentation(GEOMETRY, crop=(24, 30), ignore_class=255, fill=0), given)
    inside = result["mask"] != 255
    flat = inside & (np.abs(result["image"][..., 0] / 50 - np.rint(result["image"][..., 0] / 50)) < 1e-3)
    assert flat.mean() > 0.3
    assert (np.rint(result["image"][..., 0] / 50)[flat] == result["mask"][flat]).mean() > 0.99
    np.testing.assert_array_equal(result["weight"][inside], result["mask"][inside] + 1)
    np.testing.assert_array_equal(result["instances"][inside], result["mask"][inside] + 1)


@pytest.mark.slow_off_tensorflow
def test_nothing_to_do_copies_exactly():
    given = batch()
    for augment in (Augmentation(), preset(0, flip=None), preset(0.0, crop=(20, 26), ignore_class=255, flip=None)):
        result = apply(augment, given)
        for key, x in given.items():
            np.testing.assert_array_equal(result[key], x)
    crop = apply(Augmentation(crop=(9, 11), ignore_class=255), coordinates(2, 20, 26))
    first = crop["mask"][:, :1, :1]
    np.testing.assert_array_equal(
        crop["mask"] - first, np.broadcast_to(np.add.outer(26 * np.arange(9), np.arange(11)), (2, 9, 11))
    )


def test_copies_of_floats_keep_their_range():
    """As enlarged ones do: raw values of a sensor, or a picture that is normalized already."""
    image, mask = np.linspace(-1, 3000, 64, dtype="float32").reshape(8, 8, 1), np.zeros((8, 8), "int32")
    for steps in ([], [Flip("horizontal")], [Rotate90()]):
        found = np.asarray(Augmentation(steps, crop=8, ignore_class=255)(image, mask, 0)[0])
        np.testing.assert_array_equal(np.sort(found, axis=None), image.ravel())


def test_a_crop_around_a_class_shows_it():
    mask = np.zeros((33, 33), "int32")
    mask[16, 16] = 1
    crop = Augmentation(crop=RandomCrop(2, classes=1, probability=1.0), ignore_class=255)
    places = [np.argwhere(crop.of_arrays(np.zeros((33, 33, 3), "uint8"), mask, seed)[1] == 1) for seed in range(200)]
    assert {len(found) for found in places} == {1}
    # Each of the four places equally often: 50 of 200, with a standard deviation of 6.
    _, counts = np.unique([tuple(found[0]) for found in places], axis=0, return_counts=True)
    assert len(counts) == 4 and counts.min() > 50 - 4 * 6.2


@pytest.mark.tensorflow_only
def test_the_mean_color_does_not_depend_on_what_a_graph_knows():
    import tensorflow as tf

    image, mask = np.zeros((256, 64, 3), "uint8"), np.zeros((256, 64), "int32")
    image[::4] = 200
    contrast = Augmentation([Contrast((-1, -1))])  # Everything becomes the mean.
    signature = [tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((None, None), tf.int32)]
    graph = tf.function(lambda image, mask: contrast(image, mask, 0), input_signature=signature)
    np.testing.assert_allclose(graph(image, mask)[0], contrast(image, mask, 0)[0], atol=1e-4)


@pytest.mark.slow_off_tensorflow
def test_same_seed_same_result_and_images_differ():
    given = batch()
    given = {key: np.stack([x[0]] * 2) for key, x in given.items()}
    augment = Augmentation([Rotate(180), Noise(5, probability=1.0)], ignore_class=255)
    first, again, other = (augment(given, seed=seed) for seed in ((1, 2), (1, 2), (1, 3)))
    first, again, other = ({k: keras.ops.convert_to_numpy(v) for k, v in r.items()} for r in (first, again, other))
    for key in given:
        np.testing.assert_array_equal(first[key], again[key])
        assert (first[key] != other[key]).mean() > 0.2
        assert (first[key][0] != first[key][1]).mean() > 0.2


@pytest.mark.slow_off_tensorflow
def test_what_is_given_comes_back():
    given = batch()
    augment = Augmentation([Flip()], crop=8)
    single = {key: x[0] for key, x in given.items()}
    assert tuple(augment(single["image"], seed=1).shape) == (8, 8, 3)
    image, weight = augment(single["image"], seed=1, weight=single["weight"])
    assert tuple(image.shape) == (8, 8, 3) and tuple(weight.shape) == (8, 8)
    assert [tuple(x.shape) for x in augment(**given, seed=1)] == [(3, 8, 8, 3), (3, 8, 8), (3, 8, 8), (3, 8, 8)]
    result = augment({"image": given["image"], "mask": given["mask"][..., None]}, seed=1)
    assert tuple(result["mask"].shape) == (3, 8, 8, 1)


@pytest.mark.slow_off_tensorflow
def test_rare_classes_are_favored():
    """A pixel of class 1 in 60x60 and one of class 2: a random crop of 20x20 shows one in about a sixth of cases."""
    mask = np.zeros((64, 60, 60), "int32")
    mask[:, 10, 45], mask[:32, 50, 8] = 1, 2
    given = {"image": np.zeros((64, 60, 60, 3), "float32"), "mask": mask}
    shares = {}
    for probability in (0.0, 0.5, 1.0):
        crop = RandomCrop(20, classes=(1, 2), probability=probability)
        result = apply(Augmentation([Flip("both"), Rotate(30), Scale(1.2)], crop=crop, ignore_class=255), given)["mask"]
        shares[probability] = np.isin(result, (1, 2)).any((1, 2)).mean()
        seen_two = (result == 2).any((1, 2))[:32].mean()
    # A pixel may vanish when an image shrinks, so not all crops that aim at it show it.
    assert shares[0.0] < 0.35 and shares[1.0] > 0.8 and shares[0.0] + 0.1 < shares[0.5] < shares[1.0]
    assert 0.2 < seen_two < 0.8  # Both classes, each about as often.


@pytest.mark.slow_off_tensorflow
def test_a_crop_that_favors_shows_nothing_outside_if_there_is_room():
    mask = np.zeros((8, 30, 30), "int32")
    mask[:, 0, 0] = 1
    given = {"image": np.zeros((8, 30, 30, 3), "float32"), "mask": mask}
    result = apply(Augmentation(crop=RandomCrop(12, classes=1, probability=1.0), ignore_class=255), given)["mask"]
    np.testing.assert_array_equal(result, mask[:, :12, :12])


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("arguments", [{}, {"classes": (1, 2)}, {"classes": 3, "probability": 0.2}])
def test_config_of_a_crop(arguments):
    crop = RandomCrop((8, 9), **arguments)
    assert RandomCrop.from_config(crop.get_config()).get_config() == crop.get_config()


@pytest.mark.tensorflow_only
def test_config_round_trip():
    augment = Augmentation(
        [*EVERYTHING, Noise(3)],
        crop=RandomCrop(8, classes=[1, 2]),
        ignore_class=(4, 255),
        fill="reflect",
        interpolation="bicubic",
    )
    config = json.loads(json.dumps(augment.get_config()))
    again = Augmentation.from_config(config)
    assert again.get_config() == config
    assert [repr(step) for step in again.transforms] == [repr(step) for step in augment.transforms]
    saved = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(augment))
    given = {key: x[:, :12, :12] for key, x in batch().items()}
    for key, x in apply(augment, given, random=np.zeros).items():
        np.testing.assert_array_equal(x, apply(saved, given, random=np.zeros)[key])


@pytest.mark.tensorflow_only
def test_the_same_transform_twice():
    quarter = Rotate((90, 90))
    given = {key: x[:, :12, :12] for key, x in coordinates(1, 20, 26).items()}
    result = apply([quarter, quarter], given)
    np.testing.assert_array_equal(result["mask"][0][1:-1, 1:-1], given["mask"][0, ::-1, ::-1][1:-1, 1:-1])


@pytest.mark.thorough
@pytest.mark.tensorflow_only
def test_graph_with_and_without_known_sizes():
    """Compiled by XLA with static sizes, plain without: the same results."""
    import tensorflow as tf

    given = batch(count=1, height=70, width=72)
    augment = Augmentation([Elastic(2.0), Rotate(20), Contrast()], crop=(64, 64), ignore_class=255)
    eager = augment(given, seed=(1, 2))
    shapes = {key: [None] * (x.ndim - 1) + [3 if key == "image" else None] for key, x in given.items()}
    dynamic = [tf.TensorSpec(shapes[key], x.dtype) for key, x in given.items()]
    for signature, stages in ((None, True), (dynamic, False)):
        graph = tf.function(
            lambda *x: augment(dict(zip(given, x, strict=True)), seed=(1, 2)), input_signature=signature
        )
        tensors = [tf.constant(x) for x in given.values()]
        text = str(graph.get_concrete_function(*tensors).graph.as_graph_def())
        assert ("_XlaMustCompile" in text) == stages
        result = graph(*tensors)
    for key, x in eager.items():
        wrong = np.abs(x.numpy() - result[key].numpy()) > 0.5
        assert wrong.mean() < 0.01, key


@pytest.mark.thorough
@pytest.mark.tensorflow_only
def test_from_folder_with_rare_classes(tmp_path):
    ks.data.write_shapes(tmp_path, train=4, val=1, image_size=(40, 48))
    augment = Augmentation(
        [Flip(), Rotate(), Blur(probability=0.5)], crop=RandomCrop(32, classes=(1, 2)), ignore_class=255
    )
    runs = [
        [
            x.numpy()
            for b in ks.data.from_folder(tmp_path, split="train", batch_size=2, augment=augment, seed=3)
            for x in b
        ]
        for _ in range(2)
    ]
    for one, two in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, two)
    assert runs[0][0].shape == (2, 32, 32, 3) and runs[0][1].shape == (2, 32, 32)


@pytest.mark.tensorflow_only
def test_strength():
    assert standard(strength="medium").get_config() == standard().get_config()
    assert standard(strength="light").scale == pytest.approx((2**-0.5, 2**0.5))
    assert standard(strength="strong", color=0.05).color == 0.05
    angles = [preset(strength).transforms[2].angle[1] for strength in ("light", "medium", "strong", 0.5)]
    assert angles == pytest.approx([10, 20, 30, 15])
    for make in (standard, preset):
        for wrong in ("huge", 1.5, None if make is preset else -1):
            with pytest.raises(InputError, match="`strength`"):
                make(strength=wrong)


@pytest.mark.tensorflow_only
def test_color_and_hue_of_a_preset():
    def names(augment):
        return [type(step).__name__ for step in augment.transforms]

    assert preset("strong", color=0.1).transforms[6].factor == (-0.1, 0.1)
    assert preset("strong", hue=0.2).transforms[9].factor == (-0.2, 0.2)
    assert names(preset(0, flip=None, color=0.1, hue=0.1)) == ["Contrast", "Brightness", "Saturation", "Hue"]
    left_out = set(names(preset())) - set(names(preset(rgb=False)))
    assert left_out == {"Saturation", "Hue", "JPEG"}
    assert set(names(preset())) - set(names(preset(color=0.0))) == {"Contrast", "Brightness", "Saturation"}


@pytest.mark.tensorflow_only
def test_a_fill_of_0_is_black():
    image = np.full((8, 8, 3), 200, "uint8")
    result, mask = Augmentation(crop=16, ignore_class=255, fill=0)(image, np.zeros((8, 8), int), 0)
    assert (keras.ops.convert_to_numpy(result)[keras.ops.convert_to_numpy(mask) == 255] == 0).all()


def test_seeds_of_numpy_are_those_of_python():
    image = np.arange(8 * 10 * 3, dtype="uint8").reshape(8, 10, 3)
    augment = Augmentation([Brightness(0.5)])
    one = keras.ops.convert_to_numpy(augment(image, seed=3))
    pair = keras.ops.convert_to_numpy(augment(image, seed=(3, 4)))
    assert not np.array_equal(one, pair)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(augment(image, seed=np.int64(3))), one)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(augment(image, seed=np.array([3, 4]))), pair)


IMAGE, MASK = np.zeros((8, 10, 3), "uint8"), np.zeros((8, 10), "int32")


def test_none_in_a_dict_is_a_map_that_is_missing():
    """As in a layer, whose results have the same keys too."""
    augment, image = Augmentation([Flip()], crop=4), np.random.default_rng(0).uniform(0, 255, (8, 10, 3))
    found = augment({"mask": None, "image": image, "weight": None}, seed=1)
    assert list(found) == ["mask", "image", "weight"] and found["mask"] is None and found["weight"] is None
    np.testing.assert_array_equal(found["image"], augment(image, seed=1))
    with pytest.raises(InputError, match=r"`image` is missing among \['mask'\]"):
        augment({"image": None, "mask": MASK}, seed=1)
    with pytest.raises(InputError, match="`mask` must be in the dict"):
        augment({"image": image}, MASK.tolist(), 1)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Augmentation(Flip()), "list of transforms"),
        (lambda: Augmentation(["flip"]), "`transforms`"),
        (lambda: Augmentation([RandomCrop(8)]), "crop=RandomCrop"),
        (lambda: Augmentation(crop=0), "`crop`"),
        (lambda: Augmentation(fill="means"), "'mean'"),
        (lambda: Augmentation(fill=256), "`fill`"),
        (lambda: Augmentation(interpolation="nearest"), "`interpolation`"),
        (lambda: Augmentation(ignore_class="void"), "`ignore_class`"),
        (lambda: RandomCrop(8, probability=0.3), "`probability` has no effect without `classes`"),
        (lambda: RandomCrop(8, classes=[]), "`classes`"),
        (lambda: RandomCrop(8, classes=[1.5]), "`classes`"),
        (lambda: Augmentation()(IMAGE, MASK), "`seed`"),
        (lambda: Augmentation()(IMAGE, MASK, "a"), "`seed`"),
        (lambda: Augmentation()(IMAGE, MASK, 1.5), "`seed`"),
        (lambda: Augmentation()(IMAGE, MASK, (1, 2, 3)), "`seed`"),
        (lambda: Augmentation()(IMAGE, MASK, (None, 1)), "`seed`"),
        (lambda: Augmentation()(IMAGE, MASK, 2**70), "`seed`"),
        (lambda: preset(color="a"), "`color`"),
        (lambda: preset(flip=False), "Pass flip=None"),
        (lambda: preset(rgb=None), "`rgb`"),
        (lambda: preset(rgb=False, hue=0.1), "`hue` has no effect"),
        (lambda: Augmentation()(IMAGE[0], seed=0), "`image`"),
        (lambda: Augmentation()(IMAGE[:0], seed=0), "must not be empty"),
        (lambda: Augmentation()(IMAGE, MASK.T, 0), "`mask` must have the size of the image"),
        (lambda: Augmentation()(IMAGE, MASK.astype("float32"), 0), "must hold integers"),
        (lambda: Augmentation()(IMAGE, MASK, 0, weight=np.ones((4, 4))), "`weight`"),
        (lambda: Augmentation()({"image": IMAGE, "masks": MASK}, seed=0), "Did you mean 'mask'?"),
        (lambda: Augmentation()({"image": IMAGE}, MASK, 0), "`mask` must be in the dict"),
        (lambda: Augmentation()({"mask": MASK}, seed=0), "`image` is missing"),
        (lambda: Augmentation(crop=9)(IMAGE, MASK, 0), "larger than the image, 8x10"),
        (lambda: Augmentation([Rotate()], fill="mean")(IMAGE, MASK, 0), "`fill`"),
        (lambda: Augmentation(crop=RandomCrop(4, classes=1))(IMAGE, seed=0), "`mask` is missing"),
    ],
)
def test_bad_input(make, said):
    with pytest.raises(InputError) as error:
        make()
    assert said in str(error.value) and "\n" not in str(error.value)
