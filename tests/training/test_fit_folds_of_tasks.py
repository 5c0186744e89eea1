"""Folds of every task from Python: the score recomputed from the models of the folds, and their ensemble."""

import shutil

import keras
import made_data
import numpy as np
import pytest
from PIL import Image

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.data import split_folds
from keras_seg.inference import Ensemble
from keras_seg.training import RunFolder, fingerprint, fit_folds, make_plan
from keras_seg.training.fold_runs import FoldRuns
from keras_seg.training.tasks import find_task
from keras_seg.training.trained_run import TrainedRun

pytestmark = [
    pytest.mark.tensorflow_only,
    pytest.mark.filterwarnings("ignore:.*run_functions_eagerly:UserWarning"),
]
skimage = pytest.importorskip(
    "skimage.morphology", reason='scikit-image is missing: pip install "keras-seg[instances]"'
)

SIZE = (40, 48)
CHOICES = {"epochs": 1, "steps_per_epoch": 2, "batch_size": 2, "crop": (32, 32), "decoder_stride": 8}
# The task and the choices of each case.
CASES = {
    "multilabel": {"task": "multilabel"},
    "instances": {"task": "instances"},
    "boundary": {"task": "boundary"},
    "binary": {"binary": True},
}


@pytest.fixture(scope="module", autouse=True)
def untraced():
    """A few steps cost less untraced."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def folder_of(case, path):
    """Six images to divide, and two to test on."""
    if case == "instances":
        return ks.data.write_cells(path, train=6, val=2, image_size=SIZE)
    if case == "boundary":
        return ks.data.write_shapes(path, train=6, val=2, image_size=SIZE)
    made_data.overlapping(path, train=6, val=2, size=SIZE)
    if case == "binary":
        for split in ("train", "val"):
            masks, kept = path / split / "masks", path / split / "kept"
            (masks / "box").rename(kept)
            shutil.rmtree(masks)
            kept.rename(masks)
    return path


def scanned(case, path):
    kind = find_task(CASES[case].get("task", "semantic"))
    index = kind.scan(folder_of(case, path), split="train", channels=3)
    return index, kind.scan_like(path, index, split="val")


def predictions(models, parts):
    """(labels, scores) of each image, by the model that was not trained on it."""
    for model, part in zip(models, parts, strict=True):
        for position, pair in enumerate(part.pairs):
            image = ks.data.read_image(pair.image).astype("float32")
            yield part.read_labels(position), np.asarray(model.predict_on_batch(image[None]))[0]


def instance_score(found, settings):
    return np.mean([ks.metrics.instance_score(ids, ks.inference.instances(p, **settings)) for ids, p in found])


def boundary_f_score(found, settings):
    """Of lines that lie within a pixel of each other: the tolerance of so small images."""
    counts = np.zeros(4)
    for mask, probabilities in found:
        threshold = settings.get("threshold", 0.5)
        lines = np.argwhere(skimage.skeletonize(probabilities[..., 1] > threshold))
        edges = np.argwhere(skimage.skeletonize(ks.data.boundary_targets(mask, width=1) == 1))
        distance = np.linalg.norm(lines[:, None] - edges[None], axis=-1)
        near = [int((distance.min(axis, initial=9) <= 1).sum()) for axis in (1, 0)]
        counts += (len(lines), near[0], len(edges), near[1])
    lines, right, edges, hit = counts
    precision, recall = right / lines if lines else 1.0, hit / edges if edges else 1.0
    return 2 * precision * recall / max(precision + recall, 1e-12)


def multilabel_iou(found, settings):
    return iou([((bits[..., None] >> np.arange(2)) % 2 == 1, scores > 0.5) for bits, scores in found])


def binary_iou(found, settings):
    chosen = settings.get("postprocessing", {}).get("chosen", {})
    clean, classes = ks.inference.Postprocessing.from_dict(chosen), np.arange(2)
    return iou(
        [(mask[..., None] == classes, clean((p[..., 0] > 0.5).astype(int))[..., None] == classes) for mask, p in found]
    )


def iou(pairs):
    """The mean over the classes of pairs of bool arrays (height, width, classes)."""
    both = sum((true & found).sum(axis=(0, 1)) for true, found in pairs)
    either = sum((true | found).sum(axis=(0, 1)) for true, found in pairs)
    return np.mean(both[either > 0] / either[either > 0])


SCORES = {
    "multilabel": ("mean_iou", "Mean IoU", multilabel_iou),
    "instances": ("instance_score", "Instance score", instance_score),
    "boundary": ("boundary_f_score", "Boundary F score", boundary_f_score),
    "binary": ("mean_iou", "Mean IoU", binary_iou),
}


@pytest.mark.parametrize(
    "case", [next(iter(CASES)), *(pytest.param(case, marks=pytest.mark.slow) for case in [*CASES][1:])]
)
def test_scores_and_ensemble(tmp_path, case):
    index, test = scanned(case, tmp_path / "data")
    result = fit_folds(index, run=tmp_path / "run", test=test, folds=2, choices={**CHOICES, **CASES[case]})
    run, (key, label, score_of) = RunFolder(tmp_path / "run"), SCORES[case]
    metrics, settings = run.load_metrics(), run.load_decoding()
    # Out of fold: each model on the images that it was not trained on, in the division that anyone can make again.
    parts = [validation for _, validation in split_folds(index, folds=2)]
    models = [run.fold(number).load_model() for number in (1, 2)]
    assert metrics[key] == result.score == pytest.approx(score_of(predictions(models, parts), settings))
    low, high = metrics[f"{key}_interval"]
    assert low <= metrics[key] <= high and metrics["images"] == 6
    for number, part in enumerate(parts):
        alone = score_of(predictions(models[number : number + 1], [part]), settings)
        assert metrics["folds"][number][key] == pytest.approx(alone)
    assert settings == result.folds.decoding
    if case in ("instances", "boundary"):
        assert metrics["thresholds"]["images"] == 6 and metrics["thresholds"]["chosen"] == settings
    # One model, the mean of the probabilities.
    ensemble = run.load_model()
    image = ks.data.read_image(test.pairs[0].image)[None].astype("float32")
    mean = np.mean([np.asarray(model.predict_on_batch(image)) for model in models], axis=0)
    np.testing.assert_allclose(np.asarray(ensemble.predict_on_batch(image)), mean, atol=1e-6)
    assert isinstance(ensemble, keras.Model) and isinstance(ensemble, Ensemble)
    # It is used as the model of a run of the task.
    tested = score_of(predictions([ensemble], [test]), settings)
    assert metrics["test"][key] == result.test.score == pytest.approx(tested)
    trained = TrainedRun(run)
    assert trained.task.name == CASES[case].get("task", "semantic")
    assert trained.evaluate(ensemble, test).score == result.test.score
    low, high = metrics["test"][f"{key}_interval"]
    assert low <= metrics["test"][key] <= high
    # The page and the card say it.
    page = run.report_file.read_text()
    assert f"{label} is {100 * metrics[key]:.1f} on 6 images" in page
    assert f"The ensemble has {100 * metrics['test'][key]:.1f} on 2 test images" in page
    ks.training.write_report(run)
    card = ks.training.write_model_card(run).read_text()
    assert f"| {key.replace('_', ' ').replace('iou', 'IoU')} | {100 * metrics[key]:.1f} (" in card


@pytest.mark.slow
def test_a_run_that_was_killed_ends_as_one_that_was_not(tmp_path, monkeypatch):
    """Between two folds, and while the ensemble is written."""
    index, _ = scanned("instances", tmp_path / "data")
    choices = {**CHOICES, "task": "instances"}
    whole = fit_folds(index, run=tmp_path / "whole", folds=2, choices=choices)
    run = tmp_path / "run"
    runs = FoldRuns(index, run=run, folds=2, choices=choices)
    runs.train(runs.folds[0])
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Ensemble, "save", interrupted)
        fit_folds(index, run=run, resume=True)
    assert not RunFolder(run).finished and RunFolder(run).metrics_file.exists()
    (run / "decoding.json").write_text("{}")  # What another version may have chosen is replaced, or removed.
    again = fit_folds(index, run=run, resume=True)
    ours, theirs = RunFolder(run), RunFolder(tmp_path / "whole")
    assert ours.load_metrics() == theirs.load_metrics()
    assert ours.decoding_file.exists() == theirs.decoding_file.exists()
    assert again.folds.choice.to_dict() == whole.folds.choice.to_dict()
    for one, other in zip(again.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(InputError, match="must be the InstanceIndex"):
        shapes = ks.data.write_shapes(tmp_path / "shapes", train=6, val=1, image_size=32)
        (run / "ensemble.keras").unlink()
        fit_folds(ks.data.scan_folder(shapes, split="train"), run=run, resume=True)


def interrupted(*arguments, **options):
    raise KeyboardInterrupt


def test_folds_learn_the_same_borders(tmp_path):
    """Objects touch in the group a alone: trained on the group b, a model would learn outlines, the other one seams."""
    random = np.random.default_rng(0)
    for number, gap in enumerate((0, 0, 0, 8, 8, 8)):
        ids = np.zeros((48, 48), "uint16")
        ids[8:24, 4:20], ids[8:24, 20 + gap : 36 + gap] = 1, 2
        image = random.integers(0, 255, (48, 48, 3)).astype("uint8")
        for kind, array in (("images", image), ("masks", ids)):
            (tmp_path / kind).mkdir(exist_ok=True)
            Image.fromarray(array).save(tmp_path / kind / f"{'ab'[gap > 0]}{number}.png")
    index = ks.data.scan_instances(tmp_path)
    runs = FoldRuns(
        index, run=tmp_path / "run", folds=2, groups="^[ab]", choices={**CHOICES, "task": "instances", "epochs": 2}
    )
    alone = [make_plan(fingerprint(fold.train, fold.validation, task="instances")) for fold in runs.folds]
    assert {plan["outlines"] for plan in alone} == {False, True}, "guards the line below"
    assert [fold.plan["outlines"] for fold in runs.folds] == [False, False] == [runs.run.load_plan()["outlines"]] * 2
    assert [fold.plan["epochs"] for fold in runs.folds] == [2, 2]


@pytest.mark.parametrize("case", CASES)
def test_the_division_is_stratified(tmp_path, case):
    """Each class that three images hold, and objects, are in every fold."""
    index, _ = scanned(case, tmp_path)
    held = index.object_counts[:, None] > 0 if case == "instances" else index.presence
    for train, validation in split_folds(index, folds=2):
        of_fold = validation.object_counts[:, None] > 0 if case == "instances" else validation.presence
        assert (of_fold.any(axis=0) | (held.sum(axis=0) < 3)).all()
        assert type(validation) is type(index) and len(train) + len(validation) == 6
