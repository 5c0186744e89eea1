"""Evaluation of trained models against ground truth."""

from keras_seg.evaluation.boundaries import BoundaryEvaluation, boundary_lines, evaluate_boundaries
from keras_seg.evaluation.choose_postprocessing import choose_postprocessing
from keras_seg.evaluation.compare import Comparison, compare
from keras_seg.evaluation.evaluate_folds import evaluate_folds
from keras_seg.evaluation.folds_evaluation import FoldsEvaluation
from keras_seg.evaluation.instances import InstanceEvaluation, evaluate_instances
from keras_seg.evaluation.multilabel import MultiLabelEvaluation, evaluate_multilabel
from keras_seg.evaluation.postprocessing_choice import PostprocessingChoice, PostprocessingTrial
from keras_seg.evaluation.semantic import Evaluation, evaluate
from keras_seg.evaluation.temperature import Calibration, fit_temperature
from keras_seg.evaluation.threshold_choice import ThresholdChoice
from keras_seg.evaluation.tta_gain import TTAGain, TTAReport
from keras_seg.evaluation.tta_report import tta_report
from keras_seg.evaluation.tune_instances import TunedInstances, tune_instances

__all__ = [
    "BoundaryEvaluation",
    "Calibration",
    "Comparison",
    "Evaluation",
    "FoldsEvaluation",
    "InstanceEvaluation",
    "MultiLabelEvaluation",
    "PostprocessingChoice",
    "PostprocessingTrial",
    "TTAGain",
    "TTAReport",
    "ThresholdChoice",
    "TunedInstances",
    "boundary_lines",
    "choose_postprocessing",
    "compare",
    "evaluate",
    "evaluate_boundaries",
    "evaluate_folds",
    "evaluate_instances",
    "evaluate_multilabel",
    "fit_temperature",
    "tta_report",
    "tune_instances",
]
