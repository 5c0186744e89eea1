"""Scores out of fold of overlapping classes, objects and edges, recomputed from the predictions of each fold."""

import keras
import made_data
import numpy as np
import pytest
from PIL import Image

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.evaluation import evaluate_boundaries, evaluate_folds, evaluate_instances

pytestmark = pytest.mark.tensorflow_only
pytest.importorskip("skimage", reason='scikit-image is missing: pip install "keras-seg[instances]"')

COUNT, FOLDS = 8, 3


def reader(channels, *, strength=0.94, shift=0):
    """A model that reads the answer off the picture, `shift` pixels aside: channel c is probable at the value 100 c."""
    inputs = keras.Input((None, None, 3))
    moved = keras.ops.roll(inputs[..., 0], shift, axis=2)
    level = keras.ops.cast(keras.ops.round(moved / 100), "int32")
    return keras.Model(inputs, 0.02 + strength * keras.ops.one_hot(level, channels))


def readers(channels, **options):
    """One per fold, each wrong in its own way."""
    return [reader(channels, shift=fold, **options) for fold in range(FOLDS)]


def written(folder, pairs):
    """Pictures of levels, and masks; two pictures of a group each: a0, a1, b2, b3, ..."""
    for number, (levels, mask) in enumerate(pairs):
        picture = np.repeat(np.asarray(levels)[..., None] * 100, 3, -1)
        for kind, array in (("images", picture), ("masks", mask)):
            (folder / kind).mkdir(exist_ok=True)
            name = f"{'abcdefgh'[number // 2]}{number}.png"
            Image.fromarray(np.asarray(array).astype("uint8")).save(folder / kind / name)
    return folder


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Pictures that show their own targets."""
    scenes = [ks.data.cells_scene(number, image_size=48)[1].astype(int) for number in range(COUNT)]
    pairs = [(ks.data.instance_targets(ids).classes, ids) for ids in scenes]
    return ks.data.scan_instances(written(tmp_path_factory.mktemp("cells"), pairs))


@pytest.fixture(scope="module")
def edges(tmp_path_factory):
    """Masks of three classes, and pictures that show where the edges are."""
    random, pairs = np.random.default_rng(0), []
    for _ in range(COUNT):
        mask = np.zeros((40, 48), int)
        row, column = random.integers(8, 30, 2)
        mask[:, column:], mask[row:, : column + 8] = 1, 2
        pairs.append((ks.data.boundary_targets(mask, width=2) == 1, mask))
    return ks.data.scan_folder(written(tmp_path_factory.mktemp("edges"), pairs), num_classes=3)


@pytest.fixture(scope="module")
def overlaps(tmp_path_factory):
    return ks.data.scan_multilabel(
        made_data.overlapping(tmp_path_factory.mktemp("overlaps"), train=COUNT, val=0, split=False)
    )


def parts_of(index, **options):
    return [validation for _, validation in ks.data.split_folds(index, folds=FOLDS, **options)]


def scores_of(model, image):
    return np.asarray(model.predict_on_batch(ks.data.read_image(image)[None].astype("float32")))[0]


def slow_interval(score_of, groups):
    """The ends of a bootstrap interval, sample by sample: `score_of` takes how often each image is drawn."""
    count = max(groups) + 1
    draws = np.random.default_rng(0).multinomial(count, [1 / count] * count, size=1000)
    return np.quantile([score_of(draw[list(groups)]) for draw in draws], [0.025, 0.975])


class TestMultilabel:
    def models(self):
        """The box is where red is bright, the bar where blue is; each model looks aside by other pixels."""
        found = []
        for shift in range(FOLDS):
            inputs = keras.Input((None, None, 3))
            colors = keras.ops.roll(inputs, shift, axis=2)
            bright = keras.ops.cast(keras.ops.stack([colors[..., 2], colors[..., 0]], axis=-1) > 100, "float32")
            found.append(keras.Model(inputs, 0.1 + 0.8 * bright))
        return found

    def test_counts_are_added_over_the_folds(self, overlaps):
        parts = parts_of(overlaps)
        found = evaluate_folds(self.models(), parts)
        rows = []
        for shift, part in enumerate(parts):
            for pair in part.pairs:
                image = np.roll(ks.data.read_image(pair.image), shift, axis=1)
                for predicted, name in ((image[..., 2] > 100, "bar"), (image[..., 0] > 100, "box")):
                    mask = np.asarray(Image.open(pair.image.parents[1] / "masks" / name / pair.image.name)) > 0
                    rows.append(((predicted & mask).sum(), (predicted | mask).sum()))
        rows = np.array(rows).reshape(COUNT, 2, 2)

        def score(drawn):
            both, either = np.tensordot(drawn, rows, 1).T
            return np.mean(both / either)

        assert found.score == pytest.approx(score(np.ones(COUNT)))
        np.testing.assert_allclose(found.iou[:, 0], rows.sum(0)[:, 0] / rows.sum(0)[:, 1])
        assert found.evaluation.class_names == ("bar", "box")
        ends = found.interval.low, found.interval.high
        np.testing.assert_allclose(ends, slow_interval(score, range(COUNT)))
        assert found.mean_iou is found.interval and found.choice is None and found.decoding == {}
        results = found.to_dict()
        assert results["mean_iou_interval"] == list(ends) and set(results["iou_intervals"]) == {"bar", "box"}
        assert [fold["images"] for fold in results["folds"]] == [len(part) for part in parts]

    def test_nothing_is_chosen(self, overlaps):
        with pytest.raises(InputError, match="`postprocessing` does not apply to a MultiLabelIndex.*exceeds 0.5"):
            evaluate_folds(self.models(), parts_of(overlaps), postprocessing=True)


class TestInstances:
    def test_the_mean_of_all_images_with_groups_drawn_together(self, cells):
        parts = parts_of(cells, groups="^[a-h]")
        models, seen = readers(3), []
        found = evaluate_folds(iter(models), parts, progress=lambda *done: seen.append(done))
        scores, groups = [], []
        for model, part in zip(models, parts, strict=True):
            for position, pair in enumerate(part.pairs):
                ids = ks.inference.instances(scores_of(model, pair.image))
                scores.append(ks.metrics.instance_score(part.read_labels(position), ids))
                groups.append(pair.image.name[0])
        order = list(dict.fromkeys(groups))
        groups = [order.index(group) for group in groups]
        assert found.score == pytest.approx(np.mean(scores)) and np.std(scores) > 0
        np.testing.assert_allclose(found.evaluation.image_scores, scores)
        expected = slow_interval(lambda drawn: np.dot(drawn, scores) / drawn.sum(), groups)
        np.testing.assert_allclose((found.interval.low, found.interval.high), expected)
        alone = slow_interval(lambda drawn: np.dot(drawn, scores) / drawn.sum(), range(COUNT))
        assert not np.allclose(expected, alone), "guards the line above: groups make a difference"
        assert found.iou.shape == (0, 3) and seen[-1] == (COUNT, COUNT)
        with pytest.raises(InputError, match="these folds have the instance score. Use `interval`"):
            found.mean_iou  # noqa: B018

    def test_panoptic_quality_is_of_all_images_together(self, cells):
        parts, models = parts_of(cells), readers(3)
        found = evaluate_folds(models, parts)
        each = [evaluate_instances(model, part) for model, part in zip(models, parts, strict=True)]
        for name in ("true_positives", "false_positives", "false_negatives"):
            assert found.to_dict()[name] == sum(one.to_dict()[name] for one in each)
        quality = each[0].panoptic + each[1].panoptic + each[2].panoptic
        assert found.evaluation.panoptic_quality == pytest.approx(quality.quality[0])

    def test_thresholds_that_help_are_taken(self, cells):
        """Bodies have 0.44: no seed exceeds the default of 0.5, and 0.35 is the only one of the grid that they do."""
        parts, models, seen = parts_of(cells), readers(3, strength=0.42), []
        found = evaluate_folds(models, parts, postprocessing=True, progress=lambda *done: seen.append(done))
        choice = found.choice
        assert choice.settings["seed_threshold"] == 0.35 and choice.settings == choice.best == found.decoding
        assert choice.gain.low > 0 and choice.changed == choice.images == COUNT
        each = [
            evaluate_instances(model, part, settings=choice.settings) for model, part in zip(models, parts, strict=True)
        ]
        scores = np.concatenate([one.image_scores for one in each])
        np.testing.assert_array_equal(found.evaluation.image_scores, scores)
        assert found.score > 0.3
        assert found.to_dict()["thresholds"]["chosen"] == choice.settings
        assert seen[-1] == (2 * COUNT, 2 * COUNT), "the images that thresholds are tried on are predicted twice"
        assert str(choice).startswith("threshold 0.") and "+" in str(choice)

    def test_defaults_stay_where_nothing_is_gained(self, cells):
        found = evaluate_folds(readers(3), parts_of(cells), postprocessing=True)
        assert found.decoding == {} and not found.choice.gain.low > 0
        np.testing.assert_array_equal(
            found.evaluation.counts, evaluate_folds(readers(3), parts_of(cells)).evaluation.counts
        )
        assert str(found.choice).startswith("the defaults.") and "may be chance" in str(found.choice)

    def test_too_few_images_to_choose_on(self, cells):
        parts = parts_of(cells.subset(range(5)))
        assert evaluate_folds(readers(3, strength=0.42), parts, postprocessing=True).choice is None
        # Eight images, and four groups.
        parts = parts_of(cells, groups="^[a-h]")
        assert evaluate_folds(readers(3, strength=0.42), parts, postprocessing=True).choice is None


class TestBoundaries:
    def test_lines_are_added_over_the_folds(self, edges):
        parts, models = parts_of(edges), readers(2)
        found = evaluate_folds(models, parts, task="boundary")
        each = [evaluate_boundaries(model, part) for model, part in zip(models, parts, strict=True)]
        predicted, right, true, hit = np.concatenate([one.counts for one in each])[:, 4].sum(axis=0)
        precision, recall = right / predicted, hit / true
        assert found.evaluation.threshold == 0.5 == found.evaluation.thresholds[4]
        assert found.score == pytest.approx(2 * precision * recall / (precision + recall)) and found.score < 1
        assert found.interval.low < found.score < found.interval.high
        results = found.to_dict()
        assert results["boundary_f_score_interval"] == [found.interval.low, found.interval.high]
        assert "iou_intervals" not in results
        assert [fold["boundary_f_score"] for fold in results["folds"]] == [one.f_score for one in each]

    def test_a_threshold_that_helps_is_taken(self, edges):
        """Edges have 0.34: no line exceeds 0.5."""
        parts, models = parts_of(edges), readers(2, strength=0.32)
        assert evaluate_folds(models, parts, task="boundary").score == 0
        found = evaluate_folds(models, parts, task="boundary", postprocessing=True)
        assert found.decoding == {"threshold": 0.1} and found.evaluation.threshold == 0.1
        each = [evaluate_boundaries(model, part, threshold=0.1) for model, part in zip(models, parts, strict=True)]
        assert [fold.f_score for fold in found.folds] == [one.f_score for one in each]
        # Without it, nothing is found: the gain is all of the score.
        assert found.choice.gain.value == pytest.approx(found.score)

    def test_a_threshold_that_changes_nothing_is_not(self, edges):
        """At 0.1 the lines are those of 0.5."""
        found = evaluate_folds(readers(2), parts_of(edges), task="boundary", postprocessing=True)
        assert found.choice.best == {"threshold": 0.1} and found.choice.changed == 0 == found.choice.gain.value
        assert found.decoding == {} and found.evaluation.threshold == 0.5


def test_a_binary_model_of_one_channel(tmp_path):
    """Class 1 is bright, and the models look aside; a speck on each picture is removed by the postprocessing."""
    random, pairs = np.random.default_rng(1), []
    for _ in range(COUNT):
        mask = np.zeros((40, 48), int)
        top, left = random.integers(8, 20, 2)
        mask[top : top + 16, left : left + 20] = 1
        levels = mask.copy()
        levels[1:4, 1:4] = 1
        pairs.append((levels, mask))
    parts = parts_of(ks.data.scan_folder(written(tmp_path, pairs), num_classes=2))
    models = []
    for shift in range(FOLDS):
        inputs = keras.Input((None, None, 3))
        bright = keras.ops.cast(keras.ops.roll(inputs[..., :1], shift, axis=2) > 50, "float32")
        models.append(keras.Model(inputs, 0.1 + 0.8 * bright))
    found = evaluate_folds(models, parts, postprocessing=True)
    assert found.decoding["postprocessing"]["gain"][1] > 0 and found.choice.images == COUNT
    both, either = np.zeros(2), np.zeros(2)
    for shift, part in enumerate(parts):
        for position, pair in enumerate(part.pairs):
            bright = np.roll(ks.data.read_image(pair.image)[..., 0] > 50, shift, axis=1)
            bright[:6, :8] = False  # The speck, wherever it was moved.
            mask = part.read_labels(position)
            for class_ in (0, 1):
                both[class_] += ((bright == class_) & (mask == class_)).sum()
                either[class_] += ((bright == class_) | (mask == class_)).sum()
    assert found.score == pytest.approx(np.mean(both / either))
    np.testing.assert_allclose(found.iou[:, 0], both / either)


def test_wrong_calls(cells, edges, overlaps):
    for task, parts, said in (
        ("instances", parts_of(edges), "must be InstanceIndex of two folds or more for `task='instances'`"),
        ("boundary", parts_of(cells), "must be FolderIndex of two folds or more for `task='boundary'`"),
        (None, [*parts_of(edges)[:2], cells], "must be of two folds or more, and of one kind: FolderIndex, Inst"),
        (None, parts_of(cells)[:1], "must be of two folds or more"),
        (None, [], "must be of two folds or more"),
        ("instance", parts_of(cells), "`task` is not a known option.*Did you mean 'instances'"),
        ("boundary", parts_of(edges), "`model` must give 2 channels"),
        (None, parts_of(overlaps), "`model` must give a channel for each of the 2 classes"),
    ):
        with pytest.raises(InputError, match=said) as error:
            evaluate_folds(readers(3), parts, task=task)
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="`models` must be one per fold, 3. Received: models='2 models'"):
        evaluate_folds(readers(3)[:2], parts_of(cells))
    with pytest.raises(InputError, match="`models` must be one per fold, 3. Received: models='more models'"):
        evaluate_folds([*readers(3), reader(3)], parts_of(cells))
