"""Artefacts that prove their own numbers."""

from keras_seg.export.report import ExportReport
from keras_seg.export.saved_model import saved_model
from keras_seg.export.tflite import tflite

__all__ = ["ExportReport", "saved_model", "tflite"]
