"""Predictions of U-Nets: Keras, the files that `export` writes, and PyTorch."""

import functools
import pathlib
import tempfile

from exports import as_if_trained
from machine_rates import has_bfloat16
from worker import THREADS

from cases.twins import CLASSES, ours, pixels, smp_twin

NETS = ("MobileNetV2", "ResNet50Torchvision", "EfficientNetB0")
SIZE = 224
CASES = [f"{net}, batch {batch}" for net in NETS for batch in (1, 8)]
# The best file is one of those below it.
OURS = {
    "predict_on_batch": 0.9,
    "SavedModel": 0.7,
    "best file": 0.33,
    "TFLite": None,
    "ONNX Runtime": None,
    "OpenVINO": None,
    "OpenVINO, bfloat16": None,
}
BEST = "best file"
PEERS = ["smp", "smp, bfloat16", "smp compiled"]
FOREIGN = PEERS
MEMORY = None


def has(system, case):
    return system != BEST and (has_bfloat16() or not system.endswith("bfloat16"))


def prepare(system, case):
    net, batch = case.split(", batch ")
    images, _ = pixels(int(batch), SIZE)
    if system in FOREIGN:
        return on_torch(net, images, bfloat16=system.endswith("bfloat16"), compiled=system == "smp compiled"), {}
    import keras

    import keras_seg as ks

    model = ours(net)
    as_if_trained(model)
    # The logits of random weights are hundreds, and the rounding of such is that of an export that is wrong.
    head = model.get_layer("logits")
    head.set_weights([weight / 100 for weight in head.get_weights()])
    kind = "bfloat16" if system.endswith("bfloat16") else "float32"
    products = len(images) * ks.analysis.multiply_adds(model, input_size=SIZE)
    model = keras.Model(model.inputs, keras.layers.Softmax()(model.outputs[0]))
    return call(system, model, images), {"multiply_adds": products, "type": kind}


def call(system, model, images):
    """The prediction by a runtime."""
    import keras_seg as ks

    if system == "predict_on_batch":
        return functools.partial(model.predict_on_batch, images)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="inference-"))
    options = {"input_size": SIZE, "batch_size": len(images)}
    if system == "SavedModel":
        import tensorflow as tf

        ks.export.saved_model(model, folder / "saved", input_size=SIZE)
        serve = tf.saved_model.load(folder / "saved").signatures["serving_default"]
        constant = tf.constant(images)
        return lambda: [value.numpy() for value in serve(image=constant).values()]
    if system == "TFLite":
        from ai_edge_litert.interpreter import Interpreter

        ks.export.tflite(model, folder / "m.tflite", **options)
        interpreter = Interpreter(model_path=str(folder / "m.tflite"), num_threads=THREADS)
        interpreter.allocate_tensors()
        return functools.partial(interpreter.get_signature_runner(), image=images)
    if system == "ONNX Runtime":
        import onnxruntime

        ks.export.onnx(model, folder / "m.onnx", **options)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = THREADS
        session = onnxruntime.InferenceSession(folder / "m.onnx", settings, providers=["CPUExecutionProvider"])
        return functools.partial(session.run, None, {"image": images})
    import openvino

    ks.export.openvino(model, folder / "m.xml", **options)
    hint = "bf16" if system.endswith("bfloat16") else "f32"
    settings = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": hint}
    return functools.partial(openvino.Core().compile_model(folder / "m.xml", "CPU", settings), images)


def on_torch(net, images, *, bfloat16, compiled):
    import torch

    model = smp_twin(net).eval()
    assert model.segmentation_head[0].out_channels == CLASSES
    x = torch.from_numpy(images).movedim(-1, 1).contiguous(memory_format=torch.channels_last)
    forward = torch.compile(model) if compiled else model

    def predict():
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            return torch.softmax(forward(x / 127.5 - 1), dim=1)

    return predict
