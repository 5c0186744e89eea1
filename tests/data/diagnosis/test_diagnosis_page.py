"""The page and the picture."""

import html.parser

import numpy as np
import pytest
from folders import fill
from PIL import Image

from keras_seg.data import diagnose

pytestmark = pytest.mark.tensorflow_only


class Read(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.images = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "img":
            self.images.append(dict(attributes))


def test_the_page_stands_alone_and_escapes_names(tmp_path):
    files = fill(tmp_path / "<b>d&")
    files[0][1].unlink()
    files[1][0].rename(files[1][0].with_name("<script>x.png"))
    diagnose(tmp_path / "<b>d&").write_html(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    page = Read()
    page.feed(text)
    assert "script" not in page.tags and "b" not in page.tags and "link" not in page.tags
    assert len(page.images) == 1 and page.images[0]["src"].startswith("data:image/png;base64,")
    assert "4 images" in page.images[0]["alt"]
    assert "prefers-color-scheme: dark" in text and "width=device-width" in text
    assert "&lt;script&gt;x.png" in text


def test_the_picture_holds_twelve_of_many(tmp_path):
    fill(tmp_path, 14)
    picture = diagnose(tmp_path).sheet()
    assert picture.height > 3 * 220 and picture.width > 4 * 220
    assert np.array(picture).std() > 10


def test_no_picture_without_masks(tmp_path):
    (tmp_path / "images").mkdir()
    Image.new("RGB", (40, 40)).save(tmp_path / "images" / "a.png")
    diagnosis = diagnose(tmp_path)
    assert diagnosis.sheet() is None
    diagnosis.write_html(tmp_path / "page.html")
    assert "<img" not in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("shape", [(40, 200), (300, 36)])
def test_wide_images_of_16_bits_are_drawn(tmp_path, shape):
    for image, _ in fill(tmp_path, size=shape):
        Image.fromarray(np.array(Image.open(image))[..., 0].astype(np.uint16)).save(image)
    assert np.array(diagnose(tmp_path).sheet()).std() > 10
