import numpy as np
import pytest
from PIL import Image

from keras_seg._validation import InputError
from keras_seg.data import image_size, read_image, read_mask

# NumPy, Pillow and tf.data only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only


@pytest.fixture
def rgb():
    return np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype("uint8")


def one_line(error):
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("extension", ["png", "bmp", "tif", "webp"])
def test_lossless_formats(tmp_path, rgb, extension):
    path = tmp_path / f"a.{extension}"
    Image.fromarray(rgb).save(path, **({"lossless": True} if extension == "webp" else {}))
    image = read_image(path)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, rgb)


def test_jpeg(tmp_path):
    smooth = np.zeros((16, 16, 3), "uint8") + np.array([200, 40, 90], "uint8")
    Image.fromarray(smooth).save(tmp_path / "a.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - smooth).max() <= 3


# (height, width) stays for the first four, is exchanged for the others; and what undoes it in NumPy.
ORIENTATIONS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("extension", ["jpg", "png", "tif"])
def test_exif_orientation(tmp_path, rgb, orientation, extension):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{extension}"
    big = np.kron(rgb, np.ones((16, 16, 1), "uint8"))  # Blocks of 16 survive JPEG nearly unharmed.
    Image.fromarray(big).save(path, exif=exif, **({"quality": 100, "subsampling": 0} if extension == "jpg" else {}))
    expected = ORIENTATIONS[orientation](big)
    image = read_image(path)
    assert image.shape == expected.shape
    assert image_size(path) == expected.shape[:2]
    assert np.abs(image.astype(int) - expected).mean() < 1.5


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_sixteen_bits_are_scaled(tmp_path, extension):
    values = np.array([[0, 257, 65535], [1, 32768, 514]], "uint16")
    Image.fromarray(values).save(tmp_path / f"a.{extension}")
    image = read_image(tmp_path / f"a.{extension}")
    assert image.dtype == np.float32 and image.shape == (2, 3, 3)
    np.testing.assert_allclose(image[..., 1], values / 257.0, rtol=1e-6)
    assert read_image(tmp_path / f"a.{extension}", channels=1).shape == (2, 3, 1)


def test_cmyk_jpeg(tmp_path):
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # No cyan, all magenta and yellow: red.
    cmyk.save(tmp_path / "a.jpg", quality=95)
    image = read_image(tmp_path / "a.jpg")
    assert image.shape == (16, 16, 3)
    assert np.abs(image[8, 8].astype(int) - [255, 0, 0]).max() <= 6


def test_transparency_is_laid_over_white(tmp_path):
    rgba = np.zeros((1, 3, 4), "uint8")
    rgba[0, :, 3] = (255, 0, 51)  # Black: opaque, clear, a fifth.
    Image.fromarray(rgba).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png")[0, :, 0].tolist() == [0, 255, 204]
    assert read_image(tmp_path / "a.png", channels=4).tolist() == rgba.tolist()
    la = np.zeros((1, 2, 2), "uint8")
    la[0, :, 1] = (255, 0)
    Image.fromarray(la).save(tmp_path / "la.png")
    assert read_image(tmp_path / "la.png")[0, :, 2].tolist() == [0, 255]


def palette_image(ids):
    image = Image.fromarray(np.asarray(ids, "uint8")).convert("P")
    image.putpalette([component for n in range(256) for component in ((n * 37) % 256, (n * 91) % 256, 255 - n)])
    return image


def test_palette_image_gives_colors_and_palette_mask_gives_ids(tmp_path):
    ids = [[1, 2], [15, 20]]
    palette_image(ids).save(tmp_path / "a.png")
    assert read_mask(tmp_path / "a.png").tolist() == ids
    assert read_image(tmp_path / "a.png")[0, 1].tolist() == [74, 182, 253]  # 2 * 37, 2 * 91, 255 - 2


def test_palette_mask_with_transparency_gives_ids(tmp_path):
    palette_image([[0, 3]]).save(tmp_path / "a.png", transparency=0)
    assert read_mask(tmp_path / "a.png").tolist() == [[0, 3]]


def test_gray_and_one_bit(tmp_path):
    Image.fromarray(np.array([[0, 7]], "uint8")).save(tmp_path / "l.png")
    assert read_image(tmp_path / "l.png").tolist() == [[[0, 0, 0], [7, 7, 7]]]
    assert read_image(tmp_path / "l.png", channels=1).tolist() == [[[0], [7]]]
    Image.fromarray(np.array([[False, True]])).save(tmp_path / "one.png")
    assert read_image(tmp_path / "one.png")[0, :, 0].tolist() == [0, 255]
    assert read_mask(tmp_path / "one.png").tolist() == [[0, 1]]


@pytest.mark.parametrize("extension", ["png", "tif"])
def test_sixteen_bit_mask(tmp_path, extension):
    Image.fromarray(np.array([[3, 1000]], "uint16")).save(tmp_path / f"m.{extension}")
    assert read_mask(tmp_path / f"m.{extension}").tolist() == [[3, 1000]]


def test_gray_rgb_mask(tmp_path):
    Image.fromarray(np.array([[[4, 4, 4], [0, 0, 0]]], "uint8")).save(tmp_path / "m.png")
    assert read_mask(tmp_path / "m.png").tolist() == [[4, 0]]


def test_color_masks(tmp_path):
    path = tmp_path / "m.png"
    Image.fromarray(np.array([[[255, 0, 0], [0, 0, 255], [255, 0, 0]]], "uint8")).save(path)
    with pytest.raises(InputError) as error:
        read_mask(path)
    assert str(path) in one_line(error) and "colors={" in one_line(error)
    assert read_mask(path, colors={(255, 0, 0): 3, (0, 0, 255): -1}).tolist() == [[3, -1, 3]]
    with pytest.raises(InputError) as error:
        read_mask(path, colors={(255, 0, 0): 3})
    assert str(path) in one_line(error) and "(0, 0, 255)" in one_line(error)


@pytest.mark.parametrize("reader", [read_image, read_mask])
@pytest.mark.parametrize("extension", ["jpg", "png", "tif", "webp", "bmp"])
def test_truncated(tmp_path, rgb, reader, extension):
    whole, path = tmp_path / f"whole.{extension}", tmp_path / f"cut.{extension}"
    Image.fromarray(np.kron(rgb, np.ones((20, 20, 1), "uint8"))).save(whole)
    data = whole.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError) as error:
        reader(path)
    text = one_line(error)
    assert str(path) in text and "cannot be read" in text and "Replace it" in text


@pytest.mark.parametrize("reader", [read_image, read_mask, image_size])
def test_not_an_image(tmp_path, reader):
    path = tmp_path / "a.png"
    for content in (b"", b"<html>404</html>"):
        path.write_bytes(content)
        with pytest.raises(InputError) as error:
            reader(path)
        assert str(path) in one_line(error) and "not an image" in one_line(error)
    with pytest.raises(InputError, match="there is no such file"):
        reader(tmp_path / "gone.png")


def test_a_float_tiff_is_an_image_and_no_mask(tmp_path):
    Image.fromarray(np.full((2, 2), 7.25, "float32")).save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif").tolist() == [[[7.25] * 3] * 2] * 2
    with pytest.raises(InputError, match="holds no ids"):
        read_mask(tmp_path / "a.tif")


def test_four_channels_must_be_there(tmp_path, rgb):
    Image.fromarray(rgb).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png: has 3 channels"):
        read_image(tmp_path / "a.png", channels=4)
    with pytest.raises(InputError, match="channels"):
        read_image(tmp_path / "a.png", channels=2)
