"""The report on a run: one HTML page with scores, reasons, pictures and commands."""

from keras_seg.report.boundaries import examine_boundaries
from keras_seg.report.comparison_page import comparison_page
from keras_seg.report.examination import Examination
from keras_seg.report.instances import examine_instances
from keras_seg.report.multilabel import examine_multilabel
from keras_seg.report.run_page import run_page
from keras_seg.report.semantic import examine_semantic

__all__ = [
    "Examination",
    "comparison_page",
    "examine_boundaries",
    "examine_instances",
    "examine_multilabel",
    "examine_semantic",
    "run_page",
]
