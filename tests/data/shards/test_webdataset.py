"""Shards beside the webdataset package: each reads what the other wrote."""

import io

import numpy as np
import pytest
from first_batches import taken
from PIL import Image
from shard_cases import content_of, picture

import keras_seg as ks

wds = pytest.importorskip("webdataset")
pytestmark = [
    pytest.mark.tensorflow_only,
    # webdataset leaves its files to be closed by Python.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def test_webdataset_reads_our_shards(tmp_path):
    data = ks.data.write_shapes(tmp_path / "d", train=5, val=2, image_size=(40, 52))
    index = ks.data.write_shards(data, tmp_path / "p", shard_samples=3, progress=False)
    paths = [shard.path for shard in index.splits["train"]]
    theirs = list(wds.WebDataset(paths, shardshuffle=False).decode("l8").to_tuple("__key__", "seg.png"))
    ours = taken(ks.data.from_shards(index, batch_size=1, loader="numpy"))
    assert len(theirs) == len(ours) == 5
    for (_, mask), (_, expected) in zip(theirs, ours, strict=True):
        np.testing.assert_array_equal(np.asarray(mask), expected[0])
    images = list(wds.WebDataset(paths, shardshuffle=False).decode("rgb8").to_tuple("png"))
    for (image,), (expected, _) in zip(images, ours, strict=True):
        np.testing.assert_array_equal(image, expected[0])
    keys = [key for key, _ in theirs]
    assert keys == list(dict.fromkeys(n.split(".")[0] for path in paths for n in content_of(path)))


@pytest.mark.parametrize("suffix", ["seg.png", "mask.png", "png"])
def test_we_read_the_shards_of_webdataset(tmp_path, suffix):
    rng = np.random.default_rng(0)
    expected = []
    with wds.ShardWriter(f"{tmp_path}/a-%06d.tar", maxcount=2, verbose=0) as sink:
        for number in range(5):
            image, mask = rng.integers(0, 256, (9, 8, 3)).astype("uint8"), rng.integers(0, 4, (9, 8)).astype("uint8")
            jpeg = picture(image, "JPEG")
            sink.write({"__key__": f"folder/{number:03d}", "jpg": jpeg, suffix: picture(mask), "json": {"n": number}})
            expected.append((np.array(Image.open(io.BytesIO(jpeg))), mask))
    paths = sorted(tmp_path.glob("*.tar"))
    assert len(paths) == 3
    found = taken(ks.data.from_shards(paths, num_classes=4, batch_size=1, loader="numpy"))
    for (images, masks), (image, mask) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(images[0], image)
        np.testing.assert_array_equal(masks[0], mask)
