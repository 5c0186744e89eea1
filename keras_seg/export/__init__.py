"""Files for other runtimes, each compared with Keras before it is moved into place."""

from keras_seg.export.benchmark import benchmark
from keras_seg.export.benchmark_result import Benchmark, BenchmarkRow
from keras_seg.export.delegates.check import check_delegates
from keras_seg.export.delegates.report import (
    DelegateCheck,
    DelegateReport,
    DeviceCheck,
    HalfPrecisionCheck,
    RefusedNode,
)
from keras_seg.export.exported_model import ExportedModel, load
from keras_seg.export.float_formats import onnx, openvino, saved_model
from keras_seg.export.onnx_readers.check import check_readers
from keras_seg.export.reference import check_reference, write_reference
from keras_seg.export.report import ExportReport
from keras_seg.export.tflite.convert import tflite
from keras_seg.export.tflite.layer_error_report import LayerError, LayerErrorReport
from keras_seg.export.tflite.layer_errors import layer_errors
from keras_seg.export.unsupported import UnsupportedOperatorError

__all__ = [
    "Benchmark",
    "BenchmarkRow",
    "DelegateCheck",
    "DelegateReport",
    "DeviceCheck",
    "ExportReport",
    "ExportedModel",
    "HalfPrecisionCheck",
    "LayerError",
    "LayerErrorReport",
    "RefusedNode",
    "UnsupportedOperatorError",
    "benchmark",
    "check_delegates",
    "check_readers",
    "check_reference",
    "layer_errors",
    "load",
    "onnx",
    "openvino",
    "saved_model",
    "tflite",
    "write_reference",
]
