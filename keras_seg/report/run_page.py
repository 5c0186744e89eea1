"""The page about a run."""

import importlib.metadata
import platform
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_seg._page.blocks import Block, Charts, Code, Notes, Page, Section, Table, Text
from keras_seg._page.charts import line_chart
from keras_seg._text import counted
from keras_seg._validation import InputError
from keras_seg._version import __version__
from keras_seg.data import find_splits
from keras_seg.report.examination import Examination, points

# Choices that an option of `keras-seg train` gives.
_OPTIONS = (
    "preset", "model", "backbone", "weights", "freeze", "aux", "train_from", "epochs", "minutes", "keep", "patience",
    "batch_size", "crop", "learning_rate", "dtype_policy", "ema", "decoder_stride", "binary", "border_width", "seed",
)  # fmt: skip


def run_page(
    examination: Examination,
    *,
    name: str,
    data: str,
    plan: Mapping[str, Any],
    log: Sequence[Mapping[str, str]],
    score: str,
    exports: Mapping[str, Mapping[str, Any]] | None = None,
    notices: Sequence[str] = (),
) -> str:
    """The HTML of the report on a run, a page without any other file.

    Args:
        examination: `Examination` of the model on the validation images.
        name: str. The path of the run.
        data: str. The path of the data it was trained on; that of the examination is what it was validated on.
        plan: dict, as `training.Plan.to_dict` returns it.
        log: sequence of dicts of str. The rows of log.csv.
        score: str. What the first score of the log is called, such as "mean IoU".
        exports: dict from a file's name to its report, as in export_report.json, or None. Defaults to None.
        notices: sequence of str. What the scan of the data found. Defaults to ().

    Returns:
        str. HTML, to be written to a file.
    """
    trained = trained_sentence(plan, log)
    summary = f"{examination.summary} {trained}"
    found = Notes(items=tuple(("note", text) for text in notices))
    nothing = Text(text="The scan of the data found nothing to report.")
    sections = [
        Section(title="Data", blocks=(data_table(plan, data), found if notices else nothing)),
        Section(title="Training", blocks=tuple(_curves(log, score))),
        *examination.sections,
        Section(title="Exports", blocks=tuple(export_blocks(exports or {}, name))),
        Section(title="Plan", blocks=(plan_table(plan),)),
        Section(title="Reproduce", blocks=tuple(_reproduce(plan, name, data, examination.data))),
    ]
    # Scores first: training curves and data explain them.
    order = [title for title in ("Classes", "Objects", "Thresholds") if title in {item.title for item in sections}]
    sections.sort(key=lambda item: item.title not in order)
    return Page(
        title=f"Report on {name}",
        lead=summary,
        facts=examination.facts,
        sections=tuple(item for item in sections if item.blocks),
        footer=f"Written by keras_seg {__version__}. {examination.cost}",
    ).html()


def trained_sentence(plan: Mapping[str, Any], log: Sequence[Mapping[str, str]]) -> str:
    """What was trained, on how many images, for how long."""
    choices, facts = plan["choices"], plan["fingerprint"]
    model, backbone = (choices[key]["value"] if key in choices else None for key in ("model", "backbone"))
    architecture = f"{model} on {backbone}" if backbone not in (None, "none") else f"{model}"
    images = counted(facts["train_images"], "image")
    if not log:
        return f"{architecture}, trained on {images}."
    seconds = float(log[-1]["seconds"])
    time = f"{seconds / 60:.1f} minutes" if seconds >= 60 else f"{seconds:.0f} seconds"
    return f"{architecture}, trained on {images} for {counted(len(log), 'epoch')} in {time}."


def data_table(plan: Mapping[str, Any], data: str | None = None) -> Table:
    """Images, their size and the shares of the classes; with the folder if it is given."""
    facts = plan["fingerprint"]
    height, width = facts["median_size"]
    rows = [
        *([] if data is None else [("folder", data)]),
        ("images", f"{facts['train_images']:,} to train on, {facts['validation_images']:,} to validate on"),
        ("size", f"{height} x {width} pixels (median), {counted(facts['channels'], 'channel')}"),
    ]
    shares = facts.get("class_share") or {}
    if shares and len(shares) <= 12:
        rows.append(("pixels in training", ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())))
    return Table(caption="What the run was trained on", headings=("", ""), rows=tuple(rows))


def _curves(log: Sequence[Mapping[str, str]], score: str) -> list[Block]:
    if not log:
        return []
    names = [name for name in log[0] if name.startswith("val_")][:1]
    items = []
    for column, title, scale in (("loss", "Loss", 1.0), *((name, f"Validation {score}, %", 100.0) for name in names)):
        points_ = [(float(row["epoch"]), scale * float(row[column])) for row in log if row.get(column)]
        if not points_:
            continue
        chart = line_chart(
            [(title, points_)],
            title=title,
            x_label="epoch",
            dots=len(points_) <= 20,
            description=f"From {points_[0][1]:.3g} in epoch {points_[0][0]:.0f} to {points_[-1][1]:.3g} in epoch "
            f"{points_[-1][0]:.0f}.",
        )
        # Hundreds of epochs are in log.csv.
        step = max(1, len(points_) // 20)
        rows = tuple((f"{x:.0f}", f"{y:.4g}") for x, y in points_[::step])
        caption = f"Numbers: {title.lower() if column == 'loss' else title}"
        items.append((chart, Table(caption=caption, headings=("epoch", title), rows=rows, numbers=(1,), folded=True)))
    text = "Every epoch is in log.csv. Validation runs as often as it takes less than a twentieth of the time."
    return [Charts(items=tuple(items)), Text(text=text, soft=True)]


def export_blocks(exports: Mapping[str, Mapping[str, Any]], name: str) -> list[Block]:
    """The exported files and their proofs, or how to export."""
    if not exports:
        return [
            Text(text="None yet. An export is loaded back and compared with the model; then show it here:"),
            Code(text=f"keras-seg export {shlex.quote(name)} --format tflite\nkeras-seg report {shlex.quote(name)}"),
        ]
    return [export_table(exports)]


def export_table(exports: Mapping[str, Mapping[str, Any]]) -> Table:
    """The exported files with their proofs."""
    rows = []
    for file, report in exports.items():
        iou = report.get("mean_iou")
        rows.append(
            (
                file,
                f"{report['format']}{', ' + report['quantize'] if report.get('quantize') else ''}",
                f"{report['size_bytes'] / 2**20:.2f}",
                f"{100 * report['agreement']:.2f}",
                f"{report['max_abs_difference']:.1e}",
                f"{report['milliseconds']:.1f}",
                "" if iou is None else points(iou),
            )
        )
    headings = ("file", "format", "MiB", "same class, %", "largest difference", "ms per call", "mean IoU")
    caption = "Each file was loaded back by its own runtime and compared with Keras before it was put in place"
    return Table(caption=caption, headings=headings, rows=tuple(rows), numbers=(2, 3, 4, 5, 6))


def plan_table(plan: Mapping[str, Any]) -> Table:
    """Every choice, its value and its reason."""
    rows = tuple(
        (name.replace("_", " "), _short(choice["value"]), choice["rule"]) for name, choice in plan["choices"].items()
    )
    return Table(
        caption="Every choice and its reason, as in plan.json", headings=("choice", "value", "because"), rows=rows
    )


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_short, value))
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _reproduce(plan: Mapping[str, Any], name: str, data: str, validation: str) -> list[Block]:
    run, folders = shlex.quote(name), quoted_data(data, validation)
    choices = plan["choices"]
    given = _given(choices)
    commands = [f"pip install keras-seg=={__version__}"]
    if "fold" in plan["fingerprint"]:
        number, folds = plan["fingerprint"]["fold"]
        commands.append(f"{train_command(plan, folders, folds=folds)}   # this is fold {number}")
    else:
        commands.append(train_command(plan, folders))
    apart = _has_own_validation_images(data, validation)
    held, why = (shlex.quote(validation), "") if apart else ("TEST_DATA", f"   # not {data}, which was trained on")
    commands += [
        f"keras-seg evaluate {run} {held}{why}",
        f"keras-seg evaluate {run} {held} --tta hflip   # what test-time augmentation gives",
        f"keras-seg report {run} {folders}                 # this page again",
    ]
    blocks: list[Block] = [Code(text="\n".join(commands))]
    others = sorted(set(given) - set(_OPTIONS) - {"task"})
    if others:
        text = f"Given in Python, without an option in the shell: {', '.join(others)}. plan.json holds the values."
        blocks.append(Text(text=text))
    text = "Add the options that say how the masks are read, if you gave any; labels.json holds the result."
    blocks.append(Text(text=text, soft=True))
    facts = plan["fingerprint"]
    rows = [
        ("keras_seg", __version__),
        ("Keras", keras.__version__),
        (keras.backend.backend(), _version(keras.backend.backend())),
        ("NumPy", _version("numpy")),
        ("Python", platform.python_version()),
        ("trained on", f"{facts['device']}, {counted(facts['cores'], 'core')}, backend {facts['backend']}"),
        ("seed", _short(choices["seed"]["value"]) if "seed" in choices else "none"),
    ]
    blocks.append(Table(caption="Versions when this page was written", headings=("", ""), rows=tuple(rows)))
    return blocks


def _has_own_validation_images(data: str, validation: str) -> bool:
    """Whether a command that takes the validation folder finds images there that were not trained on."""
    if validation != data:
        return True
    try:
        return "val" in find_splits(data)
    except InputError:  # Such as two folders, one of images and one of masks, which are not divided.
        return False


def quoted_data(data: str, validation: str) -> str:
    """The data of a run as commands take it, with the folder of the validation images if that is another."""
    return shlex.quote(data) if validation == data else f"{shlex.quote(data)} --val {shlex.quote(validation)}"


def train_command(plan: Mapping[str, Any], folders: str, *, folds: int | None = None) -> str:
    """The command that trains by a plan again.

    Args:
        plan: dict, as `training.Plan.to_dict` returns it.
        folders: str, of `quoted_data`.
        folds: int, or None. Of how many folds the run is, or is one. Defaults to None.
    """
    choices, facts = plan["choices"], plan["fingerprint"]
    given = _given(choices)
    if "fold" in facts and given.get("minutes") is not None:
        given["minutes"] *= facts["fold"][1]  # The minutes of all folds are given, and divided.
    if "weights" in given and given["weights"] is None:
        given["weights"] = "none"  # As it was given: without it, the rule may take pretrained weights.
    options = (
        [] if choices.get("task", {}).get("value", "semantic") == "semantic" else [f"--task {choices['task']['value']}"]
    )
    options += [] if folds is None else [f"--folds {folds}"]
    options += [f"--group-by {shlex.quote(facts['group_by'])}"] if facts.get("group_by") else []
    options += [_option(key, value) for key, value in given.items() if key in _OPTIONS and value is not None]
    if "seed" not in given and "seed" in choices:
        options.append(f"--seed {choices['seed']['value']}")
    return " ".join([f"keras-seg train {folders} --out NEW_RUN", *options])


def _given(choices: Mapping[str, Any]) -> dict[str, Any]:
    """The values that no rule gives again: a new measurement may come out differently."""
    return {
        key: choice["value"]
        for key, choice in choices.items()
        if choice["rule"].partition(":")[0] in ("given", "measured")
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _option(name: str, value: Any) -> str:
    flag = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return flag if value else f"--no-{flag[2:]}"
    if isinstance(value, list):
        return f"{flag} {'x'.join(map(str, value))}"
    return f"{flag} {shlex.quote(f'{value:g}' if isinstance(value, float) else str(value))}"
