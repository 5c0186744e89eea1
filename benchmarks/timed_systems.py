"""Systems that are trained for the same minutes, seed by seed: for `camvid_seeds.py`, `membrane.py` and `ablation.py`.

Each system is trained and evaluated in processes of its own; they take turns, one run after the other.
"""

import argparse
import csv
import dataclasses
import datetime
import json
import os
import pathlib
import subprocess
import sys

import nnunet_data
import page_tables

ROOT = pathlib.Path(__file__).resolve().parents[1]
COUNT = """import sys, pathlib, keras, keras_seg
model = keras.saving.load_model(sys.argv[1], compile=False)
pathlib.Path(sys.argv[2]).write_text(str(model.count_params()))"""


@dataclasses.dataclass(frozen=True)
class Run:
    """One training: where its data is, and where its results go.

    Attributes:
        data: folder with train/ and val/.
        classes: names of the classes.
        void: class id of pixels that do not count, or None.
        minutes: how long it is trained.
        seed: int.
        folder: of the run; its log and its scores lie beside it, with the endings .log and .scores.
        python: the Python with the packages of the system.
    """

    data: pathlib.Path
    classes: tuple[str, ...]
    void: int | None
    minutes: float
    seed: int
    folder: pathlib.Path
    python: str

    def call(self, *command, **environment):
        """Run a command with this repository's packages; its output goes to the log."""
        log = self.folder.with_suffix(".log")
        usual = {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", **os.environ, "PYTHONPATH": str(ROOT)}
        with log.open("a", encoding="utf-8") as file:
            done = subprocess.run(
                [str(part) for part in command],
                env=usual | environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            raise SystemExit(f"{self.folder.name} failed: see {log}.")

    def scores(self):
        return self.folder.with_suffix(".scores")


def keras_seg(run, options=(), edits=None):
    """Train and evaluate with `keras-seg`, without the postprocessing that is chosen on the validation images.

    `edits` are choices of the plan, {name: value}, that are written into its file.
    """
    command = (run.python, "-m", "keras_seg_cli")
    classes = ["--num-classes", len(run.classes), "--class-names", ",".join(run.classes)]
    classes += [] if run.void is None else ["--ignore-class", run.void]
    options = ["--minutes", run.minutes, "--seed", run.seed, *options]
    if edits:
        file = run.folder.with_suffix(".plan")
        run.call(*command, "plan", run.data, "--json", file, *classes, *options)
        plan = json.loads(file.read_text(encoding="utf-8"))
        for name, value in edits.items():
            plan["choices"][name]["value"] = value
        file.write_text(json.dumps(plan), encoding="utf-8")
        options = ["--plan", file]
    run.call(*command, "train", run.data, "--out", run.folder, "--overwrite", *classes, *options)
    evaluated = ["--split", "val", "--no-postprocessing", "--json", run.scores()]
    run.call(*command, "evaluate", run.folder, run.data, *evaluated)
    count = run.folder.with_suffix(".count")
    run.call(run.python, "-c", COUNT, run.folder / "model.keras", count)
    evaluation = json.loads(run.scores().read_text(encoding="utf-8"))
    rows = list(csv.DictReader((run.folder / "log.csv").open(encoding="utf-8")))
    choices = json.loads((run.folder / "plan.json").read_text(encoding="utf-8"))["choices"]
    return {
        "steps": int(rows[-1]["step"]),
        "batch": "x".join(map(str, [choices["batch_size"]["value"], *choices["crop"]["value"]])),
        "parameters": int(count.read_text(encoding="utf-8")),
        "minutes": float(rows[-1]["seconds"]) / 60,
        **{name: evaluation[name] for name in ("mean_iou", "pixel_accuracy", "iou")},
    }


def smp(run, options=()):
    """Train and evaluate with `smp_unet.py`."""
    classes = ["--classes", len(run.classes), "--void", 255 if run.void is None else run.void]
    budget = ["--minutes", run.minutes, "--seed", run.seed]
    script = ROOT / "benchmarks" / "smp_unet.py"
    run.call(run.python, script, run.data, "--json", run.scores(), *classes, *budget, *options)
    result = json.loads(run.scores().read_text(encoding="utf-8"))
    return {**result, "iou": dict(zip(run.classes, result["iou"], strict=True))}


def nnunet(run):
    """Plan, train and predict with nnU-Net's own commands, two-dimensional, for gray images of two classes.

    Its trainer counts epochs; that of `nnunet/minutes_trainer.py` counts minutes.
    """
    work = run.folder
    nnunet_data.write(run.data, work, run.classes)
    environment = {
        **{f"nnUNet_{name}": str(work / name) for name in ("raw", "preprocessed", "results")},
        "nnUNet_extTrainer": str(ROOT / "benchmarks" / "nnunet"),
        "nnUNet_n_proc_DA": "1",
        "TRAINER_MINUTES": str(run.minutes),
        "TRAINER_SEED": str(run.seed),
    }

    def call(name, *options):
        run.call(pathlib.Path(run.python).parent / f"nnUNetv2_{name}", *options, **environment)

    call("plan_and_preprocess", "-d", 1, "-c", "2d", "--verify_dataset_integrity", "-np", 2)
    call("train", 1, "2d", "all", "-tr", "MinutesTrainer", "-device", "cpu")
    trained = ["-d", 1, "-c", "2d", "-f", "all", "-tr", "MinutesTrainer", "-chk", "checkpoint_final.pth"]
    call("predict", "-i", work / "images", "-o", work / "predictions", *trained, "-device", "cpu", "-npp", 1, "-nps", 1)
    return nnunet_data.result(run.data, work, run.classes)


def run_all(systems, seeds, run_of):
    """The results, {system: [result of a seed, ...]}: each is made once, and kept as SYSTEM_SEED.json.

    Args:
        systems: {name: function of a `Run` that returns a result}.
        seeds: how many, from 0 on.
        run_of: function of a name and a seed that returns the `Run`, whose folder is SYSTEM_SEED.
    """
    results = {}
    for seed in range(seeds):
        for name, make in systems.items():
            run = run_of(name, seed)
            file = run.folder.with_suffix(".json")
            if not file.exists():
                result = {"system": name, "seed": seed, **make(run)}
                file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
            result = json.loads(file.read_text(encoding="utf-8"))
            results.setdefault(name, []).append(result)
            print(f"{name}, seed {seed}: mean IoU {100 * result['mean_iou']:.2f}, {result['steps']} steps", flush=True)
    return results


def tables_of_seeds(results):
    """The lines of the tables of scores and of classes."""
    return [*page_tables.seed_scores(results), "", *page_tables.seed_classes(results)]


def measure(
    document, systems, *, classes, void, minutes, file, prepared=lambda data, work: data, tables=tables_of_seeds
):
    """What such a script does: its arguments, its runs, their tables, printed and with --publish in docs/.

    Args:
        document: docstring of the script.
        systems: {name: function of a `Run` that returns a result}.
        classes, void: as in `Run`.
        minutes: unless others are asked for.
        file: where the results go, in docs/.
        prepared: function of the folder that was given and of WORK, which returns the one with train/ and val/.
        tables: function of the results that returns the lines to show.
    """
    parser = argparse.ArgumentParser(description=document, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, help="the folder of the images")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="folder of the results")
    parser.add_argument("--minutes", type=float, default=minutes)
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 on")
    parser.add_argument("--systems", nargs="+", choices=systems, default=list(systems))
    parser.add_argument("--keras-python", default=sys.executable, help="Python with what keras_seg needs")
    parser.add_argument("--peers-python", default=sys.executable, help="Python with what the peers need")
    parser.add_argument("--publish", action="store_true", help="also write the results into docs/")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)

    data = prepared(arguments.data, work)

    def run_of(system, seed):
        of_peers = system.startswith(("smp", "nnunet"))
        python = arguments.peers_python if of_peers else arguments.keras_python
        folder = work / f"{system}_{seed}"
        return Run(data, classes, void, arguments.minutes, seed=seed, folder=folder, python=python)

    results = run_all({name: systems[name] for name in arguments.systems}, arguments.seeds, run_of)
    lines = tables(results)
    (work / "summary.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    if arguments.publish:
        content = {"date": datetime.date.today().isoformat(), "minutes": arguments.minutes, "results": results}
        page_tables.publish(file, content)
