"""Prediction of videos and cameras into videos of overlays."""

import fractions
import itertools
import pathlib
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from PIL import Image

from keras_seg import _files, _validation
from keras_seg._decoding.value_range import range_of
from keras_seg._text import counted
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.inference.output_kind import output_kind
from keras_seg.training.file_predictor import NotPredictedError, check_overlap, named, predictor_of
from keras_seg.training.out_of_memory import memory_named, one_image
from keras_seg.training.prediction_files import Failure, check_target, same_place
from keras_seg.training.prediction_inputs import FoundImages
from keras_seg.training.prediction_notices import Scales
from keras_seg.training.tasks.task import Decoding
from keras_seg.training.usable_model import UsableModel

_RATE = 25
_CODECS = ("libx264", "mpeg4")
# AVCOL_SPC_SMPTE170M of FFmpeg: the coefficients by which it turns RGB into YUV.
_BT_601 = 6

# Called with (video, frames done, frames or None, frames per second).
VideoReport = Callable[["PredictionVideo", int, int | None, float], None]


class PredictionVideo(NamedTuple):
    """A video and where its overlays go.

    Attributes:
        source: str. A file, "camera:0", or the address of a stream.
        overlay: the video of overlays.
        live: bool. Whether it goes on until it is interrupted.
    """

    source: str
    overlay: pathlib.Path
    live: bool = False


class PredictedVideo(NamedTuple):
    """A video that was predicted.

    Attributes:
        video: `PredictionVideo`.
        frames: int.
        frames_per_second: float. How many were predicted in a second, reading and writing included.
    """

    video: PredictionVideo
    frames: int
    frames_per_second: float


def prediction_videos(
    found: FoundImages, out: PathLike, *, overwrite: bool = False, resume: bool = False
) -> list[PredictionVideo]:
    """Where the predictions of videos go: videos/NAME.mp4 below `out`.

    Raises:
        InputError: a file would be overwritten or written twice. With `resume`, predictions may exist.
    """
    folder = pathlib.Path(out) / "videos"
    videos = [
        PredictionVideo(str(file), folder / place / f"{file.stem}.mp4") for file, place in found.videos
    ] + [
        PredictionVideo(stream, folder / f"{re.sub(r'[^A-Za-z0-9]+', '-', stream).strip('-')}.mp4", live=True)
        for stream in found.streams
    ]  # fmt: skip
    seen: dict[pathlib.Path, str] = {}
    for video in videos:
        if video.overlay in seen:
            raise same_place(video.source, seen[video.overlay])
        seen[video.overlay] = video.source
        check_target(video.overlay, overwrite=overwrite, resume=resume)
        if not video.live and video.overlay.resolve() == pathlib.Path(video.source).resolve():
            raise InputError(f"{video.source}: would be overwritten by its own prediction. Choose another folder.")
    return videos


def check_videos(run: UsableModel, *, tile: tuple[int, int] | None, overlap: float | None) -> Any:
    """Fail where no video can be predicted, before anything is: what lies beside videos may take hours.

    Args:
        run: `UsableModel`.
        tile: pair of ints or None, as for `predict_files`.
        overlap: float or None, as for `predict_files`.

    Returns:
        PyAV.

    Raises:
        InputError: the run takes images of other channels, or `overlap` is given without a tile.
        ImportError: PyAV is missing.
    """
    av = _validation.optional_import("av", "video", "Predicting videos")
    if run.channels not in (1, 3):
        raise InputError(f"{run.path}: takes images of {run.channels} channels, and videos have 3.")
    check_overlap(tile, overlap)
    return av


def predict_videos(
    run: UsableModel,
    model: keras.Model,
    videos: Sequence[PredictionVideo],
    *,
    tile: tuple[int, int] | None = None,
    overlap: float | None = None,
    frames: int | None = None,
    resume: bool = False,
    progress: VideoReport | None = None,
    notice: Callable[[str], None] | None = None,
) -> tuple[list[PredictedVideo], list[Failure]]:
    """Predict videos frame by frame, and write a video of overlays for each, with the times of its frames.

    These are counted from the first frame: cameras and streams count from when they were switched on.

    A video that cannot be read does not stop the others. A live one ends when it is interrupted from the keyboard, or
    when it breaks off: its frames until then are kept.

    Args:
        run: `UsableModel`.
        model: its keras.Model, or one derived from it.
        videos: sequence of `PredictionVideo`.
        tile: pair of ints or None, as for `predict_files`.
        overlap: float or None, as for `predict_files`.
        frames: int >= 1. Frames of each video at most. Defaults to None, for all.
        resume: bool. Whether to leave out videos that are predicted. Defaults to False.
        progress: callable (video, frames done, frames or None, frames per second), or None. Defaults to None.
        notice: callable of a line about live videos that broke off, and about videos on another scale than the training
            images. Defaults to None.

    Returns:
        The videos that were predicted, and those that could not be.

    Raises:
        NotPredictedError: the only video cannot be read or predicted.
        InputError: an argument does not apply to the model.
        ImportError: PyAV is missing.
    """
    if not videos:
        return [], []
    av = check_videos(run, tile=tile, overlap=overlap)
    predict = predictor_of(run, model, tile=tile, overlap=overlap)
    decoding, scales = Decoding(run.decoding, run.labels["names"], output_kind(model)), Scales(run.image_range)
    done, failures, broken_off = [], [], []
    for video in videos:
        ended = ""
        if resume and video.overlay.exists():
            continue
        try:
            with _opened(av, video) as source, _Writer(av, video) as writer:
                start, total = time.perf_counter(), _length(source, frames)
                try:
                    for image, frame in _images(source, run.channels, frames):
                        if not writer.frames:
                            scales.look(pathlib.Path(video.source), range_of(image))
                        with memory_named(one_image(video.source, image.shape[:2], tile=tile)):
                            scores = np.asarray(predict(image))
                        overlay = run.task.draw(scores, image, decoding)[1]
                        writer.write(np.asarray(overlay), frame, source.streams.video[0])
                        speed = writer.frames / (time.perf_counter() - start)
                        if progress is not None:
                            progress(video, writer.frames, total, speed)
                except KeyboardInterrupt:
                    if not video.live:
                        raise
                except (InputError, av.error.FFmpegError) as error:
                    # What a camera has seen cannot be read again.
                    if not (video.live and writer.frames):
                        raise
                    ended = _reason(video, error)
                if not writer.frames:
                    raise InputError(f"{video.source}: holds no frames.")
            done.append(PredictedVideo(video, writer.frames, writer.frames / (time.perf_counter() - start)))
            if ended:
                broken_off.append(f"{ended} Kept: the {counted(writer.frames, 'frame')} before.")
        except (InputError, av.error.FFmpegError) as error:
            reason = _reason(video, error)
            if len(videos) == 1:
                raise NotPredictedError(reason) from error
            failures.append(Failure(pathlib.Path(video.source), reason))
    if notice is not None:
        for line in (*broken_off, *scales.lines(len(videos))):
            notice(line)
    return done, failures


def _reason(video: PredictionVideo, error: Any) -> str:
    """Why a video was not predicted, or not to its end; `error` is an `InputError` or one of FFmpeg."""
    if isinstance(error, InputError):
        return named(video.source, error)
    return f"{video.source}: cannot be read ({error.strerror})."


def _opened(av: Any, video: PredictionVideo) -> Any:
    """The container of a video, with a video stream in it."""
    source, format_ = video.source, None
    if video.source.lower().startswith("camera:"):
        number = video.source.split(":")[1]
        devices = {"linux": (f"/dev/video{number}", "v4l2"), "darwin": (number, "avfoundation")}
        if sys.platform not in devices:
            raise InputError(f"{video.source}: cameras are opened on Linux and macOS. Give the address of a stream.")
        source, format_ = devices[sys.platform]
    container = av.open(source, format=format_)
    if not container.streams.video:
        container.close()
        raise InputError(f"{video.source}: holds no video.")
    container.streams.video[0].thread_type = "AUTO"
    return container


def _length(container: Any, most: int | None) -> int | None:
    """Frames that will be predicted, as far as the video says."""
    known = [number for number in (container.streams.video[0].frames, most) if number]
    return min(known, default=None)


def _images(container: Any, channels: int, most: int | None) -> Iterator[tuple[np.ndarray, Any]]:
    """(image uint8 (height, width, channels), frame) of a video, turned as a player shows it."""
    for frame in itertools.islice(container.decode(video=0), most):
        image = turned(frame.to_ndarray(format="rgb24"), frame.rotation)
        if channels == 1:
            image = np.asarray(Image.fromarray(image).convert("L"))[..., None]
        yield image, frame


def turned(image: np.ndarray, degrees: float) -> np.ndarray:
    """An image turned counterclockwise by a multiple of 90 degrees: phones store videos as the sensor sees them.

    Args:
        image: array (height, width, channels).
        degrees: float. The angle in the video.
    """
    return np.ascontiguousarray(np.rot90(image, round(degrees / 90) % 4))


def turned_ratio(ratio: fractions.Fraction | None, degrees: float) -> fractions.Fraction | None:
    """The width of a pixel divided by its height, in an image that is turned by a multiple of 90 degrees.

    Args:
        ratio: that of the stored image; None if it is not known.
        degrees: float. The angle in the video.
    """
    return 1 / ratio if ratio and round(degrees / 90) % 2 else ratio


class _Writer:
    """Writes images as the frames of a video, which is complete or absent."""

    def __init__(self, av: Any, video: PredictionVideo) -> None:
        self._av, self._video, self.frames = av, video, 0
        self._aside = _files.written_aside(video.overlay, overwrite=True)
        self._container: Any = None
        self._stream: Any = None
        self._size: tuple[int, int] | None = None
        self._first_time = 0

    def __enter__(self) -> "_Writer":
        self._container = self._av.open(str(self._aside.__enter__()), "w")
        return self

    def write(self, image: np.ndarray, shown: Any, source: Any) -> None:
        """Write an image (height, width, 3) at the time that a frame of the stream `source` was shown."""
        if self._stream is None:
            self._size = image.shape[:2]
            self._stream = self._started(image, shown, source)
            self._first_time = shown.pts or 0
        if image.shape[:2] != self._size:
            raise InputError(f"{self._video.source}: its frames change their size. Convert it to one size.")
        # Encoders take even sides: the last row or column is repeated.
        even = np.pad(image, ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0)), mode="edge")
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        frame.pts = None if shown.pts is None else shown.pts - self._first_time
        frame.time_base = shown.time_base
        self._container.mux(self._stream.encode(frame))
        self.frames += 1

    def _started(self, image: np.ndarray, shown: Any, source: Any) -> Any:
        """The stream of the frames to come."""
        rate = source.average_rate or _RATE
        codec = next(name for name in _CODECS if name in self._av.codecs_available)
        stream = self._container.add_stream(codec, rate=rate)
        stream.height, stream.width = (side + side % 2 for side in image.shape[:2])
        stream.pix_fmt = "yuv420p"
        stream.codec_context.colorspace = _BT_601  # Players take another for large videos that do not say.
        if ratio := turned_ratio(source.sample_aspect_ratio, shown.rotation):
            stream.codec_context.sample_aspect_ratio = ratio
        if codec == "libx264":
            # Times as they were, where frames are not evenly spaced.
            stream.options = {"crf": "18", "preset": "veryfast"}
            stream.codec_context.time_base = shown.time_base or fractions.Fraction(1, rate)
        return stream

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> Any:
        try:
            if kind is None and self._stream is not None:
                self._container.mux(self._stream.encode())
        finally:
            self._container.close()
        return self._aside.__exit__(kind, error, traceback)
