"""Artefacts that prove their own numbers."""

from keras_seg.export.onnx import onnx
from keras_seg.export.openvino import openvino
from keras_seg.export.report import ExportReport
from keras_seg.export.saved_model import saved_model
from keras_seg.export.tflite import tflite

__all__ = ["ExportReport", "onnx", "openvino", "saved_model", "tflite"]
