"""Shared by the tests of shards: data sets, archives made by hand, and what batches hold."""

import io
import tarfile

import numpy as np
from PIL import Image


def examples(batches):
    """The bytes of image and mask of every example, in order."""
    return [
        (image.tobytes(), mask.tobytes())
        for images, masks in batches
        for image, mask in zip(images, masks, strict=True)
    ]


def picture(array, format="PNG"):
    """The bytes of an image file."""
    held = io.BytesIO()
    Image.fromarray(array).save(held, format)
    return held.getvalue()


def write_tar(path, files, format=tarfile.USTAR_FORMAT):
    """An archive of (name, bytes), written by hand."""
    with tarfile.open(path, "w", format=format) as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def samples(count, classes=3, size=(12, 16)):
    """Names and bytes of some samples, as `KEY.png` and `KEY.seg.png`."""
    rng = np.random.default_rng(count)
    files = []
    for number in range(count):
        files.append((f"s{number}.png", picture(rng.integers(0, 256, (*size, 3)).astype("uint8"))))
        files.append((f"s{number}.seg.png", picture(rng.integers(0, classes, size).astype("uint8"))))
    return files


def content_of(shard):
    """The members of an archive by name."""
    with tarfile.open(shard) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}
