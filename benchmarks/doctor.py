"""Time and memory of `keras-seg doctor` by number of files, and of `keras-seg plan --task instances`.

The folders are made first: pairs of small images and masks, and with --objects 664 images with 29,461
object masks in a file each, the number and layout of the Data Science Bowl of 2018.

python benchmarks/doctor.py --work FOLDER --objects
"""

import argparse
import os
import pathlib
import subprocess
import sys
import time

import numpy as np
from PIL import Image

IMAGES, OBJECTS = 664, 29_461
# (height, width): images of this size in its training data.
SIZES = {(256, 256): 334, (256, 320): 112, (520, 696): 92, (360, 360): 91, (1024, 1024): 16, (512, 640): 13}


def write_pairs(folder, count):
    """Pairs of 64x64 pixels with three classes, no two alike."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for number in range(count):
        mask = random.integers(0, 3, size=(4, 4), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
        noise = random.integers(0, 60, size=(64, 64, 3), dtype=np.uint8)
        Image.fromarray(mask[..., None] * 80 + noise).save(folder / "images" / f"{number:06}.png", compress_level=1)
        Image.fromarray(mask).save(folder / "masks" / f"{number:06}.png")


def write_objects(folder):
    """One folder per image with images/ and masks/, a black and white file per object."""
    random = np.random.default_rng(0)
    counts = random.multinomial(OBJECTS - IMAGES, np.full(IMAGES, 1 / IMAGES)) + 1
    for number, count in enumerate(counts):
        height, width = random.choice(list(SIZES), p=np.array(list(SIZES.values())) / sum(SIZES.values()))
        scene = folder / f"{number:04}"
        for name in ("images", "masks"):
            (scene / name).mkdir(parents=True, exist_ok=True)
        rows, columns = np.mgrid[:height, :width]
        image = random.integers(0, 40, size=(height, width, 3), dtype=np.uint8)
        step = max(int((height * width / count) ** 0.5), 8)
        places = [(y, x) for y in range(step // 2, height, step) for x in range(step // 2, width, step)]
        for position, (y, x) in enumerate((places * 2)[:count]):
            inside = (rows - y) ** 2 + (columns - x) ** 2 < (step / 3) ** 2
            image[inside] += 150
            Image.fromarray(inside).convert("L").save(scene / "masks" / f"{position:03}.png")
        Image.fromarray(image).save(scene / "images" / f"{number:04}.png")


def measured(*arguments):
    """Seconds, and the largest memory in MB, of a command of keras-seg."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "keras_seg_cli", *map(str, arguments)], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        raise SystemExit(f"keras-seg {arguments[0]} failed.")
    return time.perf_counter() - start, used.ru_maxrss // 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", required=True, type=pathlib.Path, help="folder for the data, kept for the next run")
    parser.add_argument("--pairs", nargs="*", type=int, default=[100, 10_000, 20_000], help="numbers of pairs")
    parser.add_argument("--objects", action="store_true", help="the folder of object masks as well")
    arguments = parser.parse_args()
    for count in arguments.pairs:
        folder = arguments.work / f"pairs_{count}"
        if not folder.exists():
            write_pairs(folder, count)
        seconds, memory = measured("doctor", folder)
        print(f"doctor, {count} pairs: {seconds:.1f} s, {1000 * seconds / count:.1f} ms per pair, {memory} MB")
    if arguments.objects:
        folder = arguments.work / "objects"
        if not folder.exists():
            write_objects(folder)
        for command in ("doctor", "plan"):
            seconds, memory = measured(command, folder, "--task", "instances")
            print(f"{command}, {IMAGES} images with {OBJECTS} object masks: {seconds:.1f} s, {memory} MB")


if __name__ == "__main__":
    main()
