import json

import numpy as np
import pytest

from keras_seg._validation import InputError
from keras_seg.data import LabelEncoding

# NumPy, Pillow and tf.data only: the same code runs whatever the backend.
pytestmark = pytest.mark.tensorflow_only


def counts(*values):
    return dict.fromkeys(values, 100)


def encode(encoding, *values):
    return encoding.encode(np.array(values)).tolist()


def test_ids_count_up_from_zero():
    encoding = LabelEncoding._from_counts(counts(0, 1, 4))
    assert (encoding.num_classes, encoding.ignore_class, encode(encoding, 0, 1, 4)) == (5, (), [0, 1, 4])
    assert encoding.class_names == ("class_0", "class_1", "class_2", "class_3", "class_4")
    assert encoding.notices == ("Masks hold ids up to 4: read as 5 classes.",)


def test_what_was_asked_for_leaves_no_notice():
    encoding = LabelEncoding._from_counts(counts(0, 1, 255), num_classes=4, ignore_class=255)
    assert (encoding.num_classes, encoding.ignore_class, encoding.notices) == (4, (255,), ())


@pytest.mark.parametrize("num_classes", [None, 2])
@pytest.mark.parametrize("values", [(0, 255), (255,)])
def test_black_and_white(values, num_classes):
    encoding = LabelEncoding._from_counts(counts(*values), num_classes=num_classes)
    assert encoding.num_classes == 2 and encode(encoding, 0, 255) == [0, 1]
    assert encoding.notices == ("Masks hold 0 and 255: read as classes 0 and 1.",)


@pytest.mark.parametrize("num_classes", [None, 2])
def test_smoothed_black_and_white(num_classes):
    found = dict.fromkeys(range(256), 3) | {0: 9000, 255: 5000}
    encoding = LabelEncoding._from_counts(found, num_classes=num_classes)
    assert encode(encoding, 0, 3, 127, 128, 250, 255) == [0, 0, 0, 1, 1, 1]
    # 254 values of 3 pixels each lie in between, of 14 762 in all: 5.2 %.
    assert "5.2%" in encoding.notices[0] and "split at 128" in encoding.notices[0]


@pytest.mark.parametrize(
    "found",
    [
        counts(*range(21), 255),  # Pascal VOC.
        counts(*range(34), 255),  # Cityscapes.
        counts(*range(151), 255),  # ADE20K.
        {0: 99_000, 1: 20, 255: 900},  # Few, small objects with a void border.
        {0: 99_000, **dict.fromkeys(range(1, 34), 20), 255: 900},
    ],
)
def test_ids_with_void_are_not_black_and_white(found):
    encoding = LabelEncoding._from_counts(found)
    assert encoding.threshold is None and encoding.ignore_class == (255,)
    assert encoding.num_classes == sorted(found)[-2] + 1
    assert any("ignore_class=255" in notice for notice in encoding.notices)


def test_two_classes_with_void_are_not_black_and_white():
    """The few pixels of class 1 became background, and those without a class became class 1."""
    for two in ({"num_classes": 2}, {"class_names": ["ground", "lesion"]}):
        encoding = LabelEncoding._from_counts({0: 99_000, 1: 20, 255: 900}, **two)
        assert encoding.threshold is None and encode(encoding, 0, 1) == [0, 1]
        with pytest.raises(InputError, match="label 255, outside the 2 classes.*ignore_class=255"):
            encoding._check({0: 99_000, 1: 20, 255: 900}, "a.png")


def test_zero_and_255_with_void_asked_for_is_not_black_and_white():
    encoding = LabelEncoding._from_counts(counts(0, 255), num_classes=2, ignore_class=255)
    assert encode(encoding, 0, 255) == [0, 255] and encoding.threshold is None


def test_two_hundred_and_fifty_six_classes_are_possible():
    encoding = LabelEncoding._from_counts(counts(*range(256)), num_classes=256)
    assert encode(encoding, 255) == [255] and encoding.ignore_class == ()


def test_camvid():
    encoding = LabelEncoding._from_counts(counts(*range(12)), ignore_class=11)
    assert (encoding.num_classes, encoding.ignore_class) == (11, (11,))


def test_label_map():
    encoding = LabelEncoding._from_counts(counts(1, 2, 3), label_map={1: 0, 2: 1, 3: 2})
    assert encoding.num_classes == 3
    assert encode(encoding, 1, 2, 3) == [0, 1, 2]  # Not applied one after the other: 3 would end as 0.


@pytest.mark.parametrize(("ignore", "dtype"), [(None, "uint8"), (255, "uint8"), (-1, "int32"), (256, "int32")])
def test_dtype_holds_every_label(ignore, dtype):
    assert LabelEncoding(num_classes=3, ignore_class=ignore).encode(np.zeros(2, "uint8")).dtype == dtype


@pytest.mark.parametrize("label", [3, 255, -1])
def test_label_outside_names_file_label_and_fix(label):
    encoding = LabelEncoding(num_classes=3)
    with pytest.raises(InputError) as error:
        encoding._check({0: 5, label: 1}, "masks/a.png")
    text = str(error.value)
    assert "\n" not in text
    assert text.startswith("masks/a.png: ") and f"label {label}," in text and f"ignore_class={label}" in text
    encoding._check({0: 5, 1: 1}, "masks/a.png")
    LabelEncoding(num_classes=3, ignore_class=label)._check({0: 5, label: 1}, "masks/a.png")


@pytest.mark.parametrize(
    ("found", "arguments", "said"),
    [
        (counts(0, 1), {"num_classes": 3, "class_names": ["a", "b"]}, "must hold 3 names"),
        (counts(0), {}, "label 0 only"),
        (counts(0, 128, 200), {}, "label_map={0: 0, 128: 1, ...}"),
        (counts(255), {"ignore_class": 255}, "no class at all"),
        (counts(-1, 0, 1), {}, "label -1"),
        (counts(0, 1), {"num_classes": 1}, "`num_classes`"),
        (counts(0, 1), {"ignore_class": "x"}, "`ignore_class`"),
    ],
)
def test_bad(found, arguments, said):
    with pytest.raises(InputError) as error:
        LabelEncoding._from_counts(found, **arguments)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_threshold_leaves_nothing_to_map():
    with pytest.raises(InputError, match="`label_map` cannot be combined with `threshold`"):
        LabelEncoding(num_classes=2, threshold=128, label_map={255: 1})


def test_names_give_the_number_of_classes():
    assert LabelEncoding._from_counts(counts(0, 1), class_names=["a", "b", "c"]).num_classes == 3


def test_config_round_trip():
    encoding = LabelEncoding._from_counts(counts(1, 2, 9), ignore_class=9, label_map={1: 0, 2: 1})
    assert LabelEncoding(**json.loads(json.dumps(encoding.get_config()))) == encoding


def test_immutable():
    with pytest.raises(AttributeError):
        LabelEncoding(num_classes=3).num_classes = 4
