"""Shards in a store: the batches of the same shards on a disk, and one line for a store that refuses."""

import numpy as np
import pytest
from stores import answering, moto_store, pointed_to

import keras_seg as ks
from keras_seg._remote_files import UnreachableError
from keras_seg._validation import InputError


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    folder = ks.data.write_shapes(tmp_path_factory.mktemp("shapes"), train=7, val=2, image_size=(40, 52))
    return ks.data.write_shards(folder, tmp_path_factory.mktemp("p") / "packed", shard_samples=3, progress=False)


def batches(path):
    return list(ks.data.from_shards(path, batch_size=2, shuffle=True, shuffle_buffer=3, loader="numpy"))


def test_shards_in_a_bucket(packed):
    with moto_store() as store:
        store.put(packed.path, "bucket/packed", recursive=True)
        for ours, theirs in zip(batches("s3://bucket/packed"), batches(packed.path), strict=True):
            for part, expected in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(part, expected)
        with pytest.raises(InputError, match=r"^s3://bucket/none: there is no dataset.json in it"):
            batches("s3://bucket/none")
        store.rm("bucket/packed/train-000001.tar")
        with pytest.raises(InputError, match=r"^s3://bucket/packed/train-000001.tar: no such file, folder or bucket"):
            batches("s3://bucket/packed")


@pytest.mark.parametrize("path", ["s3://bucket/packed", ["s3://bucket/packed/train-000000.tar"]])
def test_a_bucket_that_refuses(path):
    denied = r"s3://bucket/packed/dataset.json: access is denied \(.*Check the credentials"
    with answering(403) as address, pointed_to(address), pytest.raises(InputError, match=denied):
        batches(path)


def test_a_bucket_that_does_not_answer():
    patient = {"connect_timeout": 1, "read_timeout": 1, "retries": {"max_attempts": 0}}
    silent = "s3://bucket/packed/dataset.json: the store does not answer"
    nobody = pointed_to("http://127.0.0.1:9", config_kwargs=patient)
    with nobody, pytest.raises(UnreachableError, match=silent):
        batches("s3://bucket/packed")
