"""The pixels of a mask as class ids, however they are stored."""

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.mask_reading import read_content, unpacked
from keras_seg.data.diagnosis.pair_facts import PairFacts
from keras_seg.data.index import black_and_white


def mask_ids(collected: Collected, facts: PairFacts) -> np.ndarray:
    """The ids of a mask file, an integer array of its size; values that "label_map" of labels.json maps are mapped.

    Raises:
        InputError: The file can no longer be read, or holds a color without an id.
    """
    if facts.mask is None or facts.mask_look is None:
        raise ValueError("Only readable masks have ids.")
    content = read_content(facts.mask, painted=collected.labels.colors is not None)
    if collected.painted and content.packed is not None:
        found, inverse = np.unique(content.packed, return_inverse=True)
        palette = collected.palette or {}
        ids = [palette.get(unpacked(int(value))) for value in found]
        if None in ids:
            raise InputError(f"{facts.mask}: holds a color without an id.")
        return np.array(ids, np.int32)[inverse.reshape(content.packed.shape)]
    values = content.values
    if values is None:
        raise InputError(f"{facts.mask}: holds colors.")
    if collected.black_and_white:
        white = 1 if collected.kind(facts.mask_look) == "0 and 1" else black_and_white.THRESHOLD
        return (values >= white).astype(np.int32)
    ids = values.astype(np.int32)
    for value, id_ in (collected.labels.label_map or {}).items():
        ids[values == value] = id_
    return ids
