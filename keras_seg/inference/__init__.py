"""Prediction with trained models: class ids, postprocessing, tiles, test-time augmentation, objects, uncertainty."""

import importlib
import typing

from keras_seg.inference.ensemble import Ensemble
from keras_seg.inference.mc_dropout import mc_dropout
from keras_seg.inference.objects.instances import instances
from keras_seg.inference.objects.stitch_instances import stitch_instances
from keras_seg.inference.polygons import Polygon, polygons
from keras_seg.inference.postprocessing import Postprocessing
from keras_seg.inference.predict_classes import predict_classes
from keras_seg.inference.sliding_window.sliding_window import sliding_window
from keras_seg.inference.tta.brightness import Brightness
from keras_seg.inference.tta.scale import Scale
from keras_seg.inference.tta.shift import Shift
from keras_seg.inference.tta.test_time_augmentation import TestTimeAugmentation
from keras_seg.inference.write_polygons import write_polygons

if typing.TYPE_CHECKING:
    from keras_seg.inference.sliding_window.shift_and_stitch import shift_and_stitch
    from keras_seg.inference.sliding_window.window_difference import WindowDifference, window_difference
    from keras_seg.inference.tiling import Disagreement, GeoTIFF, SeamReport, TiledPredictor, seam_report

# Imported when they are first used: together they take longer than all above. No saved model holds them.
_LATER = {
    "Disagreement": "tiling",
    "GeoTIFF": "tiling",
    "SeamReport": "tiling",
    "TiledPredictor": "tiling",
    "WindowDifference": "sliding_window.window_difference",
    "seam_report": "tiling",
    "shift_and_stitch": "sliding_window.shift_and_stitch",
    "window_difference": "sliding_window.window_difference",
}

__all__ = [
    "Brightness",
    "Disagreement",
    "Ensemble",
    "GeoTIFF",
    "Polygon",
    "Postprocessing",
    "Scale",
    "SeamReport",
    "Shift",
    "TestTimeAugmentation",
    "TiledPredictor",
    "WindowDifference",
    "instances",
    "mc_dropout",
    "polygons",
    "predict_classes",
    "seam_report",
    "shift_and_stitch",
    "sliding_window",
    "stitch_instances",
    "window_difference",
    "write_polygons",
]


def __getattr__(name: str) -> typing.Any:
    if name in _LATER:
        return getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
