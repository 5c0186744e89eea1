"""A raster of 20000 x 20000 pixels, predicted on a small machine: seconds and memory.

python benchmarks/tiled_raster.py FOLDER

Creates FOLDER/raster.npy (1.2 GB, kept for the next run), predicts class ids into FOLDER/ids.npy with a small U-Net
(Compact, 8 to 48 filters, output at a quarter of the resolution), and prints the seconds and the peak resident memory.
With --kill-after SECONDS the predicting process is killed (SIGKILL) and resumed until it finishes; the ids must then
equal those of an uninterrupted run, stored in FOLDER/whole.npy.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np


def make_raster(path, side):
    """Smooth fields of several sizes and noise, 200 rows at a time."""
    raster = np.lib.format.open_memmap(path, mode="w+", dtype="uint8", shape=(side, side, 3))
    columns = np.arange(side)
    for top in range(0, side, 200):
        rows = np.arange(top, min(top + 200, side))[:, None]
        noise = np.random.default_rng(top).integers(0, 60, (len(rows), side, 3))
        waves = [100 + 60 * np.sin(rows / period) * np.cos(columns / (period + 7)) for period in (23, 110, 900)]
        raster[top : top + len(rows)] = np.clip(np.stack(waves, -1) + noise, 0, 255)
    raster.flush()


def most_resident():
    """Peak resident memory of this process, MiB. `getrusage` would include that of the parent."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def predict(arguments):
    import keras

    import keras_seg as ks

    keras.utils.set_random_seed(0)
    backbone = ks.backbones.Compact(filters=(8, 16, 24, 32, 48))
    model = ks.models.UNet(arguments.classes, backbone=backbone, decoder_filters=(32, 24, 16), decoder_stride=4)
    head = model.get_layer("logits")
    head.set_weights([np.random.default_rng(0).normal(size=weight.shape) for weight in head.get_weights()])
    predictor = ks.inference.TiledPredictor(
        model,
        tile=arguments.tile,
        overlap=arguments.overlap,
        blend=arguments.blend,
        batch_size=arguments.batch_size,
        output="class_ids",
    )
    before = most_resident()
    start, first, last = time.perf_counter(), [], []

    def note(done, total):
        first.append(done) if not first else None
        last[:] = [done, total]

    folder = pathlib.Path(arguments.folder)
    result = predictor.predict(folder / "raster.npy", folder / "ids.npy", progress=note, resume=True)
    seconds = time.perf_counter() - start
    rows, columns = predictor.grid(result.shape)
    print(
        json.dumps(
            {
                "backend": keras.backend.backend(),
                "tiles": [len(rows.starts), len(columns.starts)],
                "tiles_of_this_process": last[0] - first[0] + 1,
                "seconds": round(seconds, 1),
                "megapixels_a_second": round(result.size / 1e6 / seconds, 2),
                "resident_before_mib": before,
                "most_resident_mib": most_resident(),
            }
        )
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--side", type=int, default=20000)
    parser.add_argument("--tile", type=int, default=512)
    parser.add_argument("--overlap", type=float, default=0.25)
    parser.add_argument("--blend", default="gaussian")
    parser.add_argument("--batch-size", type=int, default=2)
    parser.add_argument("--classes", type=int, default=5)
    parser.add_argument("--kill-after", type=float)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        predict(arguments)
        return
    arguments.folder.mkdir(parents=True, exist_ok=True)
    raster, ids, whole = (arguments.folder / name for name in ("raster.npy", "ids.npy", "whole.npy"))
    if not raster.exists() or np.load(raster, mmap_mode="r").shape[0] != arguments.side:
        make_raster(raster, arguments.side)
    for path in arguments.folder.glob("ids.npy*"):
        path.unlink()
    killed = 0
    while not ids.exists():
        # A separate process, so that its memory is that of prediction alone.
        worker = subprocess.Popen([sys.executable, __file__, *sys.argv[1:], "--worker"])
        try:
            status = worker.wait(arguments.kill_after)
            if status:
                sys.exit(status)
        except subprocess.TimeoutExpired:
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            if ids.exists():
                break  # It had finished and was exiting.
            killed += 1
            journal = arguments.folder / "ids.npy.progress.json"
            print("killed after", json.loads(journal.read_text())["tile_rows"] if journal.exists() else 0, "tile rows")
    if arguments.kill_after is None:
        os.replace(ids, whole)
        return
    same = all(
        np.array_equal(mine, theirs)
        for mine, theirs in zip(np.load(ids, mmap_mode="r"), np.load(whole, mmap_mode="r"), strict=True)
    )
    print(f"killed {killed} times; same ids as without: {same}")


if __name__ == "__main__":
    main()
