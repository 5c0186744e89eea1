"""tta_report against the evaluation of each model by itself."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

import keras_seg as ks
from keras_seg import _validation
from keras_seg.evaluation import tta_report
from keras_seg.inference import Brightness, Scale, Shift

pytestmark = pytest.mark.tensorflow_only
TTA = ks.inference.TestTimeAugmentation


@pytest.fixture(scope="module")
def model():
    """Sees brighter pixels as class 1, and more so at the right: flipping it tells, turning it upside down does not."""
    image = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(2, (1, 5), padding="same", activation="softmax")(image / 255.0)
    net = keras.Model(image, x)
    kernel = np.zeros((1, 5, 1, 2), "float32")
    kernel[0, :, 0, 1] = (0, 0, 2, 4, 6)
    net.set_weights([kernel, np.array([0.0, -6.0], "float32")])
    return net


@pytest.fixture(scope="module")
def batches():
    """Bright rectangles on dark ground, with noise; void is 7."""
    rng = np.random.default_rng(0)
    found = []
    for size in ((16, 20), (14, 18)):
        masks = np.zeros((6, *size), "int32")
        for mask in masks:
            top, left = rng.integers(1, 5, 2)
            mask[top : top + 8, left : left + 9] = 1
        images = 60 + 130 * masks + rng.normal(0, 40, masks.shape)
        masks[:, 0, :3] = 7
        found.append((images[..., None].astype("float32"), masks))
    return found


def scores_of(model, batches):
    """(mean IoU, boundary IoU) by the metrics as they are used everywhere."""
    metrics = ks.metrics.MeanIoU(2, ignore_class=7), ks.metrics.BoundaryIoU(2, ignore_class=7, distance=1)
    for images, masks in batches:
        for metric in metrics:
            metric.update_state(masks, model.predict_on_batch(images))
    return [float(metric.result()) for metric in metrics]


def test_gains_are_those_of_the_metrics(model, batches):
    """A diagonal of up to 26 pixels makes bands of one pixel."""
    done = []
    report = tta_report(
        model,
        batches,
        transforms=["flips", Scale(0.5)],
        ignore_class=7,
        samples=50,
        progress=lambda *count: done.append(count),
    )
    assert done[-1] == (12, 12)
    assert report.images == 12
    assert report.score >= report.mean_iou
    plain = scores_of(model, batches)
    np.testing.assert_allclose((report.mean_iou, report.boundary_iou), plain, rtol=1e-6)
    assert [gain.name for gain in report.alone] == ["hflip", "vflip", "Scale(0.5)"]
    assert [gain.passes for gain in report.alone] == [2, 2, 2]
    assert report.together.passes == 8
    for gain in (*report.alone, report.together):
        better = scores_of(TTA(model, list(gain.transforms)), batches)
        np.testing.assert_allclose(gain.mean_iou.value, better[0] - plain[0], atol=1e-6)
        np.testing.assert_allclose(gain.boundary_iou.value, better[1] - plain[1], atol=1e-6)
        assert gain.mean_iou.low <= gain.mean_iou.value <= gain.mean_iou.high
        assert gain.time_ratio > 0


@pytest.mark.thorough
def test_what_helps_is_recommended(model, batches):
    """The flip mends what leans to one side; upside down nothing changes; a hundredth of the light is no picture."""
    report = tta_report(
        model, batches, transforms=["hflip", "vflip", Brightness(0.01, 100)], ignore_class=7, samples=200
    )
    assert {gain.name: gain.verdict for gain in report.alone} == {
        "hflip": "helps",
        "vflip": "unclear",
        "Brightness(0.01)": "harms",
        "Brightness(100)": "harms",
    }
    assert report.recommended == ("hflip",)
    assert report.recommended_gain == report.alone[0]
    content = json.loads(json.dumps(report.to_dict()))
    assert content["recommended"] == ["hflip"]
    assert content["alone"][1]["mean_iou"] == {"gain": 0, "low": 0, "high": 0}
    text = str(report)
    assert "recommended: hflip, 2 passes." in text
    assert "12 images; gains in points with their paired 95 % interval" in text


def test_a_report_fits_eighty_columns():
    """Of long names and numbers; what is said of one transform is not said again of all."""
    loss = ks.metrics.Interval(value=-0.24764, low=-0.25741, high=-0.23757, level=0.95, samples=np.zeros(1))
    items = ("hflip", "rot90", Scale(0.75), Scale(1.25), Shift((16, 16)), Brightness(0.9))
    alone = tuple(
        ks.evaluation.TTAGain(
            transforms=(item,), passes=2, mean_iou=loss, boundary_iou=loss, time_ratio=12.3, verdict="unclear"
        )
        for item in items
    )
    best = ks.evaluation.TTAGain(
        transforms=("hflip", "rot90", Scale(0.75, 1.25), Shift((16, 16))),
        passes=48,
        mean_iou=loss,
        boundary_iou=loss,
        time_ratio=61.2,
        verdict="helps",
    )
    report = ks.evaluation.TTAReport(
        images=101,
        mean_iou=0.6214,
        boundary_iou=0.5086,
        merge="geometric_mean",
        alone=alone,
        together=best,
        recommended=best.transforms,
        recommended_gain=best,
    )
    assert max(map(len, str(report).splitlines())) <= 80
    assert str(report).count("-24.76 (-25.74, -23.76)") == 2 * (len(items) + 2)
    assert "recommended: hflip x rot90 x Scale(0.75, 1.25) x Shift((16, 16)), 48 passes." in str(report)
    one = ks.evaluation.TTAReport(
        images=101,
        mean_iou=0.6214,
        boundary_iou=0.5086,
        merge="mean",
        alone=alone[:1],
        together=alone[0],
        recommended=(),
        recommended_gain=None,
    )
    assert "all" not in str(one)


def test_a_product_that_holds_a_harm_is_not_recommended():
    interval = ks.metrics.Interval(value=0.0, low=0.0, high=0.0, level=0.95, samples=np.zeros(1))

    def gain(transform, value, verdict):
        better = ks.metrics.Interval(value=value, low=value, high=value, level=0.95, samples=np.zeros(1))
        return ks.evaluation.TTAGain(
            transforms=(transform,), passes=2, mean_iou=better, boundary_iou=interval, time_ratio=2.0, verdict=verdict
        )

    from keras_seg.evaluation.tta_report import _recommended

    helps = [gain("hflip", 0.03, "helps"), gain("rot90", 0.01, "helps"), gain(Scale(0.5), 0.02, "helps")]
    assert _recommended(helps, 16) == ("hflip", "rot90", Scale(0.5))
    assert _recommended(helps, 4) == ("hflip", Scale(0.5))
    assert _recommended([*helps, gain("vflip", -0.01, "harms")], 16) == ("hflip", Scale(0.5))
    assert _recommended([gain("hflip", 0.0, "unclear")], 16) == ()


@pytest.mark.thorough
def test_folders_and_augmented_models(model, batches, tmp_path):
    for kind in ("images", "masks"):
        (tmp_path / "val" / kind).mkdir(parents=True)
    for n, (image, mask) in enumerate(zip(*batches[0], strict=True)):
        Image.fromarray(np.clip(image[..., 0], 0, 255).astype("uint8")).save(tmp_path / "val" / "images" / f"{n}.png")
        Image.fromarray(mask.astype("uint8")).save(tmp_path / "val" / "masks" / f"{n}.png")
    index = ks.data.scan_folder(tmp_path, split="val", num_classes=2, ignore_class=7, channels=1)
    augmented = TTA(model, ["hflip", Shift(1, (0, 2))], merge="max")
    report = tta_report(augmented, index, samples=20, batch_size=4)
    assert report.merge == "max"
    assert [gain.name for gain in report.alone] == ["hflip", "Shift(1)", "Shift((0, 2))"]
    evaluation = ks.evaluation.evaluate(model, index)
    assert report.mean_iou == pytest.approx(evaluation.mean_iou)
    color = keras.Input((None, None, 3))
    gray = keras.Model(color, model(color[..., :1]))
    by_path = tta_report(gray, tmp_path, transforms="hflip", ignore_class=7, samples=20)
    assert by_path.mean_iou == pytest.approx(evaluation.mean_iou)


def test_nothing_to_try(model, batches):
    report = tta_report(model, batches, transforms="identity", ignore_class=7, samples=20)
    assert (report.alone, report.together, report.recommended) == ((), None, ())
    assert "predict without" in str(report)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"data": iter([])}, "`data` is read twice.*list of batches"),
        ({"data": 7}, "`data` must be finite batches"),
        ({"data": []}, "`data` must hold at least two images"),
        ({"data": [np.zeros((2, 4, 4, 1))]}, "`data` must hold batches .images, masks."),
        ({"data": [(np.zeros((2, 4, 4, 1)), np.zeros((2, 4, 5)))]}, "`data` must hold images .*masks"),
        ({"data": [(np.zeros((4, 4, 1)), np.zeros((4, 4)))]}, "`data` must hold images .*image.None., mask.None."),
        ({"transforms": "hflop"}, "`transforms` is not a known option"),
        ({"transforms": []}, "`transforms` must hold names"),
        ({"merge": "median"}, "`merge` is not a known option"),
        ({"level": 1}, "`level` must lie between 0 and 1"),
        ({"samples": 0}, "`samples` must be an integer of at least 1"),
        ({"seed": -1}, "`seed` must be an integer of at least 0"),
        ({"max_passes": 0}, "`max_passes` must be an integer of at least 1"),
        ({"batch_size": 0}, "`batch_size` applies to a folder or index only"),
        ({"model": None}, "`model` must be a functional keras.Model"),
    ],
)
def test_bad_input(change, message, model, batches):
    with pytest.raises(_validation.InputError, match=message) as caught:
        tta_report(**{"model": model, "data": batches, "transforms": "hflip", **change})
    assert "\n" not in str(caught.value)


def test_endless_data(model, batches):
    tf = pytest.importorskip("tensorflow")
    endless = tf.data.Dataset.from_tensor_slices(batches[0]).batch(2).repeat()
    with pytest.raises(_validation.InputError, match="`data` must be finite"):
        tta_report(model, endless)


def test_what_an_index_has_already(model, tmp_path):
    ks.data.write_shapes(tmp_path, train=1, val=2, image_size=(48, 48))
    index = ks.data.scan_folder(tmp_path, split="val")
    with pytest.raises(_validation.InputError, match="`ignore_class` cannot change a FolderIndex"):
        tta_report(model, index, ignore_class=0)


def test_classes_that_disagree(batches, tmp_path):
    ks.data.write_shapes(tmp_path, train=1, val=2, image_size=(48, 48))
    index = ks.data.scan_folder(tmp_path, split="val")
    with pytest.raises(_validation.InputError, match="`model` must have the 7 classes"):
        tta_report(ks.models.UNet(num_classes=3, filters=4, depth=1), index)
