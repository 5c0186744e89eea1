"""The model card of a run: Markdown that goes with its exported files."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_seg._page.blocks import Table
from keras_seg._version import __version__
from keras_seg.report.run_page import data_table, export_table, plan_table, trained_sentence
from keras_seg.report.score_rows import class_points, interval_text, score_rows

_HEADER = """---
license: unknown
library_name: keras
pipeline_tag: image-segmentation
tags:
- keras_seg
---
"""

# How a file is run, by its format; `image` is an array (height, width, channels). Maps are taken by name, as class ids
# come first in a file that holds both.
_USES = {
    "keras": """import keras
import keras_seg as ks

model = keras.saving.load_model("{file}")
image = ks.data.read_image("photo.jpg", channels={channels})
scores = model.predict(image[None].astype("float32"))""",
    "tflite": """from ai_edge_litert.interpreter import Interpreter

run = Interpreter("{file}").get_signature_runner()
{output} = run(image={image})["{name}"]""",
    "onnx": """import onnxruntime

session = onnxruntime.InferenceSession("{file}")
({output},) = session.run(["{name}"], {{"image": {image}}})""",
    "openvino": """import openvino

model = openvino.compile_model("{file}")
{output} = model({{"image": {image}}})["{name}"]""",
    "saved_model": """import tensorflow as tf

model = tf.saved_model.load("{file}")
{output} = model.signatures["serving_default"](image=tf.constant({image}))["{name}"]""",
}
# What a file takes of `image`, by the type of its input.
_TAKEN = {
    "float32": 'image[None].astype("float32")',
    "uint8": 'image[None].astype("uint8")',
    "int8": '(image[None].astype("int16") - 128).astype("int8")',
}


def model_card(
    name: str,
    *,
    plan: Mapping[str, Any],
    log: Sequence[Mapping[str, str]],
    metrics: Mapping[str, Any],
    model_file: str,
    exports: Mapping[str, Mapping[str, Any]],
    text: str | None = None,
) -> str:
    """The card as Markdown.

    Args:
        name: str. The name of the run.
        plan: dict, as `training.Plan.to_dict` returns it.
        log: sequence of dicts of str. The rows of log.csv.
        metrics: dict. The content of metrics.json.
        model_file: str. The name of the Keras model in the run.
        exports: dict from a file's name to its report, as in export_report.json.
        text: str. The card before, of which everything outside of the generated lines is kept, such as the license.
            Defaults to None, for none.
    """
    parts = [*_scored(name, plan, log, metrics), *_used(plan["fingerprint"]["channels"], model_file, exports)]
    content = "\n\n".join([*parts, *_trained(plan)])
    return _with_content(name, content, text)


def is_card(text: str, name: str) -> bool:
    """Whether a text is the card of the run of this name."""
    begin, end = _marks(name)
    return begin in text and end in text.partition(begin)[2]


def emptied_card(text: str, name: str) -> str:
    """The card of a run whose model is replaced: everything outside of the generated lines is kept.

    Args:
        text: str. The card before.
        name: str. The name of the run.
    """
    return _with_content(name, "The model of this run was replaced. The next export of the run writes its card.", text)


def _with_content(name: str, content: str, text: str | None) -> str:
    begin, end = _marks(name)
    before, after = (_HEADER, "\n") if text is None else (text.partition(begin)[0], text.partition(end)[2])
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"


def _marks(name: str) -> tuple[str, str]:
    """The lines between which the card of a run is generated."""
    return (
        f"<!-- Card of the run {name}. Exports write the lines from here to the end mark again; others are yours. -->",
        f"<!-- End of the card of the run {name}. -->",
    )


def _scored(
    name: str, plan: Mapping[str, Any], log: Sequence[Mapping[str, str]], metrics: Mapping[str, Any]
) -> list[str]:
    channels = plan["fingerprint"]["channels"]
    return [
        f"# {_cell(name)}",
        trained_sentence(plan, log),
        f"Input: batch, height, width, {channels} channels, values 0..255. Output: {_output(plan)}.",
        "## Scores",
        _scores(metrics, plan["fingerprint"]),
        "Choices were made on these images, so expect slightly lower scores on others."
        if metrics.get("split") == "validation"
        else "Each image was predicted by the model that was not trained on it.",
    ]


def _output(plan: Mapping[str, Any]) -> str:
    """What the channels of the model hold."""
    names = [_cell(name) for name in plan["fingerprint"]["class_names"]]
    # Plans of other tasks, and of earlier versions, have no such choice.
    if plan["choices"].get("binary", {}).get("value"):
        return f"one channel, the probability of {names[1]}; otherwise a pixel is {names[0]}"
    return f"one channel per class: {', '.join(f'{place} {name}' for place, name in enumerate(names))}"


def _used(channels: int, model_file: str, exports: Mapping[str, Mapping[str, Any]]) -> list[str]:
    parts = ["## How to use", _code(_USES["keras"].format(file=model_file, channels=channels))]
    for file, report in exports.items():
        given, name = report["input"], report["outputs"][0]
        taken = {
            "file": file,
            "image": _TAKEN[given],
            "name": name,
            "output": "ids" if name == "class_ids" else "scores",
        }
        scale = ", values -128..127" if given == "int8" else ""
        parts += [
            f"`{file}` ({report['format']}, input {given}{scale}, compared at {_size(report['input_shape'])}):",
            _code(_USES[report["format"]].format(**taken)),
        ]
    if exports:
        parts += ["## Files", _markdown(export_table(exports))]
    return parts


def _trained(plan: Mapping[str, Any]) -> list[str]:
    return [
        "## Training data",
        _markdown(data_table(plan)),
        "## Plan",
        _markdown(plan_table(plan)),
        f"Written by keras_seg {__version__}.",
    ]


def _scores(metrics: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    rows = [(f"IoU of {name}", class_points(name, value, facts)) for name, value in metrics.get("iou", {}).items()]
    for label, key, value in score_rows(metrics):
        ends = interval_text(metrics.get(f"{key}_interval"))
        rows.append((label, f"{value} ({ends}, 95 %)" if ends else value))
    caption = f"Percent, on {metrics['images']:,} images ({metrics['split']})"
    return _markdown(Table(caption=caption, headings=("score", "%"), rows=tuple(rows)))


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape[1:3]))


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


def _markdown(table: Table) -> str:
    """A table in Markdown, under its caption."""
    lines = [table.headings, ["---"] * len(table.headings), *table.rows]
    rows = [f"| {' | '.join(_cell(str(cell)) for cell in line)} |" for line in lines]
    return "\n".join([f"{table.caption}:", "", *rows])


def _cell(text: str) -> str:
    """Text without a meaning in Markdown or HTML: names of classes come from files."""
    for mark in "\\`*_|<>[]":
        text = text.replace(mark, f"\\{mark}")
    return text
