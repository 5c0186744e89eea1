"""Geometry against SciPy's resampler at points computed step by step, and against exact permutations."""

import numpy as np
import pytest
from augmenting import apply, coordinates, draws_for
from scipy import ndimage

from keras_seg._validation import InputError
from keras_seg.augmentation import (
    Augmentation,
    Elastic,
    Flip,
    Perspective,
    Rotate,
    Rotate90,
    Scale,
    Shear,
    Translate,
)

# JAX compiles each operation of each case; test_tensorflow_and_the_backend_agree runs all of them there in one piece.
pytestmark = pytest.mark.slow_off_tensorflow

HEIGHT, WIDTH = 22, 30


def scene():
    rng = np.random.default_rng(3)
    image = ndimage.gaussian_filter(rng.random((HEIGHT, WIDTH, 3)) * 255, (1, 1, 0)).astype("float32")
    return {"image": image[None], "mask": rng.integers(0, 9, (1, HEIGHT, WIDTH)).astype("int32")}


def keys(distance):
    """Keys' kernel, case by case."""
    d = abs(distance)
    if d < 1:
        return 1.5 * d**3 - 2.5 * d**2 + 1
    return -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 if d < 2 else 0.0


def displaced(x, y, u, sigma, size, grid=3):
    """One point moved by U-Net's coarse grid, with nodes on the frame's border."""
    n = 2 * grid**2
    normal = np.sqrt(-2 * np.log(1 - u[2 : 2 + n].astype("float64"))) * np.cos(2 * np.pi * u[2 + n : 2 + 2 * n])
    field = sigma * normal.reshape(2, grid, grid)
    at = [np.clip(v / side + 0.5, 0, 1) * (grid - 1) for v, side in zip((x, y), size, strict=True)]
    moved = [0.0, 0.0]
    for i in range(-1, grid + 1):
        for j in range(-1, grid + 1):
            weight = keys(at[1] - i) * keys(at[0] - j)
            for axis in range(2):
                moved[axis] += weight * field[axis, min(max(i, 0), grid - 1), min(max(j, 0), grid - 1)]
    return x + moved[0], y + moved[1]


def backwards(step, x, y, u, size):
    """The point of a step's input that a point of its result shows, in pixels from the center.

    u: its draws. size: (width, height) of the picture it works on.
    """
    if isinstance(step, Flip):
        return (-x if u[0] < 0.5 else x), y
    if isinstance(step, Rotate):
        angle = np.deg2rad(step.angle[0] + u[1] * (step.angle[1] - step.angle[0]))
        return np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    if isinstance(step, Scale):
        factor = step.factor[0] * (step.factor[1] / step.factor[0]) ** u[1]
        return x / factor, y / factor
    if isinstance(step, Shear):
        a, b = (np.tan(np.deg2rad(step.angle[0] + v * (step.angle[1] - step.angle[0]))) for v in u[1:3])
        return x + a * y, y + b * x
    if isinstance(step, Translate):
        a, b = (step.factor[0] + v * (step.factor[1] - step.factor[0]) for v in u[1:3])
        return x - np.round(a * size[0]), y - np.round(b * size[1])
    if isinstance(step, Perspective):
        a, b = (step.factor[0] + v * (step.factor[1] - step.factor[0]) for v in u[1:3])
        depth = 1 + a * x / (size[0] / 2) + b * y / (size[1] / 2)
        return x / depth, y / depth
    return displaced(x, y, u, step.sigma[0] + u[1] * (step.sigma[1] - step.sigma[0]), size)


def reference(steps, draws, order, image, mask, fill=7.0, void=255):
    """Every pixel's way back, step by step and point by point; then SciPy."""
    xs, ys = np.empty((HEIGHT, WIDTH)), np.empty((HEIGHT, WIDTH))
    parts, size, start = [], np.array([WIDTH, HEIGHT], float), 0
    for step in steps:
        u = draws[start : start + 1 + step._draws]
        parts.append((step, u, size))
        start += len(u)
        if isinstance(step, Scale):
            size = size * step.factor[0] * (step.factor[1] / step.factor[0]) ** u[1]
    # The result is the middle of the last picture, at a whole pixel of it.
    shift = np.floor((size - (WIDTH, HEIGHT)) / 2 + 1e-3) - size / 2
    for i in range(HEIGHT):
        for j in range(WIDTH):
            x, y = j + 0.5 + shift[0], i + 0.5 + shift[1]
            for step, u, its_size in reversed(parts):
                x, y = backwards(step, x, y, u, its_size)
            xs[i, j], ys[i, j] = x + WIDTH / 2, y + HEIGHT / 2
    outside = (xs < 0) | (xs >= WIDTH) | (ys < 0) | (ys >= HEIGHT)
    at = [ys - 0.5, xs - 0.5]  # SciPy's pixel centers are the integers.
    moved = np.stack([ndimage.map_coordinates(image[..., c], at, order=order, mode="nearest") for c in range(3)], -1)
    ids = mask[np.clip(np.floor(ys), 0, HEIGHT - 1).astype(int), np.clip(np.floor(xs), 0, WIDTH - 1).astype(int)]
    # Pixels whose point lies within rounding of an edge between two pixels may go either way.
    sure = (np.abs(xs - np.round(xs)) > 1e-3) & (np.abs(ys - np.round(ys)) > 1e-3)
    return np.where(outside[..., None], fill, moved), np.where(outside, void, ids), sure


CASES = {
    "rotate": [Rotate(40)],
    "scale": [Scale((0.6, 1.7))],
    "shear": [Shear(25)],
    "perspective": [Perspective(0.3)],
    "elastic": [Elastic(3.0)],
    "all": [Flip(), Elastic((1, 4)), Shear(10), Rotate(25), Perspective(0.2), Scale((0.8, 1.3)), Translate(0.1)],
    "elastic last": [Rotate(25), Scale(1.2), Elastic(2.0)],
}


@pytest.mark.parametrize("name", CASES)
def test_one_field_equals_scipy_at_points_followed_step_by_step(name):
    steps, batch = CASES[name], scene()
    augment = Augmentation(steps, ignore_class=255, fill=7.0)
    for seed in (1, 2):
        draws = draws_for(augment, 1, seed)
        result = apply(augment, batch, draws)
        image, ids, sure = reference(steps, draws[0], 1, batch["image"][0], batch["mask"][0])
        assert sure.mean() > 0.95
        np.testing.assert_allclose(result["image"][0][sure], image[sure], atol=0.1)
        np.testing.assert_array_equal(result["mask"][0][sure], ids[sure])


def test_bicubic_is_keys_convolution_and_exact_on_parabolas():
    """Keys' kernel with a = -0.5 reproduces polynomials of degree two, which the bilinear one does not."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    parabola = (0.2 * columns**2 + 0.1 * rows**2).astype("float32")[None, ..., None]
    augment = Augmentation([Scale((1.3, 1.3)), Rotate((10, 10))], interpolation="bicubic", ignore_class=255)
    angle, factor = np.deg2rad(10), 1.3
    shift = np.floor((factor - 1) * np.array([WIDTH, HEIGHT]) / 2 + 1e-3) - factor * np.array([WIDTH, HEIGHT]) / 2
    x, y = columns + 0.5 + shift[0], rows + 0.5 + shift[1]
    x, y = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    x, y = x / factor + WIDTH / 2 - 0.5, y / factor + HEIGHT / 2 - 0.5
    inside = (x > 1) & (x < WIDTH - 2) & (y > 1) & (y < HEIGHT - 2)
    assert inside.sum() > 200
    result = apply(augment, {"image": parabola})["image"][0, ..., 0]
    np.testing.assert_allclose(result[inside], (0.2 * x**2 + 0.1 * y**2)[inside], atol=2e-2)


def test_flips_quarters_and_shifts_are_exact_permutations():
    batch = coordinates(1, 12, 12)
    never, always = 0.99, 0.0
    expected = {
        "left and right": (Flip(), [always, 0], lambda x: x[:, ::-1]),
        "up and down": (Flip("vertical"), [0, always], lambda x: x[::-1]),
        "both": (Flip("both"), [always, always], lambda x: x[::-1, ::-1]),
        "neither": (Flip("both"), [never, never], lambda x: x),
        # Clockwise, which is NumPy's negative direction.
        "90": (Rotate90(), [0, 0.3], lambda x: np.rot90(x, -1)),
        "180": (Rotate90(), [0, 0.6], lambda x: np.rot90(x, -2)),
        "270": (Rotate90(), [0, 0.9], lambda x: np.rot90(x, -3)),
        "0": (Rotate90(), [0, 0.1], lambda x: x),
    }
    for step, draws, permute in expected.values():
        result = apply([step], batch, [draws])
        for key, x in batch.items():
            np.testing.assert_array_equal(result[key][0], permute(x[0]), err_msg=repr(step))


def test_quarter_of_an_image_that_is_not_square():
    """9x12 turned is 12x9: a crop of that size shows all, and without one the middle is shown."""
    batch = coordinates(1, 9, 12)
    turned = np.rot90(batch["mask"][0], -1)
    whole = apply(Augmentation([Rotate90()], crop=(12, 9), ignore_class=255), batch, [[0, 0.3, 0, 0.5, 0.5, 0, 0]])
    np.testing.assert_array_equal(whole["mask"][0], turned)
    middle = apply([Rotate90()], batch, [[0, 0.3]])["mask"][0]
    assert middle.shape == (9, 12)
    # floor((12 - 9) / 2) = 1 row is cut above; floor((9 - 12) / 2) = -2 columns are void on the left.
    np.testing.assert_array_equal(middle[:, 2:11], turned[1:10])
    assert (middle[:, :2] == 255).all() and (middle[:, 11:] == 255).all()


def test_shift_fills_what_leaves_the_frame():
    batch = coordinates(1, 10, 20)
    # factor -0.3..0.3; draws 1 and 0.5 give +0.3 of 20 columns and no rows.
    result = apply(Augmentation([Translate(0.3)], ignore_class=(9999, 7777), fill=3), batch, [[0, 1.0, 0.5]])
    for key, void in (("image", 3.0), ("mask", 7777), ("weight", 0.0), ("instances", 0)):
        assert (result[key][0][:, :6] == void).all()
        np.testing.assert_array_equal(result[key][0][:, 6:], batch[key][0][:, :14])


@pytest.mark.parametrize(("fill", "mode"), [("reflect", "symmetric"), ("border", "edge"), (None, "symmetric")])
def test_without_ignore_class_masks_show_what_the_image_shows(fill, mode):
    batch = coordinates(1, 10, 12)
    result = apply(Augmentation([Translate((0.5, 0.5))], fill=fill), batch)
    for key, x in batch.items():
        padded = np.pad(x[0], [(5, 0), (6, 0)] + [(0, 0)] * (x.ndim - 3), mode=mode)[:10, :12]
        np.testing.assert_array_equal(result[key][0], padded)


def test_mean_fill_is_the_mean_color():
    batch = coordinates(2, 10, 20)
    batch["image"][1] *= 0.5
    result = apply(Augmentation([Translate((0.5, 0.5))], ignore_class=255), batch)
    for i in range(2):
        np.testing.assert_allclose(result["image"][i][0, 0], batch["image"][i].mean((0, 1)), rtol=1e-4)


def test_probability_decides_image_by_image():
    batch = coordinates(3, 10, 10)
    for step in (
        Rotate((90, 90), probability=0.5),
        Translate((0.2, 0.2), probability=0.5),
        Shear((20, 20), probability=0.5),
        Elastic(5, grid=3, probability=0.5),
    ):
        draws = np.full((3, 1 + step._draws), 0.4, "float32")
        draws[1, 0] = 0.6
        result = apply([step], batch, draws)["mask"]
        np.testing.assert_array_equal(result[1], batch["mask"][1])
        assert (result[0] != batch["mask"][0]).mean() > 0.2
        np.testing.assert_array_equal(result[0], result[2])


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Elastic(sigma=-1), "`sigma`"),
        (lambda: Elastic(grid=1), "`grid`"),
        (lambda: Flip("sideways"), "`direction`"),
        (lambda: Flip(probability=1.5), "`probability`"),
        (lambda: Rotate(angle=(20, 10)), "(smallest, largest)"),
        (lambda: Rotate("ten"), "`angle`"),
        (lambda: Rotate90(probability=-0.1), "`probability`"),
        (lambda: Scale(0), "`factor`"),
        (lambda: Scale(cover_crop=1), "`cover_crop`"),
        (lambda: Shear(45), "`angle`"),
        (lambda: Translate(1.5), "`factor`"),
        (lambda: Perspective(0.5), "`factor`"),
    ],
)
def test_bad_arguments(make, said):
    with pytest.raises(InputError) as error:
        make()
    assert said in str(error.value) and "\n" not in str(error.value)
