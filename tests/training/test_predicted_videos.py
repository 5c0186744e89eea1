"""Videos of overlays, of videos that are made on the spot."""

import fractions
import sys

import keras
import numpy as np
import pytest
from PIL import Image
from shell import command, refusal

import keras_seg as ks
from keras_seg import InputError
from keras_seg.training import prediction_videos
from keras_seg.training.model_facts import ModelFacts
from keras_seg.training.prediction_inputs import find_images
from keras_seg.training.prediction_videos import predict_videos, turned, turned_ratio
from keras_seg.training.usable_model import UsableModel

av = pytest.importorskip("av")
pytestmark = pytest.mark.tensorflow_only

# Odd sides, which encoders do not take.
HEIGHT, WIDTH = 47, 61
TIMES = (0, 40, 80, 200, 240)  # Milliseconds: not evenly spaced.


class Bright(UsableModel):
    """A model of the two classes dark and bright."""

    def load_model(self):
        image = keras.Input((None, None, self.channels))
        gray = keras.ops.mean(image, axis=-1, keepdims=True)
        return keras.Model(image, keras.ops.concatenate([255 - gray, gray], axis=-1))


def bright(**facts):
    labels = {"names": ["dark", "bright"], "ignore_class": []}
    found = ModelFacts(**{"task": "semantic", "labels": labels, "channels": 3, **facts})
    return Bright("bright", facts=found, postprocessing=True)


def written(path, *, start=0, ratio=None):
    """A bright half that wanders to the right, from `start` milliseconds on."""
    with av.open(str(path), "w") as container:
        # MPEG-4 keeps the shape of pixels, and FFV1 their values.
        codec, form = ("ffv1", "bgr0") if ratio is None else ("mpeg4", "yuv420p")
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, form
        stream.codec_context.time_base = fractions.Fraction(1, 1000)
        if ratio is not None:
            stream.codec_context.sample_aspect_ratio = ratio
        for number, time in enumerate(TIMES):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = start + time, fractions.Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return written(tmp_path_factory.mktemp("videos") / "clip.mkv")


def picture(number):
    image = np.full((HEIGHT, WIDTH, 3), 20, "uint8")
    image[:, 10 * number :] = 230
    return image


def frames_of(path):
    with av.open(str(path)) as container:
        return [(frame.to_ndarray(format="rgb24"), float(frame.time)) for frame in container.decode(video=0)]


def predicted(video, out, **options):
    run = options.pop("run", None) or bright()
    videos = prediction_videos.prediction_videos(find_images([video]), out)
    return predict_videos(run, run.load_model(), videos, **options), videos[0].overlay


def test_overlays_of_each_frame_at_its_time(video, tmp_path):
    seen = []
    ((done,), failures), path = predicted(video, tmp_path, progress=lambda *found: seen.append(found[1:]))
    assert (failures, done.frames, path) == ([], len(TIMES), tmp_path / "videos" / "clip.mp4")
    assert [count for count, _, _ in seen] == [1, 2, 3, 4, 5] and all(speed > 0 for _, _, speed in seen)
    found = frames_of(path)
    assert [round(1000 * time) for _, time in found] == list(TIMES)
    colors = ks.visualization.palette(2)
    for number, (frame, _) in enumerate(found):
        image = picture(number)
        expected = ks.visualization.overlay(image, (image[..., 0] > 100).astype("uint8"), colors)
        assert frame.shape == (HEIGHT + 1, WIDTH + 1, 3)
        # Encoding loses a little, most of it where colors meet.
        assert np.median(np.abs(frame[:HEIGHT, :WIDTH].astype(int) - expected)) <= 4


def test_the_first_frame_is_shown_at_once(tmp_path):
    """Cameras, streams and parts of a recording count from an earlier time."""
    source = written(tmp_path / "part.mkv", start=1_000_000)
    assert frames_of(source)[0][1] == 1000
    _, path = predicted(source, tmp_path)
    assert [round(1000 * time) for _, time in frames_of(path)] == list(TIMES)


def ratio_of(path):
    with av.open(str(path)) as container:
        return float(container.streams.video[0].sample_aspect_ratio or 1)


def test_pixels_that_are_not_square(video, tmp_path):
    source = written(tmp_path / "wide.mkv", ratio=fractions.Fraction(4, 3))
    assert ratio_of(source) == pytest.approx(4 / 3, rel=0.01)
    _, path = predicted(source, tmp_path, frames=1)
    assert ratio_of(path) == pytest.approx(ratio_of(source), rel=1e-3)
    _, path = predicted(video, tmp_path, frames=1)
    assert ratio_of(path) == 1
    # Phones turn them.
    wide, high = fractions.Fraction(4, 3), fractions.Fraction(3, 4)
    assert [turned_ratio(wide, degrees) for degrees in (0, -90, 180, 270.0)] == [wide, high, wide, high]
    assert turned_ratio(None, 90) is None


def test_frames_tiles_and_gray(video, tmp_path):
    (done, _), path = predicted(video, tmp_path / "a", frames=2, tile=(32, 32), overlap=0.0)
    assert done[0].frames == 2 == len(frames_of(path))
    (done, _), path = predicted(video, tmp_path / "b", frames=1, run=bright(channels=1))
    assert frames_of(path)[0][0].shape == (HEIGHT + 1, WIDTH + 1, 3)


def test_a_frame_that_does_not_fit_into_the_memory(video, tmp_path, monkeypatch):
    def predict(image):
        raise MemoryError

    monkeypatch.setattr("keras_seg.training.prediction_videos.predictor_of", lambda *given, **options: predict)
    said = f"clip.mkv: the device has not enough memory to predict {HEIGHT}x{WIDTH} pixels. Predict it in tiles"
    with pytest.raises(InputError, match=said):
        predicted(video, tmp_path)
    assert not (tmp_path / "videos" / "clip.mp4").exists()


def test_another_scale_is_said(video, tmp_path):
    lines = []
    labels = {"names": ["dark", "bright"], "ignore_class": [], "image_range": [0.0, 15.9]}
    predicted(video, tmp_path / "a", frames=1, run=bright(labels=labels), notice=lines.append)
    assert len(lines) == 1 and lines[0].startswith("clip.mkv holds ")
    labels = {**labels, "image_range": [0.0, 1.0]}
    with pytest.raises(InputError, match="clip.mkv: holds values from 0 to 255"):
        predicted(video, tmp_path / "b", frames=1, run=bright(labels=labels))


def test_what_phones_turn(monkeypatch):
    image = np.arange(12).reshape(2, 2, 3)
    np.testing.assert_array_equal(turned(image, -90.0), np.rot90(image, 3))
    np.testing.assert_array_equal(turned(image, 180), image[::-1, ::-1])
    assert turned(image, 0).flags.c_contiguous


def test_a_camera_ends_when_it_is_interrupted(video, tmp_path, monkeypatch):
    opened = []
    original = av.open

    def camera(source, *arguments, **options):
        opened.append((source, options.get("format")))
        return original(str(video) if str(source).startswith("/dev/") else source, *arguments)

    monkeypatch.setattr(av, "open", camera)
    monkeypatch.setattr(sys, "platform", "linux")

    def interrupt(video, done, total, speed):
        if done == 3:
            raise KeyboardInterrupt

    ((done,), _), path = predicted("camera:1", tmp_path, progress=interrupt)
    assert opened[0] == ("/dev/video1", "v4l2")
    assert done.frames == 3 == len(frames_of(path))
    with pytest.raises(KeyboardInterrupt):
        predicted(video, tmp_path, progress=interrupt)
    assert [file.name for file in (tmp_path / "videos").iterdir()] == ["camera-1.mp4"]


def test_a_stream_that_breaks_off_keeps_its_frames(video, tmp_path, monkeypatch):
    """Those of a file can be read again, and its video is complete or absent."""
    images = prediction_videos._images

    def broken_off(*arguments):
        for number, found in enumerate(images(*arguments)):
            if number == 3:
                raise av.error.FFmpegError(5, "Input/output error")
            yield found

    monkeypatch.setattr(prediction_videos, "_opened", lambda av, _: av.open(str(video)))
    monkeypatch.setattr(prediction_videos, "_images", broken_off)
    lines = []
    ((done,), failures), path = predicted("rtsp://host/live", tmp_path, notice=lines.append)
    assert (done.frames, failures) == (3, []) and len(frames_of(path)) == 3
    assert lines == ["rtsp://host/live: cannot be read (Input/output error). Kept: the 3 frames before."]
    with pytest.raises(InputError, match=r"clip.mkv: cannot be read \(Input/output error\)"):
        predicted(video, tmp_path)
    assert [file.name for file in (tmp_path / "videos").iterdir()] == [path.name]


def test_broken_videos(video, tmp_path, monkeypatch):
    (tmp_path / "broken.mp4").write_bytes(b"nothing")
    with pytest.raises(ks._validation.InputError, match=r"broken.mp4: cannot be read"):
        predicted(tmp_path / "broken.mp4", tmp_path / "out")
    run = bright()
    videos = prediction_videos.prediction_videos(find_images([tmp_path / "broken.mp4", video]), tmp_path / "out")
    done, failures = predict_videos(run, run.load_model(), videos)
    assert [found.video.source for found in done] == [str(video)]
    assert [failure.image.name for failure in failures] == ["broken.mp4"]
    before = videos[1].overlay.stat()
    assert predict_videos(run, run.load_model(), videos[1:], resume=True) == ([], [])
    assert videos[1].overlay.stat() == before
    with pytest.raises(ks._validation.InputError, match="takes images of 4 channels, and videos have 3"):
        predicted(video, tmp_path / "four", run=bright(channels=4))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ImportError, match=r'Predicting videos needs av: pip install "keras-seg\[video\]"'):
        predicted(video, tmp_path / "none")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An exported file, which needs no training."""
    path = tmp_path_factory.mktemp("exported") / "m.tflite"
    ks.export.tflite(bright().load_model(), path, input_size=(HEIGHT, WIDTH), output="probabilities")
    return path


def test_from_the_shell(exported, video, tmp_path, capsys):
    assert command("predict", exported, video, "--out", tmp_path / "out", "--frames", 2) == 0
    assert "2 frames" in " ".join(capsys.readouterr().out.split())
    assert (tmp_path / "out" / "videos" / "clip.mp4").exists()
    said = refusal(capsys, "predict", exported, "--out", tmp_path / "out", tmp_path / "nowhere.mp4")
    assert "no such file" in said


def test_each_failure_names_its_file_and_options(exported, video, tmp_path, capsys):
    """A file for one size knows which size it was given, and not of which file."""
    names = [tmp_path / f"{name}.png" for name in "ab"]
    for name in names:
        Image.fromarray(np.zeros((HEIGHT + 2, WIDTH, 3), "uint8")).save(name)
    capsys.readouterr()
    assert command("predict", exported, *names, video, "--frames", 1, "--out", tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert "2 of 3 files were not predicted" in said
    for name in names:
        assert f"Error: {name}: {exported}: takes images of {HEIGHT}x{WIDTH} pixels, and this one has" in said
    assert said.count(f"--tile {HEIGHT}x{WIDTH}") == 2 and "`" not in said


def test_a_broken_file_stops_neither_images_nor_videos(exported, video, tmp_path, capsys):
    """Also where it is the only one of its kind."""
    image, broken, clip = (tmp_path / name for name in ("image.png", "broken.png", "broken.mp4"))
    Image.fromarray(picture(0)).save(image)
    broken.write_bytes(b"nothing")
    clip.write_bytes(b"nothing")

    def said(out, *files, options=()):
        capsys.readouterr()
        assert command("predict", exported, *files, "--out", tmp_path / out, *options) == 1
        return capsys.readouterr().err

    lines = said("a", broken, video, options=("--frames", 1))
    assert "broken.png" in lines and "1 of 2 files were not predicted" in lines
    assert (tmp_path / "a" / "videos" / "clip.mp4").exists()
    lines = said("b", broken, image, clip)
    assert all(part in lines for part in ("broken.png", "broken.mp4", "2 of 3 files were not predicted"))
    assert (tmp_path / "b" / "masks" / "image.png").exists()
    assert "broken.mp4: cannot be read" in refusal(capsys, "predict", exported, clip, "--out", tmp_path / "c")


@pytest.mark.parametrize(("options", "said"), [((), "Predicting videos needs av"), (("--overlap", 0), "Give --tile")])
def test_what_no_video_has_ends_before_the_rasters_beside_it(
    exported, video, tmp_path, capsys, monkeypatch, options, said
):
    if not options:
        monkeypatch.setitem(sys.modules, "av", None)
    np.save(tmp_path / "a.npy", picture(0))
    files = (video, tmp_path / "a.npy")
    assert said in refusal(capsys, "predict", exported, *files, "--out", tmp_path / "out", *options)
    assert not (tmp_path / "out").exists()
