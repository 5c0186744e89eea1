"""Postprocessing is taken where it helps, and not where chance would do."""

import functools
import json

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg import _validation
from keras_seg.evaluation import choose_postprocessing
from keras_seg.evaluation.choose_postprocessing import PredictedMaps, choose, least_images

pytestmark = pytest.mark.tensorflow_only

NAMES = ["background", "cell", "edge"]


def scenes(count, seed=0):
    """Maps with one cell of class 1 in each, at random places."""
    rng = np.random.default_rng(seed)
    masks = []
    for _ in range(count):
        mask = np.zeros((40, 40), int)
        row, column = rng.integers(4, 16, 2)
        mask[row : row + 18, column : column + 18] = 1
        masks.append(mask)
    return masks


def with_specks(masks):
    """Specks of class 1 in the background, which removal of components repairs."""
    maps = [mask.copy() for mask in masks]
    for ids in maps:
        ids[0:2, 0:2] = ids[37:39, 1:3] = 1
    return maps


def taken(choice):
    return choice.postprocessing.describe(NAMES)


def test_specks_are_removed():
    masks = scenes(14)
    choice = choose_postprocessing(with_specks(masks), masks, class_names=NAMES)
    assert taken(choice) == "cell: components under 16 pixels are removed"
    assert choice.gain.low > 0 and choice.score == pytest.approx(1.0)
    for mask, ids in zip(masks, with_specks(masks), strict=True):
        np.testing.assert_array_equal(choice.postprocessing(ids), mask)
    verdicts = {(trial.class_name, trial.step): trial.verdict for trial in choice.trials}
    # Filling the background's holes removes the cells; the largest component alone helps as much.
    assert verdicts["background", "holes are filled"] == "harms"
    assert verdicts["cell", "only the largest component is kept"] == "helps"
    assert not any(name == "edge" for name, _ in verdicts), "it is never predicted: no trial, no correction"
    assert choice.level == pytest.approx(1 - 0.05 / len(choice.trials))


def with_holes(masks, filled):
    """Maps with a hole of 9 pixels in the first cell of each mask, where they have the class `filled`."""
    maps = [mask.copy() for mask in masks]
    for ids, mask in zip(maps, masks, strict=True):
        row, column = np.argwhere(mask == 1)[0]
        ids[row + 5 : row + 8, column + 5 : column + 8] = filled
    return maps


def test_holes_are_filled():
    masks = scenes(14)
    maps = with_holes(masks, 2)
    choice = choose_postprocessing(maps, masks, class_names=NAMES)
    assert choice.postprocessing(maps[0]).tolist() == masks[0].tolist()
    assert choice.score == pytest.approx(1.0)


def test_components_that_are_right_stay():
    masks = with_specks(scenes(14))
    choice = choose_postprocessing(masks, masks, class_names=NAMES)
    assert not choice.postprocessing and choice.gain is None
    assert {trial.verdict for trial in choice.trials} == {"harms"}
    assert choice.score == choice.mean_iou == 1.0


def test_a_gain_on_too_few_images_is_not_taken():
    masks = scenes(14)
    maps = with_specks(masks)[:5] + masks[5:]
    choice = choose_postprocessing(maps, masks, class_names=NAMES)
    assert not choice.postprocessing
    trials = [trial for trial in choice.trials if trial.class_name == "cell"]
    assert trials and all(trial.changed == 5 and trial.mean_iou.value > 0 for trial in trials)


@pytest.mark.parametrize("seed", range(5))
def test_chance_is_not_taken(seed):
    """Specks of which every other is right: what their removal gains on one image it loses on another."""
    rng = np.random.default_rng(seed)
    masks, maps = scenes(30, seed), []
    for mask in masks:
        ids = mask.copy()
        ids[0:3, 0:3] = 1
        mask[0:3, 0:3] = rng.integers(2)
        maps.append(ids)
    choice = choose_postprocessing(maps, masks, class_names=NAMES)
    assert "removed" not in taken(choice) and "largest" not in taken(choice)


def test_ignored_pixels_do_not_count():
    masks = scenes(14)
    maps = with_specks(masks)
    for mask in masks:
        mask[:3], mask[36:] = 255, 255
    choice = choose_postprocessing(maps, masks, class_names=NAMES, ignore_class=255)
    assert choice.mean_iou == 1.0
    assert not any(trial.class_name == "cell" for trial in choice.trials)


def test_ignored_classes_are_in_no_mean():
    """Holes of 9 pixels in cells of 324: of the background, which is ignored, and so no class with an IoU of 0."""
    masks = scenes(14)
    maps = with_holes(masks, 0)
    choice = choose_postprocessing(maps, masks, class_names=NAMES, ignore_class=(0, 255))
    assert choice.mean_iou == pytest.approx(315 / 324)
    gains = {(trial.class_name, trial.step): trial.mean_iou for trial in choice.trials}
    filled = gains["cell", "holes are filled"]
    assert (filled.value, filled.low, filled.high) == pytest.approx((9 / 324,) * 3)
    assert choice.score == pytest.approx(1.0)


def test_of_a_model_and_of_its_maps(tmp_path):
    ks.data.write_shapes(tmp_path, train=8, val=2, image_size=(32, 40))
    index = ks.data.scan_folder(tmp_path, split="train")
    model = ks.models.UNet(num_classes=index.num_classes, filters=4, depth=1)
    choice = choose_postprocessing(model, index)
    images = [ks.data.read_image(pair.image) for pair in index.pairs]
    masks = [index.read_labels(position) for position in range(len(index))]
    maps = [ks.inference.predict_classes(model, image[None])[0] for image in images]
    names = index.class_names
    assert choice.to_dict() == choose_postprocessing(maps, masks, class_names=names).to_dict()
    # Gains are those of the evaluation.
    plain = ks.evaluation.evaluate(model, index).mean_iou
    assert choice.mean_iou == pytest.approx(plain)
    assert choice.trials
    for trial in choice.trials[:4]:
        cleaned = ks.evaluation.evaluate(model, index, postprocessing=trial.postprocessing).mean_iou
        assert trial.mean_iou.value == pytest.approx(cleaned - plain)
    assert json.loads(json.dumps(choice.to_dict()))["images"] == 8
    assert "Chosen on 8 images" in str(choice) and "%" in str(choice)


def test_images_of_a_group_count_as_one():
    masks = scenes(24)

    def chosen(groups):
        maps = PredictedMaps(NAMES, ())
        for mask, ids, group in zip(masks, with_specks(masks), groups, strict=True):
            maps.add(mask, ids, group=group)
        return choose(maps)

    assert chosen(range(24)).postprocessing and chosen([None] * 24).postprocessing
    # Seven groups change; eight would be needed for five trials.
    assert not chosen([min(number, 6) for number in range(24)]).postprocessing
    with pytest.raises(_validation.InputError, match="at least 6 groups of images"):
        chosen([number % 5 for number in range(24)])


def test_images_needed():
    assert [least_images(trials) for trials in (1, 2, 30)] == [6, 7, 11]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"masks": 5}, "`data` must hold at least 6 images"),
        ({"masks": 7}, "`data` must hold a mask for each of the 14 maps"),
        ({"sizes": []}, "`sizes` must be a non-empty sequence"),
        ({"sizes": [0]}, "`sizes` must be an integer of at least 1"),
        ({"level": 1}, "`level` must lie between 0 and 1"),
        ({"samples": 0}, "`samples` must be an integer"),
        ({"split": "val"}, "`split` applies to a model only"),
        ({"class_names": ["a"]}, r"`model` must hold classes in 0\.\.0"),
    ],
)
def test_wrong_calls(change, said):
    masks = scenes(14)
    count = change.pop("masks", 14)
    maps = with_specks(masks)[: 14 if count == 7 else count]
    with pytest.raises(_validation.InputError, match=said) as error:
        choose_postprocessing(maps, masks[:count], **change)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("number", [3, 255, 256, -1, 259, 0.5, np.nan])
@pytest.mark.parametrize("form", ["model", "maps"])
def test_a_label_that_is_no_class_is_refused(form, number):
    """256 and 259 are classes once they are cast to uint8, and so are -1 and a half."""
    masks = scenes(14)
    masks[5] = masks[5].astype(float if isinstance(number, float) else int)
    masks[5][0, :2] = number
    maps = scenes(14)
    if form == "model":
        image = keras.Input((None, None, 3))
        data = [(10.0 * np.eye(3)[maps], np.stack(masks))]
        call = functools.partial(choose_postprocessing, keras.Model(image, keras.layers.Softmax()(image)), data)
    else:
        call = functools.partial(choose_postprocessing, maps, masks, class_names=NAMES)
    if form == "maps" and isinstance(number, float):
        said = "`data` must hold integer masks"
    else:
        said = rf"`data` must hold classes in 0\.\.2\. Received: data=\[{number}\]\. Name ignored labels"
    with pytest.raises(_validation.InputError, match=said) as error:
        call()
    assert "\n" not in str(error.value)
    if isinstance(number, int):
        assert call(ignore_class=number).mean_iou == 1.0


def test_a_map_of_other_classes_is_refused():
    masks = scenes(14)
    for number in (3, 256, -1):
        maps = scenes(14)
        maps[13][0, 0] = number
        with pytest.raises(_validation.InputError, match=rf"`model` must hold classes.*\[{number}\].*`class_names`"):
            choose_postprocessing(maps, masks, class_names=NAMES)


def test_masks_of_whole_floats_are_those_of_integers():
    """As for `evaluate`."""
    masks = scenes(14)
    maps = [PredictedMaps(NAMES, (255,)) for _ in range(2)]
    for mask, ids in zip(masks, with_specks(masks), strict=True):
        mask[30:, 30:] = 255
        maps[0].add(mask, ids)
        maps[1].add(mask.astype("float32"), ids)
    assert choose(maps[0]).to_dict() == choose(maps[1]).to_dict()


def test_maps_of_another_size_are_refused():
    masks = scenes(6)
    with pytest.raises(_validation.InputError, match="of the size of their predicted maps"):
        choose_postprocessing([mask[1:] for mask in masks], masks)
    with pytest.raises(_validation.InputError, match="integer masks"):
        choose_postprocessing([mask / 1 for mask in masks], masks)
