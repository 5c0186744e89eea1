"""What an export says about itself."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """The proof that an exported file computes what the Keras model computes.

    Attributes:
        format: str, such as "tflite".
        path: str, where the artefact lies.
        input_shape: tuple, of the input the comparison was made with, (batch, height, width, channels).
        input: str, the type of the image's values, "float32" or "uint8".
        output: str, "probabilities", "class_ids" or "both".
        ops: tuple of str, the distinct operators in the artefact, sorted.
        size_bytes: int, on disk.
        images: int, how many images were compared.
        max_abs_difference: float, the largest difference of any output value from Keras.
        agreement: float in [0, 1], the share of pixels with the same class as in Keras.
        share_apart: float in [0, 1], the share of pixels with a value further from Keras than 0.001. Above zero only
            for nets that unpool, where rounding decides between equal maxima.
        milliseconds: float, the median time of one call on this machine, with a batch of one where any will do.
        threads: int, how many threads it had; a SavedModel takes what TensorFlow gives it.
    """

    format: str
    path: str
    input_shape: tuple
    input: str
    output: str
    ops: tuple
    size_bytes: int
    images: int
    max_abs_difference: float
    agreement: float
    share_apart: float
    milliseconds: float
    threads: int

    def to_dict(self):
        """The attributes as a JSON-ready dict."""
        return dataclasses.asdict(self)
