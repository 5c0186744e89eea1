"""What is done with a trained model: predicting and judging."""

from keras_seg.inference.brightness import Brightness
from keras_seg.inference.evaluation import Evaluation, evaluate
from keras_seg.inference.mc_dropout import mc_dropout
from keras_seg.inference.prediction import predict_classes
from keras_seg.inference.scale import Scale
from keras_seg.inference.shift import Shift
from keras_seg.inference.shift_and_stitch import shift_and_stitch
from keras_seg.inference.sliding_window import sliding_window
from keras_seg.inference.test_time_augmentation import TestTimeAugmentation
from keras_seg.inference.tta_report import TTAGain, TTAReport, tta_report
from keras_seg.inference.window_difference import WindowDifference, window_difference

__all__ = [
    "Brightness",
    "Evaluation",
    "Scale",
    "Shift",
    "TTAGain",
    "TTAReport",
    "TestTimeAugmentation",
    "WindowDifference",
    "evaluate",
    "mc_dropout",
    "predict_classes",
    "shift_and_stitch",
    "sliding_window",
    "tta_report",
    "window_difference",
]
