"""What the choices of a plan are worth: CamVid trained as planned, and with one choice changed at a time.

    python benchmarks/ablation.py $KERAS_SEG_DATA/camvid --work WORK --minutes 3 --seeds 1

All are U-Nets; the first follows the plan with pretrained weights. Runs are evaluated without postprocessing. WORK has
NAME_SEED.json per run, with the run folder and the log beside it; runs whose JSON is there are skipped. The table is
printed, and with `--publish` written to docs/.
"""

import functools

import page_tables
import timed_systems
from camvid_seeds import CLASSES

UNET = ["--model", "UNet"]
# name: (options, edits of the plan)
CHANGES = {
    "as planned": ([], {}),
    "decoder at half the resolution": (["--decoder-stride", "2"], {}),
    "no pretrained weights": (["--weights", "none", "--backbone", "EfficientNetLite0"], {}),
    "no class weights": ([], {"class_weights": [1.0] * 11}),
    "no soft IoU": ([], {"soft_iou_weight": 0.0}),
    "crops of 224x224": (["--crop", "224x224"], {}),
    "no zoom": ([], {"scale": [1.0, 1.0]}),
    "wide skips": ([], {"skips": "wide"}),
    "all layers trained": (["--train-from", "all"], {}),
    "Compact, no pretrained weights": (["--weights", "none"], {}),
}
SYSTEMS = {
    name: functools.partial(timed_systems.keras_seg, options=[*UNET, *options], edits=edits)
    for name, (options, edits) in CHANGES.items()
}

if __name__ == "__main__":
    settings = {"classes": tuple(CLASSES.split(",")), "void": 11, "minutes": 3, "file": "ablation.json"}
    timed_systems.measure(__doc__, SYSTEMS, tables=page_tables.ablation_rows, **settings)
