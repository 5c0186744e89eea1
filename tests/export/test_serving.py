"""SavedModels as TensorFlow Serving calls them: requests and answers of its REST and gRPC interfaces.

The server itself is no Python package. Its messages are: what is compared with Keras has been through them.
"""

import base64
import concurrent.futures
import json

import keras
import numpy as np
import pytest

import keras_seg as ks

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on the TensorFlow backend", allow_module_level=True)

pytestmark = [pytest.mark.tensorflow_only, pytest.mark.slow]
tf = pytest.importorskip("tensorflow")
SIZE = (64, 96)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(the images, what Keras predicts, the SavedModels by the kinds of their input and output)."""
    keras.utils.set_random_seed(0)
    images = np.stack([ks.data.shapes_scene(seed, image_size=SIZE)[0] for seed in (3, 4)])
    model = ks.models.UNet(num_classes=3, filters=4, depth=2)
    head = next(layer for layer in reversed(model.layers) if layer.weights)
    logits = keras.Model(model.input, head.output).predict_on_batch(images.astype("float32"))
    head.set_weights([head.get_weights()[0], -logits.mean(axis=(0, 1, 2))])
    scores = model.predict_on_batch(images.astype("float32"))
    assert np.bincount(scores.argmax(-1).ravel(), minlength=3).min() > 100, "every class is predicted somewhere"
    folder = tmp_path_factory.mktemp("models")
    for kind in ("uint8", "float32"):
        for output in ("class_ids", "probabilities"):
            path = folder / f"{kind}_{output}" / "1"
            ks.export.saved_model(model, path, input=kind, output=output, images=images)
    return images, scores, folder


def _signature(folder, kind, output):
    """The signature as the server finds it: the folder with the highest number, the tag and the key of all defaults."""
    versions = [path for path in (folder / f"{kind}_{output}").iterdir() if path.name.isdigit()]
    loaded = tf.saved_model.load(str(max(versions, key=lambda path: int(path.name))), tags=["serve"])
    signature = loaded.signatures["serving_default"]
    signature.kept = loaded
    return signature


def _rest(signature, body):
    """The answer to `POST /v1/models/NAME:predict`: rows of "instances", or whole tensors of "inputs"."""
    request = json.loads(body)
    (inputs,) = signature.structured_input_signature[1].values()
    key = "instances" if "instances" in request else "inputs"
    outputs = signature(**{inputs.name: tf.constant(request[key], inputs.dtype)})
    (output,) = outputs.values()  # One output goes without its name.
    return json.dumps({"predictions" if key == "instances" else "outputs": output.numpy().tolist()})


@pytest.mark.parametrize("rows", [True, False])
def test_rest_gives_the_classes_of_keras(rows, served):
    images, scores, folder = served
    body = json.dumps({"instances" if rows else "inputs": images.tolist()})
    answer = json.loads(_rest(_signature(folder, "uint8", "class_ids"), body))
    found = np.array(answer["predictions" if rows else "outputs"])
    assert found.shape == (2, *SIZE)
    assert (found == scores.argmax(-1)).mean() >= 0.999


@pytest.fixture(scope="module")
def messages():
    """The messages and the interface of the server's gRPC side."""
    pytest.importorskip("tensorflow_serving.apis", reason="needs tensorflow-serving-api")
    pytest.importorskip("grpc", reason="needs grpcio")
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    return predict_pb2, prediction_service_pb2_grpc


def _request(messages, image):
    request = messages[0].PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "segmenter", "serving_default"
    request.inputs["image"].CopyFrom(tf.make_tensor_proto(image))
    return request


def _response(messages, outputs):
    """Values in the fields of their types, as the server writes them by default: integers take as few bytes as fit."""
    response = messages[0].PredictResponse()
    for name, value in outputs.items():
        response.outputs[name].dtype = value.dtype.as_datatype_enum
        response.outputs[name].tensor_shape.CopyFrom(value.shape.as_proto())
        field = response.outputs[name].int_val if value.dtype == tf.int32 else response.outputs[name].float_val
        field.extend(value.numpy().ravel().tolist())
    return response


@pytest.fixture
def client(messages):
    """A function that serves a signature on a port of this machine and gives the client's `Predict`."""
    import grpc

    service = messages[1]
    running = []

    def serve(signature, **options):
        class Service(service.PredictionServiceServicer):
            def Predict(self, request, context):
                inputs = {name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
                return _response(messages, signature(**inputs))

        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(1), options=unlimited)
        service.add_PredictionServiceServicer_to_server(Service(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=list(options.items()))
        running.append((channel, server))
        return service.PredictionServiceStub(channel).Predict

    yield serve
    for channel, server in running:
        channel.close()
        server.stop(None).wait()


def test_grpc_gives_the_classes_of_keras(client, messages, served):
    images, scores, folder = served
    predict = client(_signature(folder, "uint8", "class_ids"))
    found = tf.make_ndarray(predict(_request(messages, images), timeout=60).outputs["class_ids"])
    assert (found.dtype, found.shape) == (np.int32, (2, *SIZE))
    assert (found == scores.argmax(-1)).mean() >= 0.999


def test_an_answer_of_scores_may_exceed_what_clients_take(client, messages, served):
    """gRPC clients refuse answers above 4 MiB unless told otherwise: 600 x 600 scores of three classes in float32."""
    import grpc

    _, _, folder = served
    image = np.random.default_rng(0).integers(0, 256, (1, 600, 600, 3), dtype="uint8")
    signature = _signature(folder, "uint8", "probabilities")
    with pytest.raises(grpc.RpcError) as refused:
        client(signature)(_request(messages, image), timeout=60)
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    predict = client(signature, **{"grpc.max_receive_message_length": -1})
    found = tf.make_ndarray(predict(_request(messages, image), timeout=60).outputs["probabilities"])
    ids = client(_signature(folder, "uint8", "class_ids"))(_request(messages, image), timeout=60).outputs["class_ids"]
    assert (tf.make_ndarray(ids) == found.argmax(-1)).mean() >= 0.999


def test_bytes_per_pixel(messages, served):
    """The sizes on docs/how-to/serving.md."""
    _, _, folder = served
    pixels = 512 * 512
    image = np.random.default_rng(0).integers(0, 256, (1, 512, 512, 3), dtype="uint8")
    floats = (image / np.float32(255)).astype("float32")
    sizes = {
        "float in JSON": len(json.dumps({"inputs": floats.tolist()}, separators=(",", ":"))),
        "uint8 in JSON": len(json.dumps({"inputs": image.tolist()}, separators=(",", ":"))),
        "float in gRPC": _request(messages, floats).ByteSize(),
        "uint8 in gRPC": _request(messages, image).ByteSize(),
    }
    for output in ("probabilities", "class_ids"):
        values = _signature(folder, "uint8", output)(image=tf.constant(image))
        answer = {"outputs": values[output].numpy().tolist()}
        sizes[f"{output} in JSON"] = len(json.dumps(answer, separators=(",", ":")))
        sizes[f"{output} in gRPC"] = _response(messages, values).ByteSize()
    print(sizes)
    sizes = {name: size / pixels for name, size in sizes.items()}
    assert sizes["uint8 in gRPC"] == pytest.approx(3, rel=0.01)
    assert sizes["float in gRPC"] == pytest.approx(12, rel=0.01)
    assert 12 < sizes["uint8 in JSON"] < 14  # Values up to 255 have 2.6 digits on average, and a comma.
    assert sizes["float in JSON"] > 4 * sizes["uint8 in JSON"]
    assert sizes["class_ids in gRPC"] == pytest.approx(1, rel=0.01)
    assert sizes["probabilities in gRPC"] == pytest.approx(12, rel=0.01)
    assert sizes["class_ids in JSON"] == pytest.approx(2, rel=0.01)


def test_encoded_images_in_base64(served, tmp_path):
    """The signature of docs/how-to/serving.md for PNG and JPEG: a string in, {"b64": ...} in JSON."""
    images, scores, folder = served
    module = tf.Module()
    module.segmenter = tf.saved_model.load(str(folder / "uint8_class_ids" / "1"))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def encoded(image_bytes):
        decode = lambda one: tf.io.decode_image(one, channels=3, expand_animations=False)  # noqa: E731
        image = tf.map_fn(decode, image_bytes, fn_output_signature=tf.TensorSpec([None, None, 3], tf.uint8))
        return module.segmenter.signatures["serving_default"](image=image)

    module.encoded = encoded
    tf.saved_model.save(module, str(tmp_path / "1"), signatures={"serving_default": encoded})
    loaded = tf.saved_model.load(str(tmp_path / "1"))
    files = [tf.io.encode_png(image).numpy() for image in images]
    body = json.dumps({"instances": [{"b64": base64.b64encode(file).decode()} for file in files]})
    sent = [base64.b64decode(row["b64"]) for row in json.loads(body)["instances"]]
    found = loaded.signatures["serving_default"](image_bytes=tf.constant(sent))["class_ids"].numpy()
    assert (found == scores.argmax(-1)).mean() >= 0.999
