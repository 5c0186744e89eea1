"""The picture of docs/data.md: what `keras-seg doctor` draws of a data folder.

python docs/figures/data.py DATA

rewrites docs/images/data/doctor.jpg; DATA is a folder with images and masks, such as CamVid.
"""

import pathlib
import sys

import keras_seg as ks

OUT = pathlib.Path(__file__).parents[1] / "images" / "data"
WIDTH = 960


def main(path: str) -> None:
    """Write the picture."""
    sheet = ks.data.diagnose(path).sheet()
    if sheet is None:
        raise SystemExit(f"{path}: no mask can be drawn.")
    OUT.mkdir(parents=True, exist_ok=True)
    sheet = sheet.convert("RGB")
    sheet.resize((WIDTH, round(sheet.height * WIDTH / sheet.width))).save(OUT / "doctor.jpg", quality=85)


if __name__ == "__main__":
    main(sys.argv[1])
