"""The memory of a prediction from GeoTIFF to GeoTIFF, for rasters of 10^8 to 10^10 pixels.

python benchmarks/raster_memory.py FOLDER [--train] [--sides 10000x10000 100000x10000] [--json docs/raster_memory.json]

Each raster (height x width, three bands of 8 bits) is sparse: GDAL reads blocks that are not in the file as 0, so that
10^10 pixels take no disk. It is predicted in a process of its own, by a model of one 1x1 convolution, as memory does
not depend on what a model computes within a tile. FOLDER needs as many free bytes as the largest raster has pixels.
With --train, `data.from_raster` counts the labels of each raster and draws 400 crops.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

TILE, STEPS = 1024, 50


def make_raster(path, height, width, bands=3, highest=256):
    """A file without any block, except for its first."""
    import numpy as np
    import rasterio

    layout = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "bigtiff": "YES"}
    place = {"crs": "EPSG:32633", "transform": rasterio.transform.from_origin(5e5, 54e5, 1, 1)}
    sizes = {"height": height, "width": width, "count": bands, "dtype": "uint8"}
    with rasterio.open(path, "w", driver="GTiff", sparse_ok=True, **sizes, **layout, **place) as file:
        noise = np.random.default_rng(0).integers(0, highest, (bands, 512, 512), "uint8")
        file.write(noise, window=((0, 512), (0, 512)))


def most_resident():
    """Peak resident memory of this process, MiB. `getrusage` would include that of the parent."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def predict(folder, height, width):
    import keras

    import keras_seg as ks

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(2, 1)])
    predictor = ks.inference.TiledPredictor(model, tile=TILE, overlap=0, blend="crop", batch_size=1, output="class_ids")
    make_raster(folder / "raster.tif", height, width)
    predictor.predict(one_tile(), folder / "warm.tif", overwrite=True).close()
    before, start = most_resident(), time.perf_counter()
    predictor.predict(folder / "raster.tif", folder / "ids.tif", overwrite=True).close()
    seconds = time.perf_counter() - start
    after = most_resident()
    print(
        json.dumps(
            {
                "height": height,
                "width": width,
                "pixels": height * width,
                "seconds": round(seconds),
                "resident_before_mib": before,
                "most_resident_mib": after,
                "ids_bytes": (folder / "ids.tif").stat().st_size,
            }
        )
    )


def train(folder, height, width):
    """Count the labels, then draw crops; both by class in turn, from all of the raster."""
    import keras_seg as ks

    make_raster(folder / "raster.tif", height, width)
    make_raster(folder / "labels.tif", height, width, bands=1, highest=4)
    make_raster(folder / "small.tif", TILE, TILE)
    make_raster(folder / "small_labels.tif", TILE, TILE, bands=1, highest=4)
    options = {"crop": 256, "batch_size": 8, "steps_per_epoch": STEPS, "balanced": True, "workers": 2}
    drawn(ks.data.from_raster(folder / "small.tif", folder / "small_labels.tif", **options))
    before, start = most_resident(), time.perf_counter()
    dataset = ks.data.from_raster(folder / "raster.tif", folder / "labels.tif", **options)
    counted = time.perf_counter()
    drawn(dataset)
    print(
        json.dumps(
            {
                "height": height,
                "width": width,
                "pixels": height * width,
                "seconds_to_count": round(counted - start, 1),
                "crops_per_second": round(STEPS * 8 / (time.perf_counter() - counted)),
                "resident_before_mib": before,
                "most_resident_mib": most_resident(),
            }
        )
    )


def drawn(dataset):
    for _ in dataset:
        pass


def one_tile():
    """An image of one tile, for the memory that the framework takes once."""
    import numpy as np

    return np.zeros((TILE, TILE, 3), "uint8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--sides", nargs="+", default=["10000x10000", "100000x10000", "1000000x10000"])
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--train", action="store_true", help="measure data.from_raster in place of a prediction")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    if arguments.worker:
        function = train if arguments.train else predict
        function(arguments.folder, *map(int, arguments.sides[0].split("x")))
        return
    rows = []
    for sides in arguments.sides:
        # A separate process, so that its memory is that of this prediction alone.
        command = [sys.executable, __file__, str(arguments.folder), "--sides", sides, "--worker"]
        command += ["--train"] * arguments.train
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        rows.append(json.loads(done.stdout.strip().splitlines()[-1]))
        print(rows[-1], flush=True)
        for path in arguments.folder.glob("*.tif"):
            path.unlink()
    if arguments.json is not None:
        kept = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
        content = {**kept, "train" if arguments.train else "predict": rows}
        arguments.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
