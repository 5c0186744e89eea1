"""Which files are predicted, and where the predictions go."""

import pytest

from keras_seg._validation import InputError
from keras_seg.training.prediction_files import find_images, prediction_files

pytestmark = pytest.mark.tensorflow_only


def make(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


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


def test_a_file_named_twice_is_predicted_once(tmp_path):
    make(tmp_path, "a.png", "b.png")
    assert taken(find_images([tmp_path / "b.png", tmp_path])) == ["b.png", "a.png"]


def test_brackets_are_letters(tmp_path):
    make(tmp_path, "in[exp]/a[1].png")
    assert taken(find_images([tmp_path / "in[exp]"])) == ["a[1].png"]


def test_the_same_place_is_refused_before_anything_is_written(tmp_path):
    make(tmp_path, "a.jpg", "a.png")
    with pytest.raises(InputError, match="would be written to the same place"):
        prediction_files(find_images([tmp_path]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


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
