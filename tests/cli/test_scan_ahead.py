"""Scans whose files are looked at in other processes: the same index, made without Keras there."""

import dataclasses
import json
import pickle
import subprocess
import sys

import made_data
import numpy as np
import pytest
from PIL import Image

import keras_seg as ks
from keras_seg.data.index import folder_index, instance_index, multilabel_index, thread_map
from keras_seg.training.tasks import TASKS, find_task
from keras_seg_cli.scan_ahead import ScanAhead, scan_ahead
from keras_seg_cli.scan_process import Request, Share

pytestmark = pytest.mark.tensorflow_only

# A process in which any import of Keras or a backend fails.
WITHOUT_KERAS = """
import pickle, sys
for name in ("keras", "tensorflow", "jax", "torch"):
    sys.modules[name] = None
from keras_seg_cli.scan_process import send_share

class Sender:
    def send(self, found):
        sys.stdout.buffer.write(pickle.dumps(found))
    def close(self):
        pass

send_share(Sender(), pickle.loads(sys.stdin.buffer.read()), first=1, step=2)
"""


def sent(*request):
    """What the second of two processes sends."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_KERAS], input=pickle.dumps(Request(*request)), stdout=subprocess.PIPE, check=True
    )
    return pickle.loads(done.stdout)


def facts(index):
    """The fields of an index as text, which compares arrays and paths alike."""
    shown = {}
    for field in dataclasses.fields(index):
        value = getattr(index, field.name)
        if not field.name.startswith("_"):
            shown[field.name] = value.tolist() if isinstance(value, np.ndarray) else repr(value)
    return shown


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    size = {"val": 2, "image_size": (32, 40)}
    return {
        "semantic": str(made_data.shapes(tmp_path_factory, train=5, **size)),
        "boundary": str(made_data.shapes(tmp_path_factory, train=1, **size)),
        "instances": str(made_data.cells(tmp_path_factory, train=3, **size)),
        "multilabel": str(made_data.overlapping(tmp_path_factory.mktemp("data") / "classes", train=3)),
    }


@pytest.fixture
def images_unread(monkeypatch):
    """Let a scan fail that looks at images in this process."""

    def refused(path, **options):
        raise AssertionError(f"looked at {path} here")

    for module in (folder_index, instance_index, multilabel_index):
        monkeypatch.setattr(module, "image_facts", refused)


def one_object_per_file(tmp_path_factory):
    """A folder of three images with two rectangles each."""
    root = tmp_path_factory.mktemp("data") / "train"
    for number in range(3):
        files = {root / "images" / f"{number}.png": np.full((20, 24, 3), 90, "uint8")}
        for left in (2, 14):
            mask = np.zeros((20, 24), "uint8")
            mask[2 + number : 9, left : left + 7] = 255
            files[root / "masks" / str(number) / f"{left}.png"] = mask
        for file, array in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(file)
    return str(root.parent)


def test_all_tasks_are_tried(folders):
    assert set(folders) == set(TASKS)


@pytest.mark.parametrize("task", TASKS)
def test_a_process_looks_at_its_share_without_keras(folders, task):
    share = sent(folders[task], task, {"channels": 3})
    assert share.split == "train"
    index = find_task(task).scan(folders[task], split="train", channels=3)
    assert len(share.items) == len(share.results) == len(index) // 2


@pytest.mark.parametrize("task", TASKS)
def test_the_index_is_that_of_a_scan_here(folders, task, request):
    folder, scan = folders[task], find_task(task).scan
    here = scan(folder, split="train", channels=3)
    ahead = ScanAhead(folder, task, {"channels": 3, "class_names": None, "group_by": "x"})
    request.getfixturevalue("images_unread")
    index = ahead.before(scan)(folder, split="train", channels=3)
    assert facts(index) == facts(here)
    for position in range(len(here)):
        np.testing.assert_array_equal(index.read_labels(position), here.read_labels(position))


def test_maps_of_objects_are_kept(tmp_path_factory):
    folder = one_object_per_file(tmp_path_factory)
    index = ScanAhead(folder, "instances", {}).before(ks.data.scan_instances)(folder, split="train")
    for pair, counted in zip(index.pairs, index.object_counts, strict=True):
        assert counted == 2
        np.testing.assert_array_equal(index._kept.get(pair.mask), ks.data.read_instances(pair.mask))


def taken(ahead, items, split="train"):
    """What a scan of `items` takes: squares of this process, or what others found."""
    squares = lambda path, *, split: thread_map.checked_map(lambda item: item**2, items, workers=1)  # noqa: E731
    return ahead.before(squares)(ahead._request.path, split=split)


class Answer:
    """A process that has finished."""

    def __init__(self, split, items, results):
        self.share = Share(split, items, results)

    def recv(self):
        return self.share

    def close(self):
        pass


def answered(folder, *shares):
    ahead = ScanAhead(folder, "semantic", {})
    for process in ahead._processes:
        process.kill()
    ahead._receivers = [Answer(*share) for share in shares]
    return ahead


def test_shares_are_joined_in_order(folders):
    shares = ("train", [1, 4], ["a", "d"]), ("train", [2], ["b"]), ("train", [3], ["c"])
    assert taken(answered(folders["semantic"], *shares), [1, 2, 3, 4]) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    "shares",
    [
        [("val", [1, 3], "ac"), ("val", [2], "b")],  # Of another split.
        [("train", [1, 3], "ac"), ("train", [5], "b")],  # The folder has changed meanwhile.
        [("train", [1, 3], "ac")],
    ],
)
def test_other_files_are_looked_at_here(folders, shares):
    assert taken(answered(folders["semantic"], *shares), [1, 2, 3]) == [1, 4, 9]


def test_a_second_scan_looks_at_the_files_again(folders):
    ahead = answered(folders["semantic"], ("train", [1], "a"))
    assert [taken(ahead, [1]), taken(ahead, [1])] == [["a"], [1]]


def test_a_scan_with_other_arguments_is_not_answered(folders):
    ahead = answered(folders["semantic"], ("train", [1], "a"))
    scan = ahead.before(lambda path, **options: (path, options))
    assert scan("other", split="train") == ("other", {"split": "train"})
    assert scan(ahead._request.path, split="train", channels=1) == (
        ahead._request.path,
        {"split": "train", "channels": 1},
    )
    assert taken(ahead, [1]) == ["a"]


def test_a_process_that_ends_is_no_end_of_the_command(folders):
    folder = folders["semantic"]
    ahead = ScanAhead(folder, "semantic", {})
    for process in ahead._processes:
        process.kill()
        process.join()
    assert len(ahead.before(ks.data.scan_folder)(folder, split="train")) == 5


@pytest.mark.parametrize(
    ("options", "words"),
    [({"num_classes": 1}, "num_classes"), ({"components": True}, "components"), ({"channels": 7}, "channels")],
)
def test_errors_are_those_of_a_scan_here(folders, options, words):
    folder, scan = folders["semantic"], find_task("semantic").scan
    with pytest.raises(ks.InputError, match=words) as here:
        scan(folder, split="train", **options)
    with pytest.raises(ks.InputError) as error:
        ScanAhead(folder, "semantic", options).before(scan)(folder, split="train", **options)
    assert str(error.value) == str(here.value)


def test_a_broken_file_is_named_in_one_line(tmp_path, images_unread):
    path = ks.data.write_shapes(tmp_path / "shapes", train=3, val=1, image_size=32)
    broken = sorted((path / "train" / "images").iterdir())[1]
    broken.write_bytes(b"no picture")
    with pytest.raises(ks.InputError, match=broken.name):
        ScanAhead(str(path), "semantic", {}).before(ks.data.scan_folder)(str(path), split="train")


def test_an_error_that_knows_more_than_its_text(tmp_path):
    """It cannot be sent, and comes from the scan here."""
    for number, color in enumerate([(0, 0, 0), (255, 0, 0), (1, 2, 3)]):
        for kind, array in (("images", np.full((8, 9, 3), number)), ("masks", np.full((8, 9, 3), color))):
            (tmp_path / kind).mkdir(exist_ok=True)
            Image.fromarray(array.astype("uint8")).save(tmp_path / kind / f"{number}.png")
    (tmp_path / "labels.json").write_text(json.dumps({"names": ["a", "b"], "colors": [[0, 0, 0], [255, 0, 0]]}))
    with pytest.raises(ks.InputError, match=r"\(1, 2, 3\)|1, 2, 3") as here:
        ks.data.scan_folder(str(tmp_path))
    with pytest.raises(type(here.value)) as error:
        ScanAhead(str(tmp_path), "semantic", {}).before(ks.data.scan_folder)(str(tmp_path))
    assert str(error.value) == str(here.value)


def test_nothing_is_begun_where_keras_is_there_already(folders):
    assert scan_ahead(folders["semantic"], task=None, plan_file=None, options={}) is None


SCRIPT = """
print("begun")
import sys
from keras_seg_cli import main
main(["plan", sys.argv[1]])
"""


@pytest.mark.slow
def test_a_script_that_calls_the_command_runs_once(folders, tmp_path):
    """A new process would import it, and run it again."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script, folders["semantic"]], capture_output=True, text=True, check=True)
    assert done.stdout.count("begun") == 1 and "Traceback" not in done.stderr
