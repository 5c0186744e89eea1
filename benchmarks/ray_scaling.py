"""Images per second of one process and of one and two Ray workers, and the constants of docs/how-to/big-folders.md.

    python benchmarks/ray_scaling.py $KERAS_SEG_DATA/camvid RUN [--images 400] [--json docs/ray_scaling.json]

RUN is a finished run of CamVid. Its validation images are copied until there are enough; each engine predicts all of
them into a new folder. Times of the workers are without their start, which is a row of its own.
"""

import argparse
import itertools
import json
import os
import pathlib
import shutil
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# Where the workers find `no_job`.
os.environ["PYTHONPATH"] = os.pathsep.join([os.path.dirname(__file__), *filter(None, [os.environ.get("PYTHONPATH")])])

from no_job import Nothing
from ray_model import modeled

from keras_seg import scale
from keras_seg.scale import cluster
from keras_seg.scale.image_names import ImageNames
from keras_seg.scale.job import each_result
from keras_seg.training.open_model import open_model
from keras_seg.training.prediction_files import predict_files, prediction_files
from keras_seg.training.prediction_inputs import find_images

NO_OPS, TOGETHER = 20_000, 16


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    parser.add_argument("run")
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--json", help="also write the numbers to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measured(pathlib.Path(given.data), given.run, pathlib.Path(folder), given.images)
    for name, value in found.items():
        print(f"{name:34} {value:.6g}")
    for workers, rate, hours, limit in modeled(found):
        print(f"{workers:5} workers: {rate:8.1f} images per second, {hours:7.1f} hours for 10,000,000, limit: {limit}")
    if given.json:
        pathlib.Path(given.json).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


def measured(data, run, folder, count):
    images = folder / "images"
    images.mkdir()
    files = sorted((data / "val" / "images").iterdir())
    for number, file in zip(range(count), itertools.cycle(files)):
        shutil.copy(file, images / f"{number:06d}{file.suffix}")
    found = {}
    opened = open_model(run)
    start = time.perf_counter()
    model = opened.load_model()
    found["seconds to load the model"] = time.perf_counter() - start
    targets = prediction_files(find_images([images]), folder / "local")
    predict_files(opened, model, targets[:2])  # The first ones compile.
    start = time.perf_counter()
    predict_files(opened, model, targets[2:])
    found["seconds per image, one process"] = (time.perf_counter() - start) / (count - 2)
    for workers in (1, 2):
        start, first = time.perf_counter(), []
        done = scale.predict_with_ray(
            run,
            images,
            out=folder / f"ray{workers}",
            workers=workers,
            progress=lambda *now, first=first: first or first.append(time.perf_counter()),
        )
        name = f"{workers} worker{'s' if workers > 1 else ''}"
        found[f"seconds to the first image, {name}"] = first[0] - start
        found[f"seconds per image, {name}"] = done.seconds / max(1, done.predicted - 1)
        found["bytes read per image"] = done.bytes_read / done.predicted
    found["speed of 2 workers over 1"] = found["seconds per image, 1 worker"] / found["seconds per image, 2 workers"]
    start = time.perf_counter()
    names = ImageNames([images]).survey().images
    found["seconds per name, first pass"] = (time.perf_counter() - start) / names
    with cluster.started(2, None) as room:
        times = [time.perf_counter() for _ in each_result(Nothing(), range(NO_OPS), workers=room, together=TOGETHER)]
    found["seconds per image, handing out"] = (times[-1] - times[0]) / NO_OPS
    return found


if __name__ == "__main__":
    main()
