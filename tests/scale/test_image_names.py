"""The names of big folders: streamed, counted and checked before anything is predicted."""

import pathlib
import pickle
import tracemalloc

import pytest
from empty_files import make

from keras_seg._validation import InputError
from keras_seg.data.index import file_listing
from keras_seg.scale.image_names import ImageNames
from keras_seg.training.prediction_inputs import find_images

pytestmark = pytest.mark.tensorflow_only


def places(names):
    return sorted((pathlib.Path(image.path).name, image.folder) for image in names)


def test_the_names_are_those_of_a_single_process(tmp_path):
    make(tmp_path, "in/a.png", "in/s/b.JPG", "in/s/t/c.tif", "in/n.txt", "in/.h.png", "in/v.mp4", "in/out/masks/d.png")
    (tmp_path / "list.txt").write_text("in/a.png\nin/s/b.JPG\n")
    for given, recursive in (("in", True), ("in", False), ("in/*/*", False), ("list.txt", False), ("in/a.png", False)):
        names = ImageNames([tmp_path / given], recursive=recursive, exclude=tmp_path / "in" / "out")
        found = find_images([tmp_path / given], recursive=recursive, exclude=tmp_path / "in" / "out")
        assert places(names) == sorted((file.name, folder.as_posix()) for file, folder in found.files)
        assert names.survey().images == len(found.files)
        assert places(pickle.loads(pickle.dumps(names))) == places(names)
    survey = ImageNames([tmp_path / "in"], exclude=tmp_path / "in" / "out").survey()
    assert survey.notices == (
        f"Not predicted in {tmp_path}/in: 1 .txt, 1 hidden, 1 subfolders (add `recursive=True` to predict their "
        "images), 1 videos, which are predicted without Ray.",
    )


def test_lists_are_read_from_where_they_were_given(tmp_path, monkeypatch):
    """A worker of a cluster that runs already has another working directory."""
    make(tmp_path, "in/a.png", "in/b.png", "elsewhere/in/b.png")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "some.txt").write_text(f"in/a.png\nin/b.png\n{tmp_path}/elsewhere/in/b.png\n")
    monkeypatch.chdir(tmp_path)
    names = ImageNames(["lists/some.txt"])
    expected = [str(tmp_path / name) for name in ("in/a.png", "in/b.png", "elsewhere/in/b.png")]
    assert [image.path for image in names] == expected
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert [image.path for image in pickle.loads(pickle.dumps(names))] == expected


def test_two_images_of_one_place_are_refused(tmp_path):
    make(tmp_path, "a.png", "b.png", "b.jpg", "s/a.png")
    with pytest.raises(InputError, match=r"b\.(png|jpg): would be written to the same place as .*b\.(png|jpg)\."):
        ImageNames([tmp_path]).survey()
    make(tmp_path, "t/c.png")
    assert ImageNames([tmp_path / "t", tmp_path / "s"]).survey().images == 2
    with pytest.raises(InputError, match="would be written to the same place"):
        ImageNames([tmp_path / "s", tmp_path / "s" / "a.png"]).survey()


@pytest.mark.parametrize("inner", ["a/x.png", "a/t/x.png"])
def test_folders_of_masks_within_one_another_are_refused(tmp_path, inner):
    make(tmp_path, "in/a.png", inner := f"in/{inner}", "in/b/a.png", "in/s/t/b.png")
    names = ImageNames([tmp_path / "in"], recursive=True, folders=True)
    with pytest.raises(InputError, match=r"x.png: its masks would be written into the folder of those of .*in/a.png\."):
        names.survey()
    assert ImageNames([tmp_path / "in"], recursive=True).survey().images == 4
    (tmp_path / inner).unlink()
    assert names.survey().images == 3


def test_what_cannot_be_predicted_is_refused(tmp_path):
    make(tmp_path, "empty/n.txt", "v.mp4")
    with pytest.raises(InputError, match=r"holds no images .*It holds 1 \.txt"):
        ImageNames([tmp_path / "empty"]).survey()
    for given in (tmp_path / "out", tmp_path / "out" / "masks"):
        with pytest.raises(InputError, match="lies in the folder for the predictions"):
            ImageNames([given], exclude=tmp_path / "out")
    with pytest.raises(InputError, match="no such file or folder"):
        ImageNames([tmp_path / "nowhere"]).survey()
    for given in ("camera:0", "rtsp://host/live", tmp_path / "v.mp4"):
        with pytest.raises(InputError, match="by one process, without Ray"):
            ImageNames([given])
    with pytest.raises(InputError, match="cannot be opened|cannot be used"):
        ImageNames(["nonsense://bucket/folder"]).survey()


class Entry:
    """A file of a folder that is not on a disk, and how many of them were read."""

    read = 0

    def __init__(self, number):
        self.name = f"{number:09d}.png"

    def is_dir(self):
        return False

    def is_file(self):
        return True

    def is_symlink(self):
        return False


def test_a_hundred_thousand_names_are_not_held(tmp_path, monkeypatch):
    count, held = 100_000, []

    class Listed:
        def __enter__(self):
            def names():
                for number in range(count):
                    Entry.read = number + 1
                    yield Entry(number)
                if tracemalloc.is_tracing():
                    held.append(tracemalloc.take_snapshot())

            return names()

        def __exit__(self, *error):
            return None

    monkeypatch.setattr(file_listing.os, "scandir", lambda path: Listed())
    names = ImageNames([tmp_path])
    for taken, _ in enumerate(names, 1):
        assert Entry.read == taken  # No name is read before it is needed.
        if taken == 1000:
            break
    tracemalloc.start()
    assert names.survey().images == count
    tracemalloc.stop()
    # When all are read: 8 bytes per name, and room to grow; names that are held would take 56 and more. Only what the
    # package itself allocates: Python enlarges a table of all strings of the process at times.
    [snapshot] = held
    own = snapshot.filter_traces([tracemalloc.Filter(True, "*/keras_seg/*")]).statistics("filename")
    assert count * 8 <= sum(entry.size for entry in own) < count * 20
