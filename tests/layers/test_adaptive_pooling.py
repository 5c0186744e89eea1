"""AdaptiveAveragePooling2D and ResizeLike: against torch, by hand, and as layers."""

import keras
import numpy as np
import pytest
from keras import ops
from layer_harness import check_layer

from keras_seg import _validation
from keras_seg.layers import AdaptiveAveragePooling2D, Resize2D, ResizeLike


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def run(layer, inputs):
    return np.asarray(ops.convert_to_numpy(layer(inputs)))


def test_regions_by_hand():
    """7 pixels in 3 regions: floor(7i/3) to ceil(7(i+1)/3) is 0-3, 2-5, 4-7."""
    x = np.arange(7, dtype="float32").reshape(1, 1, 7, 1)
    np.testing.assert_allclose(run(AdaptiveAveragePooling2D((1, 3)), x).ravel(), [1, 3, 5], rtol=1e-6)


@pytest.mark.parametrize("size", [(8, 6), (7, 13), (2, 1)])
@pytest.mark.parametrize("regions", [1, 2, 3, 6, (4, 5)])
def test_against_torch(size, regions):
    torch = pytest.importorskip("torch")
    x = noise(2, *size, 3)
    reference = torch.nn.AdaptiveAvgPool2d(regions)(torch.tensor(x.transpose(0, 3, 1, 2))).numpy()
    np.testing.assert_allclose(
        run(AdaptiveAveragePooling2D(regions), x), reference.transpose(0, 2, 3, 1), rtol=1e-5, atol=1e-6
    )


def test_resize_like_is_resize2d_at_whole_factors():
    x, like = noise(2, 3, 5, 4), noise(2, 9, 15, 1)
    np.testing.assert_allclose(run(ResizeLike(), [x, like]), run(Resize2D(3), x), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(run(ResizeLike("nearest"), [x, like]), run(Resize2D(3, interpolation="nearest"), x))


@pytest.mark.parametrize("size", [(1, 1), (7, 8), (2, 4), (1, 9)])
def test_aligned_corners_against_torch(size, tmp_path):
    torch = pytest.importorskip("torch")
    x = noise(2, 3, 5, 4)
    reference = torch.nn.functional.interpolate(
        torch.tensor(x.transpose(0, 3, 1, 2)), size=size, mode="bilinear", align_corners=True
    )
    found = check_layer(ResizeLike(align_corners=True), [x, noise(2, *size, 1)], tmp_path)
    np.testing.assert_allclose(found, reference.numpy().transpose(0, 2, 3, 1), rtol=1e-5, atol=1e-5)


def test_aligned_corners_at_a_whole_factor(tmp_path):
    x, like = noise(2, 3, 5, 4), noise(2, 6, 10, 1)
    expected = run(ResizeLike(align_corners=True), [x, like])
    np.testing.assert_allclose(
        check_layer(Resize2D(2, align_corners=True), x, tmp_path), expected, rtol=1e-5, atol=1e-5
    )


@pytest.mark.tensorflow_only
def test_what_aligned_corners_read():
    """4 units to 7: every second place is one of them, and the others lie between two."""
    (reach,) = Resize2D(2, align_corners=True).receptive_reach(0, 0, size=2, output_size=4, scale=None)
    assert reach.phases == ((0, 0), (0, 1), (0, 1), (1, 1)) and reach.advance == 2
    layer = ResizeLike(align_corners=True)
    (reach,) = layer.receptive_reach(0, 0, size=4, output_size=7, scale=None)
    assert reach.phases == ((0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3)) and reach.advance == 4
    assert layer.receptive_reach(0, 0, size=None, output_size=None, scale=None) == "everything"
    assert layer.receptive_reach(1, 0, size=4, output_size=7, scale=None) is None


@pytest.mark.parametrize("factor", [2, 3])
def test_bicubic_resize_like_is_resize2d_at_whole_factors(factor):
    x, like = noise(2, 3, 5, 4), noise(2, 3 * factor, 5 * factor, 1)
    expected = run(Resize2D(factor, interpolation="bicubic"), x)
    np.testing.assert_allclose(run(ResizeLike("bicubic"), [x, like]), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("factor", [2, 3])
def test_bicubic_resize_like_is_resize2d_at_unknown_sizes(factor):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow has graphs of unknown size")
    import tensorflow as tf

    layer, unknown = ResizeLike("bicubic"), [tf.TensorSpec((None, None, None, channels)) for channels in (4, 1)]
    resize = tf.function(lambda x, like: layer([x, like]), input_signature=unknown)
    x, like = noise(2, 3, 5, 4), noise(2, 3 * factor, 5 * factor, 1)
    expected = run(Resize2D(factor, interpolation="bicubic"), x)
    np.testing.assert_allclose(resize(x, like).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_the_harness_on_pooling(tmp_path):
    check_layer(AdaptiveAveragePooling2D((3, 2)), noise(2, 7, 5, 3), tmp_path)


def test_the_harness_on_resizing(tmp_path):
    check_layer(ResizeLike(), [noise(2, 3, 5, 4), noise(2, 7, 8, 1)], tmp_path)


def test_bad_arguments():
    with pytest.raises(_validation.InputError, match="`output_size` must be"):
        AdaptiveAveragePooling2D(0)
    with pytest.raises(_validation.InputError, match="`interpolation` is not a known option"):
        ResizeLike("cubic")
    with pytest.raises(_validation.InputError, match="`align_corners` must be False unless"):
        ResizeLike("nearest", align_corners=True)
    with pytest.raises(_validation.InputError, match="`align_corners` must be False unless"):
        Resize2D(interpolation="bicubic", align_corners=True)
    with pytest.raises(_validation.InputError, match=r"`inputs` must be the list \[map, like\]"):
        ResizeLike().build((1, 2, 3, 4, 5))
