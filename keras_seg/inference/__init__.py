"""What is done with a trained model: predicting and judging."""

from keras_seg.inference.evaluation import Evaluation, evaluate
from keras_seg.inference.prediction import predict_classes

__all__ = ["Evaluation", "evaluate", "predict_classes"]
