"""Which files are predicted, and where the predictions go."""

import pytest
from empty_files import make

from keras_seg._validation import InputError
from keras_seg.training.prediction_files import prediction_files
from keras_seg.training.prediction_inputs import find_images
from keras_seg.training.prediction_videos import prediction_videos

pytestmark = pytest.mark.tensorflow_only


def taken(found):
    return [path.name for path, _ in found.files]


def test_every_format_is_taken_and_the_rest_is_named(tmp_path):
    make(tmp_path, "a.JPG", "b.gif", "c.ppm", "d.npy", "e.jp2", "n.txt", "p.heic", ".h.png", ".DS_Store", "sub/x.png")
    (tmp_path / "f.zarr").mkdir()
    found = find_images([tmp_path])
    assert taken(found) == ["a.JPG", "b.gif", "c.ppm", "d.npy", "e.jp2", "f.zarr"]
    assert found.notices == (
        f"Not predicted in {tmp_path}: 1 .heic, 1 .txt, 1 hidden, 1 image in subfolders (sub/; add `recursive=True` "
        "to predict them).",
    )


def test_subfolders_keep_their_tree(tmp_path):
    make(tmp_path, "in/a.png", "in/s/a.png", "in/s/t/b.png", "in/s/n.txt")
    found = find_images([tmp_path / "in"], recursive=True)
    files = prediction_files(found, tmp_path / "out")
    assert sorted(str(file.mask.relative_to(tmp_path / "out")) for file in files) == [
        "masks/a.png",
        "masks/s/a.png",
        "masks/s/t/b.png",
    ]
    assert found.notices == (f"Not predicted in {tmp_path / 'in'}: 1 .txt.",)


def test_predictions_among_the_images_are_left_out(tmp_path):
    make(tmp_path, "a.png", "out/masks/a.png")
    assert taken(find_images([tmp_path], recursive=True, exclude=tmp_path / "out")) == ["a.png"]


@pytest.mark.parametrize("out", [".", "in", "link"])
@pytest.mark.parametrize("given", ["in", "in/", "in/*.png", "in/*/*.png", "link"])
def test_folders_in_that_of_the_predictions(tmp_path, monkeypatch, out, given):
    make(tmp_path, "in/a.png", "in/s/b.png")
    (tmp_path / "link").symlink_to("in")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"lies in the folder for the predictions. Choose another folder for them.$"):
        find_images([given], exclude=out, recursive=True)
    # A file that is named is meant, and other folders may lie beside that of the predictions.
    assert taken(find_images(["in/a.png"], exclude=out)) == ["a.png"]
    assert taken(find_images([given], exclude="in/out", recursive=True))


def test_a_file_named_twice_is_predicted_once(tmp_path):
    make(tmp_path, "a.png", "b.png")
    assert taken(find_images([tmp_path / "b.png", tmp_path])) == ["b.png", "a.png"]
    (tmp_path / "link").symlink_to(tmp_path)
    assert taken(find_images([tmp_path / "link" / "a.png", tmp_path / "b.png", tmp_path / "link", tmp_path])) == [
        "a.png",
        "b.png",
    ]


def test_two_links_to_one_file_are_two_images(tmp_path):
    """Caches of data sets keep equal images once, and link to them under each of their names."""
    make(tmp_path, "cache/1f3a", "cache/77c0")
    for name, target in (("a.png", "1f3a"), ("b.png", "1f3a"), ("c.mp4", "77c0"), ("d.mp4", "77c0")):
        link = tmp_path / "in" / name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(tmp_path / "cache" / target)
    found = find_images([tmp_path / "in" / "b.png", tmp_path / "in", tmp_path / "in" / ".." / "in" / "*"])
    assert taken(found) == ["b.png", "a.png"]
    assert [path.name for path, _ in found.videos] == ["c.mp4", "d.mp4"]


def test_brackets_are_letters(tmp_path):
    make(tmp_path, "in[exp]/a[1].png")
    assert taken(find_images([tmp_path / "in[exp]"])) == ["a[1].png"]


def test_the_same_place_is_refused_before_anything_is_written(tmp_path):
    make(tmp_path, "a.jpg", "a.png")
    with pytest.raises(InputError, match="would be written to the same place"):
        prediction_files(find_images([tmp_path]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("inner", ["in/a/x.png", "in/a/t/x.png"])
def test_folders_of_masks_within_one_another_are_refused(tmp_path, inner):
    """Such a folder would be taken for finished masks, or replaced with all that is in it."""
    make(tmp_path, "in/a.png", inner, "in/b/a.png")
    found = find_images([tmp_path / "in"], recursive=True)
    with pytest.raises(InputError, match=r"x.png: its masks would be written into the folder of those of .*in/a.png\."):
        prediction_files(found, tmp_path / "out", folders=True)
    assert len(prediction_files(found, tmp_path / "out")) == 3


@pytest.mark.parametrize(
    ("names", "said"),
    [([], "It is empty"), (["n.txt"], "It holds 1 .txt"), (["s/a.png"], "1 image in subfolders")],
)
def test_folders_without_images(tmp_path, names, said):
    make(tmp_path, *names)
    with pytest.raises(InputError, match=said) as error:
        find_images([tmp_path])
    assert "\n" not in str(error.value)


def test_finished_predictions(tmp_path):
    make(tmp_path, "in/a.png", "out/masks/a.png")
    found = find_images([tmp_path / "in"])
    with pytest.raises(InputError, match=r"exists already.*`resume=True`"):
        prediction_files(found, tmp_path / "out")
    assert len(prediction_files(found, tmp_path / "out", resume=True)) == 1
    with pytest.raises(InputError, match="overwritten by its own prediction"):
        prediction_files(find_images([tmp_path / "out" / "masks"]), tmp_path / "out", overwrite=True)


def places(found):
    return [(path.name, folder.as_posix()) for path, folder in found.files]


def test_patterns_keep_the_tree_below_their_first_wildcard(tmp_path):
    make(tmp_path, "scans/a/left/1.png", "scans/b/left/1.png", "scans/b/right/2.png", "scans/b/left/n.txt", "out/3.png")
    found = find_images([tmp_path / "scans" / "*" / "left" / "*"])
    assert places(found) == [("1.png", "a/left"), ("1.png", "b/left")]
    assert found.notices == (f"Not predicted of {tmp_path}/scans/*/left/*: 1 .txt.",)
    assert taken(find_images([tmp_path / "**" / "*.png"], exclude=tmp_path / "out")) == ["1.png", "1.png", "2.png"]
    with pytest.raises(InputError, match=r"matches no images .*It matches 1 .txt"):
        find_images([tmp_path / "scans" / "b" / "left" / "*.txt"])
    with pytest.raises(InputError, match="no such file or folder"):
        find_images([tmp_path / "nowhere"])


def test_lists_name_files_relative_to_themselves_or_to_the_working_directory(tmp_path, monkeypatch):
    make(tmp_path, "in/a.png", "in/s/b.png", "c.png", "work/in/d.png", "work/in/a.png")
    (tmp_path / "list.txt").write_text("# left\nin/a.png\n\nin/s/b.png\n")
    assert places(find_images([tmp_path / "list.txt"])) == [("a.png", "."), ("b.png", "s")]
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "list.txt").write_text(f"in/d.png\n{tmp_path}/c.png")
    assert places(find_images([tmp_path / "list.txt"])) == [("d.png", "work/in"), ("c.png", ".")]
    for text, words in (
        ("c.png\nin/gone.png", "list.txt, line 2: in/gone.png: no such file"),
        ("in/a.png", "these are two files"),
        ("in/s", "line 1: in/s: is a folder"),
        ("# nothing", "names no files"),
    ):
        (tmp_path / "list.txt").write_text(text)
        with pytest.raises(InputError, match=words):
            find_images([tmp_path / "list.txt"])


def test_videos_and_streams(tmp_path):
    make(tmp_path, "in/a.MP4", "in/a.png", "in/b.mov")
    given = [tmp_path / "in" / "a.MP4", tmp_path / "in" / "a.png", "camera:0", "rtsp://host/live", "camera:0"]
    found = find_images(given)
    assert taken(found) == ["a.png"]
    videos = prediction_videos(found, tmp_path / "out")
    assert [video.overlay.relative_to(tmp_path / "out").as_posix() for video in videos] == [
        "videos/a.mp4", "videos/camera-0.mp4", "videos/rtsp-host-live.mp4",
    ]  # fmt: skip
    assert [video.live for video in videos] == [False, True, True]
    make(tmp_path, "in/a.avi", "out/videos/a.mp4")
    with pytest.raises(InputError, match="would be written to the same place"):
        prediction_videos(find_images([tmp_path / "in" / "a.*"]), tmp_path / "out", resume=True)
    with pytest.raises(InputError, match="exists already"):
        prediction_videos(found, tmp_path / "out")
