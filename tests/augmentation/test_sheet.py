import numpy as np
import pytest

from keras_seg._validation import InputError
from keras_seg.augmentation import Augmentation, ClassMix, Flip, sheet

pytestmark = pytest.mark.tensorflow_only  # NumPy and Pillow, around an augmentation that has tests of its own.

IMAGE = np.full((20, 30, 3), 200, "uint8")
MASK = np.arange(600).reshape(20, 30) % 3


def test_layout_and_contents():
    never = Augmentation([Flip(probability=0.0)], ignore_class=2)
    picture = np.asarray(sheet(never, IMAGE, mask=MASK, count=5, columns=3, height=20))
    # The image, 12 pixels, then two rows of three, 4 pixels apart.
    assert picture.shape == (44, 30 + 12 + 3 * 34 - 4, 3)
    first = picture[:20, :30]
    for i in range(5):
        top, left = 24 * (i // 3), 42 + 34 * (i % 3)
        np.testing.assert_array_equal(picture[top : top + 20, left : left + 30], first)
    assert (picture[24:, 42 + 68 :] == 255).all()
    # Ignored pixels are black under 45 %: 0.55 * 200 = 110.
    assert (first[MASK == 2] == 110).all() and len(np.unique(first.reshape(-1, 3), axis=0)) == 3


def test_batches_and_images_alone():
    mixed = sheet(
        Augmentation([ClassMix(3)]), np.stack([IMAGE, IMAGE // 2]), mask=np.stack([MASK, MASK]), count=2, height=20
    )
    assert mixed.size == (30 + 12 + 4 * 34 - 4, 20)
    assert sheet(Augmentation([Flip()]), IMAGE, count=1, columns=1, height=20).size == (72, 20)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"count": 0}, "`count`"),
        ({"augment": None}, "`augment`"),
        ({"mask": MASK.T}, "`mask`"),
        ({"image": IMAGE[0]}, "`image`"),
        ({"alpha": 2}, "`alpha`"),
        ({"seed": -1}, "`seed`"),
        ({"mask": None, "ignore_class": 2}, "`ignore_class` has no effect"),
    ],
)
def test_bad_input(arguments, said):
    with pytest.raises(InputError, match=said):
        sheet(**{"augment": Augmentation([Flip()]), "image": IMAGE, "mask": MASK, **arguments})
