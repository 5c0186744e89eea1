"""Scores of objects and of edges of a folder, with models that know or guess."""

import keras
import numpy as np
import pytest
from PIL import Image
from skimage.morphology import skeletonize

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.evaluation import (
    TunedInstances,
    boundary_lines,
    evaluate_boundaries,
    evaluate_instances,
    tune_instances,
)

pytestmark = pytest.mark.tensorflow_only


@keras.saving.register_keras_serializable("keras_seg_tests")
class Levels(keras.layers.Layer):
    """Reads the answer off the picture: channel c is probable where the image has the value c * step."""

    def __init__(self, channels, step=100, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.step = channels, step

    def call(self, images):
        level = keras.ops.cast(keras.ops.round(images[..., 0] / self.step), "int32")
        return 0.02 + 0.94 * keras.ops.one_hot(level, self.channels)


def reader(channels, **arguments):
    """A model that knows what the picture shows."""
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, Levels(channels, **arguments)(inputs))


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Pictures that show their own targets, at two sizes."""
    folder = tmp_path_factory.mktemp("cells")
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
    for number, size in enumerate(((64, 64), (64, 64), (48, 80))):
        ids = ks.data.cells_scene(number, image_size=size)[1]
        classes = ks.data.instance_targets(ids.astype(int)).classes
        shown = np.repeat(classes[..., None] * 100, 3, -1).astype("uint8")
        Image.fromarray(shown).save(folder / f"images/{number}.png")
        Image.fromarray(ids).save(folder / f"masks/{number}.png")
    return ks.data.scan_instances(folder)


class TestInstances:
    def test_equals_the_metrics_image_by_image(self, cells):
        model, done = reader(3), []
        result = evaluate_instances(model, cells, progress=lambda *count: done.append(count))
        assert sorted(done) == [(2, 3), (3, 3)]
        truths = [cells.read_labels(position) for position in range(3)]
        found = [
            ks.inference.instances(np.asarray(model.predict_on_batch(ks.data.read_image(pair.image)[None]))[0])
            for pair in cells.pairs
        ]
        scores = [ks.metrics.instance_score(*pair) for pair in zip(truths, found, strict=True)]
        np.testing.assert_allclose(result.image_scores, scores)
        assert result.instance_score == pytest.approx(np.mean(scores))
        assert 0.8 < result.instance_score <= 1
        numbers = result.to_dict()
        assert numbers["true_positives"] + numbers["false_negatives"] == cells.object_counts.sum()
        assert numbers["score_by_threshold"]["0.5"] >= numbers["score_by_threshold"]["0.95"]
        # Panoptic quality by hand: IoU of the matched pairs over TP + FP / 2 + FN / 2.
        total = matched = 0
        for truth, ids in zip(truths, found, strict=True):
            for a in np.unique(truth[truth > 0]):
                for b in np.unique(ids[truth == a]):
                    iou = ((truth == a) & (ids == b)).sum() / ((truth == a) | (ids == b)).sum()
                    if b and iou > 0.5:
                        total, matched = total + iou, matched + 1
        wrong = numbers["false_positives"] + numbers["false_negatives"]
        assert numbers["panoptic_quality"] == pytest.approx(total / (matched + wrong / 2), rel=1e-9)

    def test_settings(self, cells):
        model = reader(3)
        assert evaluate_instances(model, cells, settings={"min_size": 10**6}).to_dict()["true_positives"] == 0
        with pytest.raises(InputError, match="`settings` holds an unknown name 'min_sise'.*Did you mean 'min_size'"):
            evaluate_instances(model, cells, settings={"min_sise": 1})
        tuned = TunedInstances(settings={"min_size": 1}, score=1.0, default_score=1.0, trials=[])
        for settings, fix in ((tuned, "Pass its `settings`"), ([1], "As in")):
            with pytest.raises(InputError, match=f"`settings` must be a dict of arguments of `instances`.*{fix}"):
                evaluate_instances(model, cells, settings=settings)

    def test_an_object_that_is_mostly_ignored_is_no_false_positive(self):
        """As in the paper on panoptic quality; the instance score leaves ignored pixels out of both maps."""
        shown, ids = np.zeros((2, 1, 48, 48), int)
        shown[0, 5:15, 5:15] = shown[0, 30:40, 30:40] = 1
        ids[0, 5:15, 5:15], ids[0, 30:40, 30:39] = 1, -1
        result = evaluate_instances(reader(3), [(np.repeat(100 * shown[..., None], 3, -1), ids)])
        assert (result.panoptic.false_positives.tolist(), result.panoptic_quality) == ([0], 1.0)
        assert result.counts[0, 0].tolist() == [1, 1, 0]

    def test_tuning_a_model(self, cells):
        tuned = tune_instances(reader(3), cells, images=2)
        assert tuned.score >= tuned.default_score > 0.8
        same = tune_instances(reader(3), ks.data.from_folder(cells.subset([0, 1]), batch_size=1), images=2)
        first = tune_instances(reader(3), cells.subset([0, 1]))
        assert (same.settings, same.score) == (first.settings, first.score)
        with pytest.raises(InputError, match="`data` must hold batches"):
            tune_instances(reader(3), [np.zeros((4, 4), int)])

    def test_a_model_of_another_task(self, cells):
        with pytest.raises(InputError, match="`model` must give 3 channels.*trained for this task"):
            evaluate_instances(reader(2), cells)


@pytest.fixture(scope="module")
def edges(tmp_path_factory):
    """Masks of three classes with void, and pictures that show where the edges are."""
    folder = tmp_path_factory.mktemp("edges")
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
    for number in range(2):
        mask = np.zeros((60, 80), "uint8")
        mask[:, 30 + number :], mask[40:, :50] = 1, 2
        mask[:6, 60:] = 255
        target = ks.data.boundary_targets(mask, width=2, ignore_class=255) == 1
        shown = np.repeat(target[..., None] * 100, 3, -1).astype("uint8")
        Image.fromarray(shown).save(folder / f"images/{number}.png")
        Image.fromarray(mask).save(folder / f"masks/{number}.png")
    return ks.data.scan_folder(folder, ignore_class=255, num_classes=3)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_models_that_compute_in_half_precision(cells, edges, dtype):
    def halved(model):
        return keras.Model(model.inputs[0], keras.ops.cast(model.outputs[0], dtype))

    objects, lines = evaluate_instances(halved(reader(3)), cells), evaluate_boundaries(halved(reader(2)), edges)
    np.testing.assert_array_equal(objects.counts, evaluate_instances(reader(3), cells).counts)
    np.testing.assert_array_equal(lines.counts, evaluate_boundaries(reader(2), edges).counts)
    scores = halved(reader(3)).predict_on_batch(ks.data.read_image(cells.pairs[0].image)[None])[0]
    assert scores.dtype.name == dtype
    assert ks.inference.instances(scores).max() > 0 and boundary_lines(scores[..., 1]).any()


class TestBoundaries:
    def test_a_model_that_knows(self, edges):
        result = evaluate_boundaries(reader(2), edges)
        assert result.images == 2
        assert result.f_score > 0.99
        assert result.to_dict()["precision"] > 0.99

    def test_a_shift_beyond_the_tolerance_costs(self, edges):
        """The tolerance is 0.0075 * 100 = 0.75 pixels, and so 1; a model that sees edges 5 pixels too far down meets
        none of the level ones but where others cross."""

        inputs = keras.Input((None, None, 3))
        moved = keras.ops.roll(inputs, 5, axis=1)
        shifted = keras.Model(inputs, Levels(2)(moved))
        near, far = (evaluate_boundaries(shifted, edges, tolerance_ratio=ratio).f_score for ratio in (0.0075, 0.06))
        assert near < 0.8 < far

    def test_counts_equal_a_slow_version(self, edges):
        result = evaluate_boundaries(reader(2), edges, thresholds=(), tolerance_ratio=0.02)
        assert result.thresholds == (0.5,)
        for position in range(2):
            mask = edges.read_labels(position)
            void = mask == 255
            image = ks.data.read_image(edges.pairs[position].image)
            lines = np.argwhere(boundary_lines(image[..., 0] / 100) & ~void)
            true = np.argwhere(skeletonize(ks.data.boundary_targets(mask, width=1, ignore_class=255) == 1))
            distance = np.linalg.norm(lines[:, None] - true[None], axis=-1)
            slow = [len(lines), (distance.min(1) <= 2).sum(), len(true), (distance.min(0) <= 2).sum()]
            assert result.counts[position, 0].tolist() == slow

    def test_nothing_predicted(self, edges):
        result = evaluate_boundaries(reader(2, step=-1e6), edges)
        assert result.to_dict()["precision"] == 1.0
        assert result.to_dict()["recall"] == 0.0
        assert result.f_score == 0.0

    def test_the_best_threshold(self, edges):
        result = evaluate_boundaries(reader(2), edges, thresholds=(0.01, 0.5, 0.99), threshold=0.99)
        assert result.best_threshold == 0.5
        assert result.f_score == 0.0

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"threshold": 0}, "`threshold` must lie between 0 and 1"),
            ({"thresholds": [0.5, 1]}, "`thresholds` must lie between 0 and 1"),
            ({"thresholds": 0.3}, "`thresholds` must be a sequence of numbers.*0.3.*that of `threshold`"),
            ({"tolerance_ratio": 2}, "`tolerance_ratio` must lie between 0 and 1"),
        ],
    )
    def test_bad_arguments(self, edges, arguments, message):
        with pytest.raises(InputError, match=message):
            evaluate_boundaries(reader(2), edges, **arguments)

    def test_a_model_of_another_task(self, edges):
        with pytest.raises(InputError, match="`model` must give 2 channels"):
            evaluate_boundaries(reader(3), edges)

    @pytest.mark.parametrize(
        ("probability", "message"),
        [
            (np.zeros((3, 3, 2)), "`probability` must be a map"),
            (np.full((3, 3), 2.0), r"`probability` must lie in \[0, 1\]"),
            (np.full((3, 3), np.nan), r"`probability` must lie in \[0, 1\]"),
        ],
    )
    def test_bad_probabilities(self, probability, message):
        with pytest.raises(InputError, match=message):
            boundary_lines(probability)
