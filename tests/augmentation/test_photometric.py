"""Colors against colorsys, NumPy, SciPy and Pillow."""

import colorsys
import io

import keras
import numpy as np
import pytest
from augmenting import apply
from PIL import Image
from scipy import ndimage

from keras_seg._validation import InputError
from keras_seg.augmentation import JPEG, Augmentation, Blur, Brightness, Contrast, Gamma, Hue, Noise, Rotate, Saturation
from keras_seg.augmentation.keras_ops import ops_of_keras
from keras_seg.augmentation.numpy_ops import ops_on_numpy

# JAX compiles each operation of each case; test_tensorflow_and_the_backend_agree runs all of them there in one piece.
pytestmark = pytest.mark.slow_off_tensorflow

SHAPE = (2, 24, 30, 3)


def images(low=60, high=180):
    rng = np.random.default_rng(5)
    smooth = ndimage.gaussian_filter(rng.random(SHAPE), (0, 2, 2, 0))
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    return (low + (high - low) * smooth).astype("float32")


def change(steps, x, draws=None, **arguments):
    return apply(Augmentation(steps), {"image": x}, draws, **arguments)["image"]


def test_brightness_and_contrast_are_factors():
    x = images()
    # Draws of 1 give the largest change, +0.2, and of 0 the smallest.
    np.testing.assert_allclose(change([Brightness(0.2)], x, [[0, 1], [0, 0]]), x * [[[[1.2]]], [[[0.8]]]], rtol=1e-5)
    mean = x.mean((1, 2), keepdims=True)
    expected = mean + (x - mean) * [[[[1.5]]], [[[0.5]]]]
    np.testing.assert_allclose(change([Contrast(0.5)], x, [[0, 1], [0, 0]]), np.clip(expected, 0, 255), rtol=1e-4)


@pytest.mark.parametrize("path", ["keras", "numpy"])
@pytest.mark.parametrize(("low", "high"), [(-2, 3), (0, 4000)])
def test_colors_of_floats_keep_the_range_of_their_image(low, high, path):
    """Standardized images lost all that is below 0, reflectances all above 255."""
    x = images(low, high)
    least, most = np.minimum(x.min((1, 2, 3), keepdims=True), 0), np.maximum(x.max((1, 2, 3), keepdims=True), 255)
    found = change([Brightness(0.2)], x, [[0, 1], [0, 0]], path=path)
    np.testing.assert_allclose(found, np.clip(x * [[[[1.2]]], [[[0.8]]]], least, most), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "augment",
    [Augmentation([Blur((2, 2), probability=1.0)]), Augmentation([Rotate((10, 10))], interpolation="bicubic")],
    ids=["blur", "bicubic"],
)
def test_means_of_floats_keep_the_range_of_their_image(augment):
    """The weights of the pixels add up to 1: of another scale of the values, they are the same scale of the means."""
    x = images(60, 180)
    scaled = (x - 120) / 30
    expected = (apply(augment, {"image": x})["image"] - 120) / 30
    expected = np.clip(expected, scaled.min((1, 2, 3), keepdims=True), 255)
    np.testing.assert_allclose(apply(augment, {"image": scaled})["image"], expected, atol=1e-3)


def test_saturation_leaves_luma_and_ends_at_gray():
    x = images()
    luma = np.array([0.299, 0.587, 0.114])
    more = change([Saturation((0.3, 0.3))], x)
    np.testing.assert_allclose(more @ luma, x @ luma, rtol=1e-4)
    np.testing.assert_allclose(more - (x @ luma)[..., None], 1.3 * (x - (x @ luma)[..., None]), atol=1e-2)
    gray = change([Saturation((-1, -1))], x)
    np.testing.assert_allclose(gray, (x @ luma)[..., None].repeat(3, -1), rtol=1e-4)


def test_hue_turns_as_colorsys_at_thirds_and_close_to_it_between():
    x = images()[:1, ::4, ::4]
    for turn, tolerance in ((1 / 3, 1e-4), (-1 / 3, 1e-4), (0.1, 0.03)):
        turned = change([Hue((turn, turn))], x)
        assert turned.min() > 0 and turned.max() < 255  # Not clipped, or nothing below would hold.
        for before, after in zip(x.reshape(-1, 3) / 255, turned.reshape(-1, 3) / 255, strict=True):
            difference = colorsys.rgb_to_hsv(*after)[0] - colorsys.rgb_to_hsv(*before)[0] - turn
            assert abs((difference + 0.5) % 1.0 - 0.5) < tolerance
        np.testing.assert_allclose(turned.sum(-1), x.sum(-1), rtol=1e-4)


def test_linear_steps_composed_equal_them_one_after_the_other():
    steps = [Contrast(0.3), Brightness(0.2), Saturation(0.3), Hue(0.1)]
    draws = np.random.default_rng(0).random((2, 8)).astype("float32")
    x = images(100, 150)  # No value is clipped on the way.
    one_by_one = x
    for i, step in enumerate(steps):
        one_by_one = change([step], one_by_one, draws[:, 2 * i : 2 * i + 2])
    np.testing.assert_allclose(change(steps, x, draws), one_by_one, atol=1e-2)


def test_gamma_is_a_power():
    x = images(0, 255)
    expected = 255 * (x / 255.0) ** np.array([0.5, 2.0])[:, None, None, None]
    np.testing.assert_allclose(change([Gamma(2)], x, [[0, 0], [0, 1]]), expected, atol=2e-2)


@pytest.mark.parametrize("sigma", [0.7, 2.0])
def test_blur_is_scipys(sigma):
    x = images()
    result = change([Blur((sigma, sigma), probability=1.0)], x)
    # SciPy's "reflect" repeats the border pixel, as ours does; its kernel is cut at three sigma too.
    radius = int(np.ceil(3 * sigma))
    expected = ndimage.gaussian_filter(
        x.astype("float64"), (0, sigma, sigma, 0), mode="reflect", radius=(0, radius, radius, 0)
    )
    np.testing.assert_allclose(result, expected, atol=1e-2)


def test_blur_wider_than_the_image():
    x = images()[:, :3, :4]
    result = change([Blur((3.0, 3.0), probability=1.0)], x)
    np.testing.assert_allclose(result.mean((1, 2)), x.mean((1, 2)), rtol=1e-3)  # Mirrored: nothing is lost.
    assert result.std() < x.std()


def test_noise_has_its_deviation_and_no_bias():
    x = np.full((2, 64, 64, 3), 128.0, "float32")
    generator = keras.random.SeedGenerator(0)
    noisy = change(
        [Noise((3, 12), probability=1.0)],
        x,
        [[0, 0], [0, 1]],
        random=lambda shape: keras.random.normal(shape, seed=generator),
    )
    for i, sigma in enumerate((3, 12)):
        assert abs((noisy[i] - 128).std() / sigma - 1) < 0.05  # 12,288 numbers: a standard error of 0.6 %.
        assert abs(noisy[i].mean() - 128) < 0.1 * sigma
    assert abs(np.corrcoef(noisy[0].ravel(), noisy[1].ravel())[0, 1]) < 0.05


@pytest.mark.parametrize("quality", [10, 50, 90])
def test_jpeg_loses_what_pillow_loses(quality):
    rng = np.random.default_rng(0)
    x = np.clip(images(0, 255) + rng.normal(0, 12, SHAPE), 0, 255).round().astype("float32")[:, :20, :27]
    ours = change([JPEG(quality, probability=1.0)], x)
    for picture, mine in zip(x.astype("uint8"), ours, strict=True):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=0)
        theirs = np.asarray(Image.open(file)).astype(float)
        loss = np.abs(theirs - picture).mean()
        # libjpeg rounds colors to whole levels in between, so a coefficient near a half may round the other way.
        assert np.abs(mine - theirs).mean() < 0.15 * loss + 0.5
        assert 0.9 < np.abs(mine - picture).mean() / loss < 1.1


def test_gray_and_other_channels():
    for channels in (1, 2, 5):
        x = images()[..., :1].repeat(channels, -1)
        steps = [Brightness(0.1), Contrast(0.1), Gamma(1.2), Blur(1.0, probability=1.0)]
        assert change(steps, x).shape == x.shape
    assert change([JPEG(50, probability=1.0)], images()[..., :1]).shape == (*SHAPE[:3], 1)


def test_probability_decides_image_by_image():
    x = images()
    linear = (
        Brightness((0.2, 0.2), probability=0.5),
        Contrast((0.5, 0.5), probability=0.5),
        Saturation((-1, -1), probability=0.5),
        Hue((0.3, 0.3), probability=0.5),
    )
    for step in (*linear, Gamma((2, 2), probability=0.5), Blur((2, 2), probability=0.5), JPEG(10, probability=0.5)):
        result = change([step], x, [[0.6, 0.5], [0.4, 0.5]])
        np.testing.assert_allclose(result[0], x[0], atol=1e-3)
        assert np.abs(result[1] - x[1]).max() > 1, step


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Brightness(-0.1), "`factor`"),
        (lambda: Contrast((0.2, 0.1)), "(smallest, largest)"),
        (lambda: Saturation(2), "`factor`"),
        (lambda: Hue(0.6), "`factor`"),
        (lambda: Gamma(0), "`gamma`"),
        (lambda: Blur(-1), "`sigma`"),
        (lambda: Noise(sigma=-2), "`sigma`"),
        (lambda: Noise(sigma=float("nan")), "`sigma`"),
        (lambda: JPEG(0), "`quality`"),
        (lambda: JPEG(50, probability=2), "`probability`"),
        (lambda: Augmentation([Hue()])(np.zeros((4, 4, 1)), seed=0), "three channels (RGB) for Hue"),
        (lambda: Augmentation([Saturation()])(np.zeros((4, 4, 4)), seed=0), "for Saturation"),
        (lambda: Augmentation([JPEG()])(np.zeros((4, 4, 2)), seed=0), "for JPEG"),
    ],
)
def test_bad_arguments(make, said):
    with pytest.raises(InputError) as error:
        make()
    assert said in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("matrices", [1, 2])
def test_colors_times_matrices_in_both_namespaces(matrices):
    """In NumPy no product is so large that BLAS divides it among threads: rows of the image are multiplied."""
    rng = np.random.default_rng(0)
    image, matrix = (rng.random(shape, "float32") for shape in (SHAPE, (matrices, 3, 3)))
    expected = np.einsum("bhwi,bij->bhwj", image, np.repeat(matrix, 2 // matrices, axis=0))
    for ops in (ops_on_numpy(), ops_of_keras()):
        found = keras.ops.convert_to_numpy(ops.colors_times(image, matrix))
        np.testing.assert_allclose(found.reshape(SHAPE), expected, rtol=1e-5)
        one = keras.ops.convert_to_numpy(ops.colors_times(image[:1], matrix[:1]))
        np.testing.assert_allclose(one.reshape(SHAPE[1:]), expected[0], rtol=1e-5)
