"""Labels of a mask that are neither a class nor ignored."""

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.pair_facts import MaskLook


def stray_labels(collected: Collected, look: MaskLook) -> list[int]:
    """The out-of-range labels of a mask, in ascending order."""
    found = collected.class_pixels(look)
    if collected.painted or collected.black_and_white:
        return []
    if collected.labels.names is None:
        return sorted(id_ for id_ in found if id_ < 0)
    return sorted(id_ for id_ in found if not 0 <= id_ < len(collected.labels.names))
