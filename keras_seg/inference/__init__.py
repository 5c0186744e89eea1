"""What is done with a trained model: predicting and judging."""

from keras_seg.inference.boundary_evaluation import BoundaryEvaluation, boundary_lines, evaluate_boundaries
from keras_seg.inference.brightness import Brightness
from keras_seg.inference.evaluation import Evaluation, evaluate
from keras_seg.inference.instance_evaluation import InstanceEvaluation, evaluate_instances
from keras_seg.inference.instances import instances
from keras_seg.inference.mc_dropout import mc_dropout
from keras_seg.inference.prediction import predict_classes
from keras_seg.inference.scale import Scale
from keras_seg.inference.shift import Shift
from keras_seg.inference.shift_and_stitch import shift_and_stitch
from keras_seg.inference.sliding_window import sliding_window
from keras_seg.inference.stitch_instances import stitch_instances
from keras_seg.inference.test_time_augmentation import TestTimeAugmentation
from keras_seg.inference.tiling import Disagreement, SeamReport, TiledPredictor, seam_report
from keras_seg.inference.tta_gains import TTAGain, TTAReport
from keras_seg.inference.tta_report import tta_report
from keras_seg.inference.tune_instances import TunedInstances, tune_instances
from keras_seg.inference.window_difference import WindowDifference, window_difference

__all__ = [
    "BoundaryEvaluation",
    "Brightness",
    "Disagreement",
    "Evaluation",
    "InstanceEvaluation",
    "Scale",
    "SeamReport",
    "Shift",
    "TTAGain",
    "TTAReport",
    "TestTimeAugmentation",
    "TiledPredictor",
    "TunedInstances",
    "WindowDifference",
    "boundary_lines",
    "evaluate",
    "evaluate_boundaries",
    "evaluate_instances",
    "instances",
    "mc_dropout",
    "predict_classes",
    "seam_report",
    "shift_and_stitch",
    "sliding_window",
    "stitch_instances",
    "tta_report",
    "tune_instances",
    "window_difference",
]
