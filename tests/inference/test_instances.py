"""Objects from probabilities, thresholds, tiles and scores."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage import measure, segmentation

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.data import cells_scene, instance_targets
from keras_seg.evaluation import tune_instances
from keras_seg.inference import instances, stitch_instances
from keras_seg.metrics import instance_score

# NumPy and SciPy only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only


def exact(ids, width=2):
    """The probabilities of a net that knows everything."""
    return np.eye(3, dtype="float32")[instance_targets(ids, border_width=width).classes]


def in_one_piece(ids):
    """The map with its objects cut into connected ones, numbered 1, 2, ..."""
    result, count = np.zeros_like(ids), 0
    for number in np.unique(ids[ids > 0]):
        parts, found = ndimage.label(ids == number)
        result[parts > 0] = parts[parts > 0] + count
        count += found
    return result


def discs(seed, shape=(48, 64), count=9, radius=6):
    """Discs that do not touch, numbered at random."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    ids, places = np.zeros(shape, int), []
    for number in rng.permutation(np.arange(1, 1000))[:count]:
        place, size = rng.uniform((0, 0), shape), rng.uniform(2.5, radius)
        if all(np.hypot(*(place - other)) > size + reach + 3 for other, reach in places):
            disc = np.hypot(rows - place[0], columns - place[1]) < size
            ids[disc] = number
            places.append((place, size))
    return ids


def numbered(ids):
    """Numbers 1, 2, ... in the order of first pixels: two maps of the same objects become equal."""
    found, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
    order = np.argsort(np.where(found == 0, -1, first))
    rank = np.empty(len(found), int)
    rank[order] = np.arange(len(found)) + (0 if 0 in found else 1)
    return rank[inverse].reshape(ids.shape)


class TestDecoding:
    @settings(max_examples=12, deadline=None)
    @given(seed=st.integers(0, 10**6))
    def test_exact_targets_of_apart_objects_give_them_back(self, seed):
        ids = discs(seed)
        for elevation in ("probability", "distance"):
            np.testing.assert_array_equal(instances(exact(ids), elevation=elevation), numbered(ids))

    def test_exact_targets_of_touching_rectangles_give_them_back(self):
        ids = np.kron(np.arange(1, 13).reshape(3, 4), np.ones((10, 14), int))
        ids[:, -3:] = 0
        for width in (1, 2, 3):
            np.testing.assert_array_equal(instances(exact(ids, width)), numbered(ids))

    def test_exact_targets_of_cells(self):
        """The watershed meets in the middle of a border, which is where the edge was; all cells are there."""
        found = missed = 0
        for seed in range(4):
            ids = in_one_piece(cells_scene(seed, image_size=128)[1].astype(int))
            counts = ks.metrics.instance_counts(ids, instances(exact(ids, 1)), thresholds=[0.8])[0]
            found, missed = found + counts[0], missed + counts[1] + counts[2]
        assert found > 60
        assert missed <= 0.03 * found

    def test_seeds_are_what_scipy_labels_and_the_flood_is_scikit_images(self):
        rng = np.random.default_rng(0)
        logits = ndimage.gaussian_filter(rng.normal(size=(60, 70, 3)), (3, 3, 0)) * 30
        p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        ids = instances(p, threshold=0.4, seed_threshold=0.6, border_threshold=0.3)
        seeds = measure.label((p[..., 1] > 0.6) & (p[..., 2] < 0.3), connectivity=1)
        flood = segmentation.watershed(-p[..., 1].astype("float32"), seeds, mask=p[..., 0] < 0.6)
        assert ids.max() > 5
        np.testing.assert_array_equal(ids, numbered(flood))

    def test_one_channel_is_components(self):
        ids = discs(3)
        p = (ids > 0) * 0.9
        expected = measure.label(ids > 0, connectivity=1)
        np.testing.assert_array_equal(instances(p), expected)
        np.testing.assert_array_equal(instances(p[..., None]), expected)

    def test_a_batch(self):
        p = np.stack([exact(discs(1)), exact(discs(2))])
        np.testing.assert_array_equal(instances(p), [instances(p[0]), instances(p[1])])

    def test_small_objects_go(self):
        ids = np.zeros((20, 20), int)
        ids[2:4, 2:4], ids[8:16, 8:16] = 1, 2
        assert instances(exact(ids), min_size=4).max() == 2
        found = instances(exact(ids), min_size=5)
        assert found.max() == 1 and (found > 0).sum() == 64
        assert instances(exact(ids), min_size=65).max() == 0

    def test_holes(self):
        ids = np.zeros((12, 12), int)
        ids[2:10, 2:10], ids[5:7, 5:7] = 1, 0
        assert (instances(exact(ids)) > 0).sum() == 60
        assert (instances(exact(ids), fill_holes=True) > 0).sum() == 64
        # What touches the frame is no hole.
        ids[5:7, :7] = 0
        assert (instances(exact(ids), fill_holes=True) > 0).sum() == (ids > 0).sum()

    def test_nothing_there(self):
        p = np.zeros((5, 6, 3))
        p[..., 0] = 1
        ids = instances(p)
        assert ids.dtype == np.int32 and not ids.any()

    def test_flips_change_the_numbers_only(self):
        p = exact(discs(7))
        np.testing.assert_array_equal(instances(p[::-1]), numbered(instances(p)[::-1]))

    def test_higher_thresholds_give_less(self):
        p = 0.2 + 0.6 * exact(discs(4)) * 0.9
        p /= p.sum(-1, keepdims=True)
        sizes = [(instances(p, threshold=t, seed_threshold=0.4) > 0).sum() for t in (0.2, 0.5, 0.8)]
        assert sizes[0] >= sizes[1] >= sizes[2]
        assert sizes[0] > sizes[2]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"probabilities": np.zeros((4, 4, 2))}, r"must be \(height, width, 3\).*probabilities\[..., 1\]"),
            ({"probabilities": np.zeros((4, 4, 4))}, "`probabilities` must be .* background, body and border"),
            ({"probabilities": np.zeros(4)}, "`probabilities` must be"),
            ({"probabilities": np.full((4, 4, 3), np.nan)}, "`probabilities` must be finite"),
            ({"probabilities": np.full((4, 4, 3), 1.5)}, r"`probabilities` must lie in \[0, 1\].*not logits"),
            ({"probabilities": np.full((4, 4, 3), -0.5)}, r"`probabilities` must lie in \[0, 1\]"),
            ({"probabilities": np.full((4, 4, 3), "a")}, "`probabilities` must be an array of numbers"),
            ({"threshold": 0}, "`threshold` must lie between 0 and 1"),
            ({"threshold": 1}, "`threshold` must lie between 0 and 1"),
            ({"seed_threshold": 1.2}, "`seed_threshold` must lie between 0 and 1"),
            ({"seed_threshold": "high"}, "`seed_threshold` must be a finite number"),
            ({"border_threshold": 0}, "`border_threshold` must be above 0"),
            ({"border_threshold": -0.1}, "`border_threshold` must be a finite number"),
            ({"min_size": -1}, "`min_size` must be an integer of at least 0"),
            ({"min_size": 2.5}, "`min_size` must be an integer of at least 0"),
            ({"fill_holes": 1.0}, "`fill_holes` must be True or False"),
            ({"elevation": "distanse"}, "`elevation` is not a known option.*Did you mean 'distance'"),
        ],
    )  # fmt: skip
    def test_bad_arguments(self, arguments, message):
        with pytest.raises(InputError, match=message) as caught:
            instances(**{"probabilities": np.zeros((4, 4, 3)), **arguments})
        assert "\n" not in str(caught.value)

    def test_without_scikit_image(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "skimage", None)
        monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
        with pytest.raises(ImportError, match=r'`instances` needs skimage: pip install "keras-seg\[instances\]"'):
            instances(np.zeros((4, 4, 3)))


def cut(ids, tile, overlap):
    """Overlapping tiles of a map, numbered anew in each."""
    rng, step = np.random.default_rng(0), tile - overlap
    starts = [[*range(0, max(side - tile, 0), step), max(side - tile, 0)] for side in ids.shape]
    tiles = []
    for row in starts[0]:
        for column in starts[1]:
            part = ids[row : row + tile, column : column + tile]
            found, inverse = np.unique(part, return_inverse=True)
            names = np.where(found == 0, 0, rng.permutation(np.arange(1, 500))[: len(found)])
            tiles.append((names[inverse].reshape(part.shape), (row, column)))
    return tiles


class TestStitching:
    @settings(max_examples=12, deadline=None)
    @given(seed=st.integers(0, 10**6), tile=st.sampled_from([16, 24, 29]), overlap=st.sampled_from([1, 5, 8]))
    def test_cut_and_stitched_is_the_whole(self, seed, tile, overlap):
        """Objects in one piece, of any size beside the overlap: both tiles of a pair see the same of them."""
        ids = discs(seed, count=14)
        np.testing.assert_array_equal(stitch_instances(cut(ids, tile, overlap)), numbered(ids))

    @settings(max_examples=6, deadline=None)
    @given(seed=st.integers(0, 10**6))
    def test_decoding_tile_by_tile_equals_decoding_the_whole(self, seed):
        """Discs of at most 11 pixels across, tiles that overlap by 16."""
        ids = discs(seed, count=14, radius=5.5)
        p = exact(ids)
        for tile in (24, 32):
            tiles = [(instances(p[r : r + tile, c : c + tile]), (r, c)) for _, (r, c) in cut(ids, tile, 16)]
            np.testing.assert_array_equal(stitch_instances(tiles), instances(p))

    def test_touching_cells_in_tiles(self):
        ids = in_one_piece(cells_scene(2, image_size=128)[1].astype(int))
        p = exact(ids)
        tiles = [(instances(p[r : r + 64, c : c + 64]), (r, c)) for _, (r, c) in cut(ids, 64, 32)]
        assert instance_score(instances(p), stitch_instances(tiles, min_size=3)) > 0.98

    @pytest.mark.parametrize("seed", [107, 131, 5])
    def test_cells_that_a_tile_cuts_off_from_their_seed_join_no_neighbors(self, seed):
        """Two cells of 107 and of 131 once became one: a neighbor had grown over what the edge left of the other."""
        rng = np.random.default_rng(seed)
        p = ndimage.gaussian_filter(exact(cells_scene(seed, image_size=(96, 112))[1].astype(int)), (1.5, 1.5, 0))
        p += rng.uniform(0, 1e-4, p.shape)  # No plateaus, where a watershed goes by the order of pixels.
        p /= p.sum(-1, keepdims=True)
        tiles = [(instances(p[r : r + 64, c : c + 64]), (r, c)) for r in (0, 16, 32) for c in (0, 16, 32, 48)]
        np.testing.assert_array_equal(stitch_instances(tiles, shape=(96, 112)), instances(p))

    def test_two_objects_of_a_tile_stay_two_if_one_is_whole(self):
        first = np.array([[1, 1, 1, 1, 1, 1, 0, 0]])
        second = np.array([[2, 2, 2, 0, 0, 0, 3, 3, 3, 3, 3]])  # From column 4 on: 2 is cut on the left.
        assert stitch_instances([(first, (0, 0)), (second, (0, 4))]).max() == 2
        # The first tile also shows a 2 of its own in full; the bridge of a third must not join it with the 1.
        first = np.array([[1, 1, 1, 1, 1, 0, 2, 2, 2, 0]])
        bridge = np.array([[5, 5, 5, 5, 5, 5, 5, 5]])
        assert stitch_instances([(first, (0, 0)), (bridge, (0, 2))], shape=(1, 12), threshold=0.3).max() == 2

    def test_the_order_of_tiles_and_their_numbers_do_not_matter(self):
        rng = np.random.default_rng(1)
        # Tiles that disagree: each from a net of its own.
        ids = discs(11, count=14)
        tiles = [(np.where(rng.random(part.shape) < 0.05, 0, part), place) for part, place in cut(ids, 24, 9)]
        expected = stitch_instances(tiles)
        for _ in range(3):
            shuffled = [
                (np.where(tiles[i][0] > 0, tiles[i][0] * 3 + 1, 0), tiles[i][1]) for i in rng.permutation(len(tiles))
            ]
            np.testing.assert_array_equal(stitch_instances(shuffled), expected)

    def test_a_pixel_comes_from_the_tile_where_it_lies_deeper(self):
        # Columns 0..5 and 4..9; of the overlap, 4 lies 1 from the edge of the first and 0 from that of the second.
        first, second = np.zeros((1, 6), int), np.zeros((1, 6), int)
        first[0, 2:5], second[0, 1:4] = 1, 1
        # In the overlap the first says 4, the second 5: no pixel in common, two objects.
        result = stitch_instances([(first, (0, 0)), (second, (0, 4))])
        assert result.tolist() == [[0, 0, 1, 1, 1, 2, 2, 2, 0, 0]]
        second[0, 0] = 1
        # Now the second says 4 and 5: IoU 1/2, which reaches the threshold and makes one of the two.
        assert stitch_instances([(first, (0, 0)), (second, (0, 4))]).max() == 1
        assert stitch_instances([(first, (0, 0)), (second, (0, 4))], threshold=0.51).max() == 2

    def test_a_chain_is_one_object(self):
        bar = np.ones((3, 6), int)
        tiles = [(bar * (k + 1), (0, 4 * k)) for k in range(5)]
        assert np.unique(stitch_instances(tiles)).tolist() == [1]

    def test_gaps_small_objects_and_the_shape(self):
        one = np.zeros((4, 4), int)
        one[0, 0], one[2:, 2:] = 5, 6
        result = stitch_instances([(one, (0, 0)), (one, (8, 8))], shape=(14, 12), min_size=2)
        assert result.shape == (14, 12)
        assert np.bincount(result.ravel())[1:].tolist() == [4, 4]
        assert result[4:8].sum() == 0

    @pytest.mark.parametrize(
        ("tiles", "arguments", "message"),
        [
            ([], {}, r"`tiles` must be a sequence of \(ids, \(row, column\)\), at least one"),
            (3, {}, "`tiles` must be a sequence"),
            ([np.zeros((2, 2), int)] * 2, {}, "`tiles` must"),
            ([(np.zeros((2, 2)), (0, 0))], {}, "`tiles` must hold integer maps"),
            ([(np.full((2, 2), -1), (0, 0))], {}, "`tiles` must hold integer maps .* at least 0"),
            ([(np.zeros((2, 2), int), (0, -1))], {}, "`tiles` must be an integer of at least 0"),
            ([(np.zeros((2, 2), int), (0, 0))] * 2, {}, "`tiles` must not hold two tiles at the same place"),
            ([(np.zeros((2, 2), int), (3, 0))], {"shape": (4, 4)}, "`shape` must hold all tiles"),
            ([(np.zeros((2, 2), int), (0, 0))], {"threshold": 0}, "`threshold` must be above 0"),
            ([(np.zeros((2, 2), int), (0, 0))], {"threshold": 1.5}, "`threshold` must be a finite number"),
            ([(np.zeros((2, 2), int), (0, 0))], {"min_size": -1}, "`min_size`"),
        ],
    )  # fmt: skip
    def test_bad_arguments(self, tiles, arguments, message):
        with pytest.raises(InputError, match=message) as caught:
            stitch_instances(tiles, **arguments)
        assert "\n" not in str(caught.value)


class TestTuning:
    def test_finds_the_threshold_that_was_spoilt(self):
        """Probabilities pulled down so far that the defaults see next to nothing."""
        truths = [discs(seed) for seed in range(3)]
        predictions = []
        for ids in truths:
            p = exact(ids) * 0.45
            p[..., 0] = 1 - p[..., 1:].sum(-1)
            predictions.append(p)
        tuned = tune_instances(predictions, truths)
        assert tuned.default_score < 0.1
        assert tuned.score == 1.0
        assert tuned.settings["threshold"] == 0.4 and tuned.settings["seed_threshold"] == 0.35
        assert instance_score(truths, [instances(p, **tuned.settings) for p in predictions]) == tuned.score

    def test_specks_are_taken_away(self):
        truth = discs(5)
        p = exact(truth)
        rng = np.random.default_rng(0)
        specks = rng.random(truth.shape) < 0.01
        p[specks] = (0, 1, 0)
        tuned = tune_instances([p], [truth], grid={"min_size": [0, 5, 10_000]})
        assert tuned.settings == {"min_size": 5}
        scores = {settings["min_size"]: score for settings, score in tuned.trials}
        assert scores[5] > scores[0] > scores[10_000] == 0
        assert scores[0] == tuned.default_score

    def test_equals_trying_all(self):
        truths = [in_one_piece(cells_scene(seed, image_size=64)[1].astype(int)) for seed in range(2)]
        rng = np.random.default_rng(0)
        predictions = []
        for ids in truths:
            p = ndimage.gaussian_filter(exact(ids) + rng.uniform(0, 0.6, (*ids.shape, 3)), (1, 1, 0))
            predictions.append(p / p.sum(-1, keepdims=True))
        grid = {"threshold": (0.4, 0.6), "seed_threshold": (0.4, 0.55), "min_size": (0, 12)}
        tuned = tune_instances(predictions, truths, grid=grid)
        assert len(tuned.trials) == 8
        for settings_, score in tuned.trials:
            found = [instances(p, **settings_) for p in predictions]
            assert instance_score(truths, found) == pytest.approx(score, abs=1e-12)

    def test_void_counts_nowhere(self):
        truth = discs(6)
        p = exact(truth)
        void = truth.copy()
        void[:, :10] = -1
        p[:, :10] = (0, 1, 0)
        assert tune_instances([p], [void], grid={"min_size": 0}).score > 0.9

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"grid": {}}, "`grid` must be a dict of values by name"),
            ({"grid": {"threshold": []}}, "`grid` must hold at least one value of threshold"),
            ({"grid": {"treshold": [0.5]}}, "`settings` holds an unknown name 'treshold'.*Did you mean 'threshold'"),
            ({"grid": {"threshold": [0.5, 2]}}, "`threshold` must"),
            ({"images": 0}, "`images` must be an integer of at least 1"),
            ({"data": []}, "`data` must hold a map for each of the 1 images"),
            ({"data": [np.zeros((3, 3), int)]}, "`data` must hold integer maps of objects, of the size"),
        ],
    )
    def test_bad_arguments(self, arguments, message):
        good = {"model": [np.zeros((4, 4, 3))], "data": [np.zeros((4, 4), int)]}
        with pytest.raises(InputError, match=message):
            tune_instances(**{**good, **arguments})
