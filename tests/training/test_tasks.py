"""What the tasks find out about data, and what plans make of it."""

import dataclasses
import json
import types

import keras
import numpy as np
import pytest
from made_data import overlapping, untrained
from PIL import Image

import keras_seg as ks
from keras_seg import _validation
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.evaluation.batching import LabeledImages
from keras_seg.training import Plan, RunFolder, fingerprint, make_plan
from keras_seg.training.benchmark_run import benchmark_run
from keras_seg.training.hosts.group import Group
from keras_seg.training.tasks import TASKS, find_task
from keras_seg.training.trained_run import TrainedRun

pytestmark = pytest.mark.tensorflow_only


def folder_of(path, *maps):
    for number, ids in enumerate(maps):
        for kind, array in (("images", np.zeros((*ids.shape, 3), "uint8")), ("masks", ids.astype("uint16"))):
            (path / kind).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path / kind / f"{number}.png")
    return path


def squares(gap, side=10, size=48):
    """Squares of which each has a number, `gap` pixels apart."""
    ids, number = np.zeros((size, size), int), 0
    for row in range(0, size - side, side + gap):
        for column in range(0, size - side, side + gap):
            number += 1
            ids[row : row + side, column : column + side] = number
    return ids


@pytest.mark.parametrize(("gap", "outlines"), [(0, False), (6, True)])
def test_borders_are_seams_where_objects_touch_and_rims_where_they_do_not(tmp_path, gap, outlines):
    index = find_task("instances").scan(folder_of(tmp_path, squares(gap)), channels=3)
    facts = fingerprint(index, index, task="instances")
    targets = ks.data.instance_targets(index.read_labels(0), outlines=outlines)
    shares = np.bincount(targets.classes.ravel(), minlength=3) / targets.classes.size
    np.testing.assert_allclose(list(facts["class_share"].values()), np.maximum(shares, 0), atol=1e-3)
    plan = make_plan(facts)
    assert plan.task == "instances"
    assert plan["outlines"] is outlines
    assert plan["border_width"] == 2
    assert max(plan["class_weights"]) < 10
    assert plan.fingerprint["ignore_class"] == [-1]


@pytest.mark.parametrize(("task", "bands"), [("semantic", 3), ("semantic", 5), ("instances", 3)])
def test_a_cache_is_planned_with_the_bytes_that_it_takes(tmp_path, task, bands):
    """Bands of 16 bits are kept as float32, and object numbers as int32. The image counts as one of 100 megapixels."""
    folder = folder_of(tmp_path, squares(6))
    if bands == 5:
        (folder / "images" / "0.png").unlink()
        np.save(folder / "images" / "0.npy", np.full((48, 48, 5), 30_000, "uint16"))
    index = find_task(task).scan(folder, channels=bands)
    of_pixel = sum(array.nbytes for array in DecodedStore(index).get(0)) / 48**2
    assert of_pixel == {("semantic", 3): 3 + 1, ("semantic", 5): 5 * 4 + 1, ("instances", 3): 3 + 4}[task, bands]
    large = dataclasses.replace(index, sizes=((1024, 100 * 1024),))
    facts = fingerprint(large, large, task=task)
    assert facts["decoded_megabytes"] == 100 * of_pixel
    plans = [make_plan({**facts, "memory_megabytes": 400 * of_pixel + more}) for more in (-1, 1)]
    assert [plan["cache"] for plan in plans] == [False, True]


@pytest.mark.parametrize("task", ["instances", "boundary"])
def test_images_without_objects_do_not_hide_the_others(tmp_path, task):
    """One of 70 images holds objects, and is not among 32 that are evenly spread."""
    one = find_task(task).scan(folder_of(tmp_path, squares(6), np.zeros((48, 48), int)), channels=3)
    many = one.subset([1] * 5 + [0] + [1] * 64)
    assert one.pairs[0] not in many.sample(32).pairs
    ids = one.read_labels(0)
    if task == "instances":
        classes = ks.data.instance_targets(ids, outlines=True).classes
    else:
        classes = ks.data.boundary_targets(ids, width=2)
    counts = np.bincount(classes.ravel())
    alone = find_task(task).class_statistics(one.subset([0]))["class_share"]
    np.testing.assert_allclose(list(alone.values()), counts / counts.sum(), rtol=1e-9)
    counts[0] += 69 * 48 * 48
    shares = find_task(task).class_statistics(many)["class_share"]
    np.testing.assert_allclose(list(shares.values()), counts / counts.sum(), rtol=1e-9)


@pytest.mark.parametrize(
    ("places", "taken", "even"),
    [
        (range(0, 40, 2), 8, True),
        (range(0, 40, 13), 4, True),
        ([], 0, True),
        ([3, 4, 6, 8, 9], 4, False),
        ([3], 1, False),
    ],
)
def test_thresholds_are_chosen_on_images_with_objects(tmp_path, monkeypatch, places, taken, even):
    """Of 16 of 40 images at least 4, or all there are; evenly spread ones are 0, 2, 5, 7, 10, 13, ... 26, ... 39."""
    folder = folder_of(tmp_path, squares(6), np.zeros((48, 48), int))
    for task, name in (("instances", "tune_instances"), ("boundary", "evaluate_boundaries")):
        two, seen = find_task(task).scan(folder, channels=3), []
        index = two.subset([int(number not in places) for number in range(40)])
        found = types.SimpleNamespace(settings={}, best_threshold=0.5)
        monkeypatch.setattr(
            ks.evaluation, name, lambda model, data, seen=seen, found=found, **_: seen.append(data) or found
        )
        find_task(task).tune(None, index)
        assert len(seen[0]) == 16 and seen[0].pairs.count(two.pairs[0]) == taken
        assert (seen[0].pairs == index.sample(16).pairs) is even


def test_a_border_task_decides_more_finely_and_on_smaller_crops(tmp_path):
    mask = np.zeros((600, 600), int)
    mask[:, 300:] = 1
    index = ks.data.scan_folder(folder_of(tmp_path, mask))
    semantic, boundary = (make_plan(fingerprint(index, index, task=task)) for task in ("semantic", "boundary"))
    assert boundary["crop"] == [256, 256] and semantic["crop"] == [512, 512]
    if semantic["backbone"] == "Compact":
        assert (semantic["decoder_stride"], boundary["decoder_stride"]) == (4, 2)
    assert boundary.fingerprint["class_names"] == ["inside", "boundary"]
    # Two columns on either side of one edge in 600.
    assert boundary.fingerprint["class_share"]["boundary"] == pytest.approx(4 / 600)
    assert "border_width" not in semantic.choices


def test_plans_remember_their_task_and_old_ones_are_semantic(tmp_path):
    index = ks.data.scan_folder(folder_of(tmp_path, squares(0) % 2))
    facts = fingerprint(index, index, task="boundary")
    plan = make_plan(facts)
    assert Plan.from_dict(plan.to_dict()).task == "boundary"
    assert Plan({}, {}).task == "semantic"
    with pytest.raises(_validation.InputError, match="`task` must be that of the facts, 'boundary'"):
        make_plan(facts, task="instances")
    with pytest.raises(_validation.InputError, match="`task` is not a known option"):
        fingerprint(index, index, task="boundaries")


def test_a_new_run_leaves_nothing_of_an_old_ones_decoding(tmp_path):
    run = RunFolder(tmp_path / "run")
    run._create(Plan({}, {}), {})
    assert run.load_decoding() == {}
    run.decoding_file.write_text('{"threshold": 0.4}')
    assert run.load_decoding() == {"threshold": 0.4}
    run._create(Plan({}, {}), {})
    assert run.load_decoding() == {}


@pytest.mark.parametrize("name", ["semantic", "boundary"])
def test_a_run_reads_other_folders_by_its_label_map(name, tmp_path):
    kept = folder_of(tmp_path / "kept", squares(0) % 3 + 1)
    task = find_task(name)
    index = task.scan(kept, label_map={1: 2, 2: 1, 3: 0}, channels=3)
    schema = json.loads(json.dumps(task.label_schema(index)))
    other = task.rescan(folder_of(tmp_path / "other", squares(0) % 2 + 1), schema, channels=3)
    assert other.num_classes == 3
    np.testing.assert_array_equal(other.read_labels(0), 2 - squares(0) % 2)


@pytest.mark.parametrize("name", TASKS)
def test_labels_say_how_to_read_again(name, tmp_path):
    ids = squares(0)
    if name == "multilabel":
        path = overlapping(tmp_path, train=2, val=0, split=False)
    else:
        path = folder_of(tmp_path, ids if name == "instances" else ids % 3)
    task = find_task(name)
    index = task.scan(path, channels=3)
    again = task.rescan(path, task.label_schema(index), channels=3)
    assert again._cache_key == index._cache_key
    np.testing.assert_array_equal(again.read_labels(0), index.read_labels(0))
    assert task.splits(path) == ()


def test_an_ignored_class_has_no_score(tmp_path):
    """The IoU of class 1 is 1, that of class 2 is 1/2; class 0 is ignored, and predicted in place of class 2."""
    truth, ids = np.array([[0, 1, 1, 2, 2]] * 8), np.array([[1, 1, 1, 2, 0]] * 8)
    pixels = (3 * np.eye(3)[ids]).astype("uint8")
    folder_of(tmp_path, truth, truth)
    for number in range(2):
        Image.fromarray(pixels).save(tmp_path / "images" / f"{number}.png")
    index = ks.data.scan_folder(tmp_path, num_classes=3, ignore_class=0)
    image = keras.Input((None, None, 3))
    model, task = keras.Model(image, keras.layers.Softmax()(image)), find_task("semantic")
    # The first of two processes, each of which has one of the two images.
    first_of_two = types.SimpleNamespace(count=2, process=0, gathered=lambda confusion: [confusion, confusion])
    for group in (Group(), first_of_two):
        assert task.shared_scores(model, index, group)["mean_iou"] == 0.75
    without_pixels = types.SimpleNamespace(count=2, process=0, gathered=lambda confusion: [0 * confusion])
    assert task.shared_scores(model, index, without_pixels) == {"mean_iou": None, "pixel_accuracy": None}
    table = task.table(task.evaluate(model, index))
    assert [row[1] for row in table.details] == ["ignored", "100.0", "50.0"]
    assert table.score[1] == "75.0"
    names = index.class_names
    drawn = ks.visualization.prediction_panel([pixels], [truth], [ids], ignore_class=0, class_names=names)
    assert task.panel(model, index, [0], {}) == drawn


def test_a_group_without_a_predicted_image_does_not_count(tmp_path):
    """The 401st of 501 images is the only one of its group, and 200 are predicted to choose a postprocessing."""
    index = ks.data.scan_folder(folder_of(tmp_path, *[squares(0) % 3] * 6))
    many = index.subset(np.repeat(np.arange(6), [100, 100, 100, 100, 1, 100]))
    many = dataclasses.replace(many, group_by="^.")
    assert {pair.image.stem for pair in many.sample(200).pairs} == set("01235")
    image = keras.Input((None, None, 3))
    model = keras.Model(image, keras.layers.Conv2D(3, 1, activation="softmax")(image))
    assert find_task("semantic").tune(model, many) == {}  # Five groups are too few.


def test_the_first_process_evaluates_edges(tmp_path):
    index = ks.data.scan_folder(folder_of(tmp_path, squares(0) % 3, squares(2) % 3))
    image, task = keras.Input((None, None, 3)), find_task("boundary")
    model = keras.Model(image, keras.layers.Conv2D(2, 1, kernel_initializer="zeros", activation="softmax")(image))
    model.set_weights([model.get_weights()[0], np.array([0.0, 5.0])])  # Edges everywhere.
    first_of_two = types.SimpleNamespace(count=2, process=0, first=True, gathered=lambda values: [values, values])
    expected = task.quick_scores(model, index)
    found = task.shared_scores(model, index, first_of_two)
    assert found == {name: expected[name] for name in ("boundary_f_score", "precision")}


def test_processes_share_that_there_is_no_score():
    """As `quick_scores` has it where no pixel has a class and none is predicted."""
    task, undefined = find_task("multilabel"), {"mean_iou": None, "mean_dice": None}
    first_of_two = types.SimpleNamespace(count=2, process=0, first=True, gathered=lambda values: [values, values])
    group_of_one = types.SimpleNamespace(count=1, process=0, first=True)
    image = keras.Input((8, 8, 3))
    never = keras.layers.Conv2D(2, 1, kernel_initializer="zeros", activation="sigmoid")
    model = keras.Model(image, never(image))
    never.set_weights([never.get_weights()[0], np.full(2, -5.0)])
    index = LabeledImages(
        batches=lambda: iter([(range(2), np.zeros((2, 8, 8, 3), "float32"), np.zeros((2, 8, 8), "int32"))]),
        count=2,
        ignore_class=(),
        class_names=("bar", "box"),
    )
    for group in (group_of_one, first_of_two):
        found = task.shared_scores(model, index, group)
        assert {name: found[name] for name in undefined} == undefined


def test_images_to_calibrate_on_are_checked_for_their_scale(tmp_path):
    """Ranges that are measured on another scale than that of training would ruin a quantized file."""
    folder, task = ks.data.write_shapes(tmp_path / "data", train=3, val=1, image_size=(32, 40)), find_task("semantic")
    train = task.scan(folder, split="train")
    run = untrained(tmp_path / "run", train, task.scan_like(folder, train, split="val"))
    labels, notice = run.load_labels(), "Images hold values from 0 to 255, but the training images held values "
    for known, found in ((labels["image_range"], False), ([0, 40], True)):
        run.labels_file.write_text(json.dumps({**labels, "image_range": known}))
        images, notices = TrainedRun(run).representative_images(folder, 100)
        assert len(list(images)) == 3
        assert any(text.startswith(notice) for text in notices) == found
    run.labels_file.write_text(json.dumps({**labels, "image_range": [0, 1]}))
    with pytest.raises(_validation.InputError, match="The images hold values from 0 to 255, but .*values up to 1"):
        TrainedRun(run).representative_images(folder, 100)


def test_exports_of_overlapping_classes_are_scored_as_their_run(tmp_path, monkeypatch):
    folder, task = overlapping(tmp_path / "data"), find_task("multilabel")
    train = task.scan(folder, split="train")
    validation = task.scan_like(folder, train, split="val")
    run = TrainedRun(untrained(tmp_path / "run", train, validation, task="multilabel"))

    def scored(model, path, *, images, masks, score, **options):
        """In place of `export.benchmark`: the score of the model itself, which takes images one by one."""
        return score(
            model, [(image[None].astype("float32"), mask[None]) for image, mask in zip(images, masks, strict=True)]
        )

    monkeypatch.setattr(ks.export, "benchmark", scored)
    assert benchmark_run(run) == pytest.approx(json.loads(run.folder.metrics_file.read_text())["mean_iou"])
