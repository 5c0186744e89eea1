"""Processes that differ in versions, data or plan are found at the start."""

import concurrent.futures
import threading

import made_data
import numpy as np
import pytest

import keras_seg as ks
from keras_seg.training.hosts.agreement import check_agreement, index_digest, run_facts
from keras_seg.training.hosts.group import Group

pytestmark = pytest.mark.tensorflow_only


class Meeting:
    """Where threads that stand for processes exchange arrays."""

    def __init__(self, count):
        self.barrier, self.brought = threading.Barrier(count, timeout=30), {}

    def exchange(self, process, values):
        self.brought[process] = values
        self.barrier.wait()
        found = [self.brought[number] for number in sorted(self.brought)]
        self.barrier.wait()
        assert len({(value.shape, value.dtype) for value in found}) == 1, "the arrays must have one shape"
        return found


class Member(Group):
    """One of these processes."""

    def __init__(self, meeting, process, count):
        super().__init__(process, count, count)
        object.__setattr__(self, "meeting", meeting)

    def gathered(self, values):
        return self.meeting.exchange(self.process, values)


def errors(*facts):
    """What each process is told."""
    meeting = Meeting(len(facts))

    def one(process):
        try:
            check_agreement(Member(meeting, process, len(facts)), facts[process])
        except ks.InputError as error:
            return str(error)
        return None

    with concurrent.futures.ThreadPoolExecutor(len(facts)) as pool:
        return list(pool.map(one, range(len(facts))))


def test_equal_facts_agree():
    assert errors(*[{"the version": "1", "plan": "a" * 500}] * 3) == [None] * 3


def test_each_process_is_told_what_differs_and_where():
    same = {"the version": "1.0", "`batch_size` of the plan": "8"}
    texts = errors(same, same, {**same, "`batch_size` of the plan": "16"})
    assert len(set(texts)) == 1
    assert "`batch_size` of the plan: process 0 has 8, and process 2 has 16" in texts[0]


def test_a_difference_after_the_shown_part_is_found():
    assert None not in errors({"plan": "a" * 400 + "b"}, {"plan": "a" * 400 + "c"})


def test_other_facts_are_a_difference_too():
    texts = errors({"a": "1"}, {"a": "1", "b": "2"})
    assert "names of the facts" in texts[0]


@pytest.fixture(scope="module")
def indices(tmp_path_factory):
    folder = made_data.shapes(tmp_path_factory, train=6, val=2, image_size=(32, 40))
    return folder, ks.data.scan_folder(folder, split="train"), ks.data.scan_folder(folder, split="val")


def test_the_hash_does_not_depend_on_the_place(indices, tmp_path):
    import shutil

    shutil.copytree(indices[0], tmp_path / "copy")
    assert index_digest(ks.data.scan_folder(tmp_path / "copy", split="train")) == index_digest(indices[1])


@pytest.mark.parametrize("change", ["pixels", "labels", "name", "one fewer"])
def test_the_hash_sees_changes(indices, tmp_path, change):
    import shutil

    from PIL import Image

    folder = shutil.copytree(indices[0], tmp_path / "copy")
    images = sorted((folder / "train" / "images").iterdir())
    masks = sorted((folder / "train" / "masks").iterdir())
    if change == "pixels":
        array = np.array(Image.open(images[0]))
        array[3, 4] ^= 1
        Image.fromarray(array).save(images[0])
    elif change == "labels":
        array = np.array(Image.open(masks[0]))
        array[3, 4] = (array[3, 4] + 1) % 3
        Image.fromarray(array).save(masks[0])
    elif change == "name":
        images[0].rename(images[0].with_stem("renamed"))
        masks[0].rename(masks[0].with_stem("renamed"))
    else:
        images[-1].unlink()
        masks[-1].unlink()
    assert index_digest(ks.data.scan_folder(folder, split="train")) != index_digest(indices[1])


def test_plans_are_compared_by_choices_not_by_machine(indices):
    _, train, validation = indices
    facts = ks.training.fingerprint(train, validation)
    plan = ks.training.make_plan(facts, batch_size=4)
    other = ks.training.make_plan(
        {**facts, "cores": 3, "memory_megabytes": facts["memory_megabytes"] + 1}, batch_size=4
    )
    assert run_facts(plan, train, validation, epoch=None) == run_facts(other, train, validation, epoch=None)
    larger = ks.training.make_plan(facts, batch_size=8)
    assert run_facts(plan, train, validation, epoch=None) != run_facts(larger, train, validation, epoch=None)
    assert run_facts(plan, train, validation, epoch=None) != run_facts(plan, train, validation, epoch=3)
