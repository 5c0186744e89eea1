"""keras-seg, segmentation_models_pytorch and nnU-Net on thirty electron micrographs, over several seeds.

    pip install segmentation-models-pytorch nnunetv2  # in an environment with torch, that of PEERS
    python benchmarks/membrane.py $KERAS_SEG_DATA/membrane --work WORK --minutes 10 --seeds 3 \
        --keras-python .venv/bin/python --peers-python PEERS/bin/python

Systems, one after the other, seed by seed, each in processes of its own, all from scratch:

- keras: `keras-seg train --weights none`
- smp: `smp_unet.py --any-orientation`
- nnunet: nnU-Net's commands with its 2d plan; only its trainer counts minutes (`nnunet/minutes_trainer.py`)

The last six micrographs are for validation. Runs of keras-seg are evaluated without the postprocessing that they choose
on them; nnU-Net predicts as it does by default, with its mirrored passes. WORK keeps the data as all systems read it,
and SYSTEM_SEED.json per run, with the run folder and the log beside it. Runs whose JSON is there are skipped, so the
command continues where it was interrupted. The tables are printed, and with `--publish` written to docs/.
"""

import functools

import numpy as np
import timed_systems
from PIL import Image

HELD_OUT = 6
SYSTEMS = {
    "keras": functools.partial(timed_systems.keras_seg, options=["--weights", "none"]),
    "smp": functools.partial(timed_systems.smp, options=["--any-orientation"]),
    "nnunet": timed_systems.nnunet,
}


def divided(folder, work):
    """The folder with train/ and val/, with masks of class ids: 0 for the membranes and 1 for the cells."""
    names = sorted((path.name for path in (folder / "images").iterdir()), key=lambda name: int(name.split(".")[0]))
    for number, name in enumerate(names):
        split = work / "data" / ("val" if number >= len(names) - HELD_OUT else "train")
        for kind in ("images", "masks"):
            (split / kind).mkdir(parents=True, exist_ok=True)
        Image.open(folder / "images" / name).save(split / "images" / name)
        white = np.asarray(Image.open(folder / "masks" / name)) > 127
        Image.fromarray(white.astype("uint8")).save(split / "masks" / name)
    return work / "data"


if __name__ == "__main__":
    options = {"classes": ("membrane", "cell"), "void": None, "minutes": 10, "file": "membrane.json"}
    timed_systems.measure(__doc__, SYSTEMS, prepared=divided, **options)
