"""The facts of docs/architecture.md: the table of packages, and the walks through the code with their drawings.

`python docs/figures/architecture.py` writes them; tests/docs/test_architecture_page.py holds that they are up to date,
that each function of a walk exists, and that a walk goes in one direction.
"""

import ast
import html
import importlib.util
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architecture.md"
PICTURES = ROOT / "docs" / "images" / "architecture"
COLUMN, STEP, BOX, COLUMNS = 296, 58, 46, 4

# name: (title, steps). A step is a file, the function or class to read there, and what happens in it.
WALKS = {
    "train": (
        "From keras-seg train to the weight update",
        [
            ("keras_seg_cli/main.py", "main", "finds the command"),
            ("keras_seg_cli/train.py", "train", "the command and its order of steps"),
            ("keras_seg_cli/options.py", "split_options", "options as arguments"),
            ("keras_seg_cli/scan_ahead.py", "scan_ahead", "lets other processes read the files"),
            ("keras_seg_cli/start.py", "keras_ready", "imports Keras meanwhile"),
            ("keras_seg/training/run_folder.py", "RunFolder", "the folder of a run"),
            ("keras_seg_cli/steps.py", "scan", "shows progress, prints results"),
            ("keras_seg/training/run_data.py", "scan_run_data", "which images train, which validate"),
            ("keras_seg/training/tasks/semantic.py", "SemanticTask", "what masks mean to a task"),
            ("keras_seg/data/index/folder_index.py", "scan_folder", "reads a folder once"),
            ("keras_seg/data/index/pairs.py", "find_pairs", "images with their masks"),
            ("keras_seg/data/index/reading.py", "read_mask", "a file as an array"),
            ("keras_seg/data/index/label_encoding.py", "LabelEncoding", "mask values as class ids"),
            ("keras_seg/training/fingerprint.py", "fingerprint", "facts about data and machine"),
            ("keras_seg/training/plan.py", "make_plan", "facts as choices, with reasons"),
            ("keras_seg/training/fit.py", "fit", "trains, saves, tunes, evaluates, draws"),
            ("keras_seg/training/build_model.py", "build_model", "the plan's model, compiled"),
            ("keras_seg/models/registry.py", "build", "a model by name"),
            ("keras_seg/models/unet.py", "UNet", "the architecture"),
            ("keras_seg/models/parts/encoder_decoder.py", "backbone_encoder", "a backbone as encoder"),
            ("keras_seg/backbones/build.py", "build", "a backbone as a pyramid"),
            ("keras_seg/training/progress_schedule.py", "ProgressSchedule", "the learning rate"),
            ("keras_seg/training/run_recorder.py", "RunRecorder", "log, validation, checkpoints"),
            ("keras_seg/data/pipeline/from_folder.py", "from_folder", "a folder as tf.data"),
            ("keras_seg/data/pipeline/batches.py", "batches", "order, augmentation, batches"),
            ("keras_seg/data/pipeline/decoded_store.py", "DecodedStore", "decoded images"),
            ("keras_seg/augmentation/standard.py", "standard", "the augmentation recipe"),
            ("keras_seg/losses/weighted_sum.py", "WeightedSum", "the sum of losses, called by Keras"),
            ("keras_seg/losses/crossentropy.py", "crossentropy", "its first term"),
            ("keras_seg/optimizers/kernel_decay_adamw.py", "KernelDecayAdamW", "the weight update"),
        ],
    ),
    "loss": (
        "From a batch to a loss value",
        [
            ("keras_seg/losses/overlap_ratios.py", "SoftIoU", "the class that Keras calls"),
            ("keras_seg/losses/segmentation_loss.py", "FunctionLoss", "keeps the arguments"),
            ("keras_seg/losses/pixels.py", "read", "labels, scores, weights in one form"),
            ("keras_seg/_labels/reading.py", "read", "which labels are classes, void, invalid"),
            ("keras_seg/_labels/sample_weights.py", "sample_weights", "weights per image or pixel"),
            ("keras_seg/losses/overlap_loss.py", "overlap_loss", "soft counts, mean over classes"),
            ("keras_seg/losses/reduction.py", "reduce", "the mean over counted images"),
        ],
    ),
    "export": (
        "From export.tflite to its report",
        [
            ("keras_seg/export/tflite/convert.py", "tflite", "the call; its arguments as a Request"),
            ("keras_seg/export/exportable.py", "check_exportable", "what can be exported"),
            ("keras_seg/export/tflite/calibration.py", "check", "options and images of quantization"),
            ("keras_seg/export/request.py", "Request", "the export that is wanted"),
            ("keras_seg/export/score_map.py", "score_map", "what the output is"),
            ("keras_seg/export/exporter.py", "run", "the steps of every export"),
            ("keras_seg/export/comparison_images.py", "comparison_batches", "images to compare on"),
            ("keras_seg/export/inference_graph.py", "inference_graph", "folded for inference"),
            ("keras_seg/export/traced_module.py", "traced_module", "the graph that is written"),
            ("keras_seg/export/tflite/tflite_format.py", "TFLITE", "written, and loaded by LiteRT"),
            ("keras_seg/export/tflite/quantization.py", "converted", "the conversion"),
            ("keras_seg/export/verification.py", "compare_maps", "file against Keras"),
            ("keras_seg/export/class_agreement.py", "class_agreement", "share of equal pixels, IoU"),
            ("keras_seg/export/report.py", "ExportReport", "the result"),
        ],
    ),
}


def _module(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows():
    """The order of the packages, as tests/test_architecture.py holds it: low to high."""
    tree = ast.parse((ROOT / "tests" / "test_architecture.py").read_text(encoding="utf-8"))
    values = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "ROWS"]
    return ast.literal_eval(values[0])


def first_line(path):
    """The first sentence of a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).rstrip(".")


def package_table():
    """A row per package, from the lowest: what it holds, how many files, and what it imports."""
    graph = _module(ROOT / "docs" / "figures" / "imports.py", "imports_figure").imports()
    lines = ["| Floor | Package | Holds | Files | Imports |", "|---|---|---|---|---|"]
    for floor, names in enumerate(rows()):
        for name in names:
            path = ROOT / "keras_seg" / name
            files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
            about = first_line(path / "__init__.py" if path.is_dir() else files[0])
            imports = ", ".join(f"`{other}`" for other in graph.get(name, ())) or "none of ours"
            lines.append(f"| {floor} | `{name}` | {about} | {len(files)} | {imports} |")
    return lines


def walk_list(name):
    """The steps of a walk as a numbered list."""
    _, steps = WALKS[name]
    return [f"{n}. `{file}`: `{item}`, {about}" for n, (file, item, about) in enumerate(steps, start=1)]


def svg(name):
    """The drawing of a walk: its steps in columns, read downwards and then to the right, a color per package."""
    title, steps = WALKS[name]
    columns = min(COLUMNS, -(-len(steps) // 4))
    height = -(-len(steps) // columns)
    colors = {}
    parts = []
    for number, (file, _, about) in enumerate(steps):
        column, row = divmod(number, height)
        x, y = 16 + column * COLUMN, 44 + row * STEP
        package = "/".join(file.split("/")[:2]) if file.count("/") > 1 else file.split("/")[0]
        hue = colors.setdefault(package, 47 * len(colors) % 360)
        parts.append(
            f'<rect x="{x}" y="{y}" width="{COLUMN - 32}" height="{BOX}" rx="5" fill="hsl({hue},55%,92%)" '
            f'stroke="hsl({hue},35%,55%)"/>'
            f'<text x="{x + 9}" y="{y + 18}" font-weight="600">{html.escape(file.removeprefix("keras_seg/"))}</text>'
            f'<text x="{x + 9}" y="{y + 36}" fill="#444">{html.escape(about)}</text>'
        )
        if number + 1 < len(steps) and row + 1 < height:
            middle = x + (COLUMN - 32) / 2
            parts.append(f'<path d="M{middle},{y + BOX}V{y + STEP - 3}" stroke="#666" marker-end="url(#arrow)"/>')
        elif number + 1 < len(steps):
            right = x + COLUMN - 32
            parts.append(
                f'<path d="M{right},{y + BOX / 2}H{right + 16}V{44 + BOX / 2}H{right + 29}" fill="none" stroke="#666" '
                'marker-end="url(#arrow)"/>'
            )
    width, total = 16 + columns * COLUMN, 44 + height * STEP + 6
    marker = (
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0,0L8,4L0,8z" fill="#666"/></marker></defs>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {total}" font-family="sans-serif" '
        f'font-size="12.5"><rect width="{width}" height="{total}" fill="#fff"/>{marker}'
        f'<text x="16" y="26" font-size="15" font-weight="600">{html.escape(title)}</text>{"".join(parts)}</svg>\n'
    )


def page(text):
    """The page's text with its generated parts replaced."""
    blocks = {"packages": package_table(), **{f"walk {name}": walk_list(name) for name in WALKS}}
    for name, lines in blocks.items():
        pattern = rf"(<!-- generated: {name} -->\n\n)(?:.*?\n\n)??(<!-- end -->)"
        text, count = re.subn(
            pattern, lambda m, lines=lines: m[1] + "\n".join([*lines, "", ""]) + m[2], text, count=1, flags=re.S
        )
        if not count:
            raise ValueError(f"docs/architecture.md lacks the part <!-- generated: {name} -->")
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURES.mkdir(parents=True, exist_ok=True)
    for walk in WALKS:
        (PICTURES / f"{walk}.svg").write_text(svg(walk), encoding="utf-8")
