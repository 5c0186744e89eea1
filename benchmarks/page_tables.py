"""The tables of the documentation's pages, generated from the numbers in docs/*.json.

    python benchmarks/page_tables.py           # write them into the pages
    python benchmarks/page_tables.py --check   # only list those that differ

A table is on its page between `<!-- table: NAME -->` and `<!-- end of table -->`; its numbers are not typed anywhere.
A benchmark calls `publish`, or writes its JSON and calls `write_tables()`. To add a table, write a function with
`@table` that turns the content of the JSON file into the lines of the table.
"""

import argparse
import json
import math
import pathlib
import re
import statistics
import sys

import export_table_page
import growth_curves
import performance_page
from ray_model import modeled

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs"
TABLES = {}  # (page, name): function without arguments that returns the table


def table(page, name, *files):
    """Register a function that turns the content of JSON files into the lines of a table on a page."""

    def register(function):
        TABLES[page, name] = lambda: "\n".join(function(*(read(file) for file in files)))
        return function

    return register


def read(file):
    return json.loads((DOCS / file).read_text(encoding="utf-8"))


def rows(*cells, head):
    """The lines of a Markdown table."""
    lines = [f"| {' | '.join(line)} |" for line in (head, *cells)]
    return [lines[0], "|---" * len(head) + "|", *lines[1:]]


def with_table(text, name, content):
    """The text of a page with the table of this name replaced."""
    pattern = rf"(<!-- table: {re.escape(name)} -->\n)(.*?)(<!-- end of table -->)"
    if len(re.findall(pattern, text, re.S)) != 1:
        raise ValueError(f"the page must have exactly one place for the table {name!r}")
    return re.sub(pattern, lambda found: f"{found[1]}\n{content}\n\n{found[3]}", text, flags=re.S)


def stale_tables():
    """The tables that differ from the JSON, as (page, name)."""
    stale = []
    for (page, name), content in TABLES.items():
        text = (DOCS / page).read_text(encoding="utf-8")
        if with_table(text, name, content()) != text:
            stale.append((page, name))
    return stale


def publish(file, result, *, trial=None):
    """Write the result of a benchmark, and the tables made of it; or print `trial(result)`, and write nothing."""
    if trial:
        print("\n".join(trial(result)))
        return
    (DOCS / file).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_tables()


def write_tables():
    for (page, name), content in TABLES.items():
        path = DOCS / page
        path.write_text(with_table(path.read_text(encoding="utf-8"), name, content()), encoding="utf-8")


@table("benchmarks.md", "camvid", "benchmarks.json")
def camvid(numbers):
    ours, peer = numbers["camvid"]["rows"]

    def cells(row, mean):
        steps = f"{row['steps']:,} of {row['batch']}"
        return [row["what"], f"{row['parameters']:,}", steps, mean, str(row["pixel_accuracy"])]

    # Published by the SegNet paper's authors, natural and median-frequency balanced.
    published = ["SegNet-Basic, published, natural and balanced", "1,416,587", "", "46.3 / 47.7", "84.0 / 82.7"]
    return rows(
        cells(ours, f"**{ours['mean_iou']}**"),
        cells(peer, str(peer["mean_iou"])),
        published,
        head=["", "parameters", "steps", "mean IoU", "pixel accuracy"],
    )


@table("benchmarks.md", "camvid classes", "benchmarks.json")
def camvid_classes(numbers):
    ours, peer = (row["iou"] for row in numbers["camvid"]["rows"])
    return rows(*([name, str(ours[name]), str(peer[name])] for name in ours), head=["IoU", "keras_seg", "smp"])


@table("benchmarks.md", "camvid seeds", "camvid_seeds.json")
def camvid_seeds(content):
    return seed_scores(content["results"])


@table("benchmarks.md", "camvid seeds classes", "camvid_seeds.json")
def camvid_seeds_classes(content):
    return seed_classes(content["results"])


@table("benchmarks.md", "membrane", "membrane.json")
def membrane(content):
    return seed_scores(content["results"])


@table("benchmarks.md", "membrane classes", "membrane.json")
def membrane_classes(content):
    return seed_classes(content["results"])


@table("benchmarks.md", "ablation", "ablation.json")
def ablation(content):
    return ablation_rows(content["results"])


def ablation_rows(results):
    """The lines of the table of an ablation, the first of which is what the others are compared with."""
    means = {name: statistics.mean(run["mean_iou"] for run in runs) for name, runs in results.items()}
    first = next(iter(means.values()))
    lines = []
    for name, runs in results.items():
        steps = statistics.mean(run["steps"] for run in runs)
        change = f"{100 * (means[name] - first):+.1f}" if lines else ""
        poles = percent([run["iou"]["Pole"] for run in runs])
        lines.append([name, f"{steps:,.0f}", f"{100 * means[name]:.1f}", change, poles])
    return rows(*lines, head=["", "steps", "mean IoU", "change", "poles"])


# The systems of camvid_seeds.py and membrane.py, as a table names them.
SEED_SYSTEMS = {
    "keras": "`keras-seg train --weights none` (U-Net, Compact)",
    "keras-pretrained": "`keras-seg train` (U-Net, EfficientNetLite0 with its weights)",
    "smp": 'smp `Unet("mobilenet_v2")`',
    "smp-pretrained": 'smp `Unet("tu-tf_efficientnet_lite0")` with the same weights',
    "nnunet": "nnU-Net, its 2d plan",
}


def percent(values):
    return f"{100 * statistics.mean(values):.1f}"


def seed_scores(results):
    """The lines of the table of scores for `{system: [result of a seed, ...]}`."""
    means = {system: statistics.mean(run["mean_iou"] for run in runs) for system, runs in results.items()}
    lines = []
    for system, runs in results.items():
        steps = ", ".join(f"{run['steps']:,}" for run in runs)
        mean = f"{100 * means[system]:.1f}"
        lines.append(
            [
                SEED_SYSTEMS[system],
                f"{runs[0]['parameters']:,}",
                f"{steps} of {runs[0]['batch'].replace('x', ' x ')}",
                f"**{mean}**" if means[system] == max(means.values()) else mean,
                ", ".join(percent([run["mean_iou"]]) for run in runs),
                percent([run["pixel_accuracy"] for run in runs]),
            ]
        )
    return rows(*lines, head=["", "parameters", "steps", "mean IoU", "per seed", "pixel accuracy"])


def seed_classes(results):
    """The lines of the table of the classes, each the mean of the seeds."""
    lines = [
        [name, *(percent([run["iou"][name] or 0.0 for run in runs]) for runs in results.values())]
        for name in next(iter(results.values()))[0]["iou"]
    ]
    return rows(*lines, head=["IoU", *results])


@table("benchmarks.md", "upsample_conv", "benchmarks.json")
def upsample_conv(numbers):
    return rows(
        *(
            [
                row["stage"],
                *(
                    cell
                    for keras, ours in (row["forward"], row["with_gradients"])
                    for cell in (f"{keras:.1f}", f"{ours:.1f}", f"{ours / keras:.2f}")
                ),
            ]
            for row in numbers["upsample_conv"]["rows"]
        ),
        head=["stage", "Keras forward", "ours", "ratio", "Keras with gradients", "ours", "ratio"],
    )


@table("benchmarks.md", "augmentation", "benchmarks.json")
def augmentation(numbers):
    lines = []
    for row in numbers["augmentation"]["rows"]:
        median, low, high = row["images_a_second"]
        shown = f"**{median:,}**" if row.get("ours") else f"{median:,}"
        lines.append([row["name"], f"{shown} ({low:,} to {high:,})"])
    lines.append(["ratio to the best of the others", f"**{augmentation_ratio(numbers):.2f}x**"])
    return rows(*lines, head=["", "images per second"])


def augmentation_ratio(numbers):
    ours = [row["images_a_second"][0] for row in numbers["augmentation"]["rows"] if row.get("ours")]
    others = [row["images_a_second"][0] for row in numbers["augmentation"]["rows"] if not row.get("ours")]
    return max(ours) / max(others)


@table("benchmarks.md", "exports", "benchmarks.json")
def exports(numbers):
    """Per column: milliseconds, and the ratio to the faster eager layout of the peer in the same run."""
    found = {row["name"]: row["ms"] for row in numbers["exports"]["rows"]}
    units = [min(pair) for pair in zip(found["smp, eager"], found["smp, channels_last"], strict=True)]
    best = [min(column) for column in zip(*found.values(), strict=True)]
    lines = []
    for name, times in found.items():
        cells = [name]
        for time, unit, fastest in zip(times, units, best, strict=True):
            cell = f"{time:.1f} · {time / unit:.2f}"
            cells.append(f"**{cell}**" if time == fastest else cell)
        lines.append(cells)
    return rows(*lines, head=["", "wide skips, batch 1", "wide, batch 8", "narrow skips, batch 1", "narrow, batch 8"])


@table("benchmarks.md", "max_unpooling", "benchmarks.json")
def max_unpooling(numbers):
    lines = []
    for row in numbers["max_unpooling"]["rows"]:
        cells = ["" if value is None else f"{value:.1f}" for value in row["ms"]]
        for place, (low, high) in enumerate(row.get("ranges", ())):
            cells[place] += f" ({low:.1f} to {high:.1f})"
        lines.append([row["name"], *cells])
    return rows(*lines, head=["", "forward", "forward and backward"])


@table("benchmarks.md", "mean_iou", "benchmarks.json")
def mean_iou(numbers):
    lines = [[row["name"], f"{row['ms']:.1f}", f"{row['share']:.2f}"] for row in numbers["mean_iou"]["rows"]]
    return rows(*lines, head=["", "ms", "share"])


THIN_OR_RARE = ("pole", "sign", "fence", "pedestrian", "bicyclist")


def imbalance(content):
    """{loss: {column: (mean, standard deviation over the seeds)}} in percent, and the number of seeds as "seeds"."""
    found = {}
    for name in dict.fromkeys(run["loss"] for run in content["runs"]):
        own = [run["iou"] for run in content["runs"] if run["loss"] == name]
        columns = {"mean": list(own[0]), "thin or rare": THIN_OR_RARE} | {item: (item,) for item in THIN_OR_RARE}
        found[name] = {"seeds": len(own)}
        for column, items in columns.items():
            values = [100 * statistics.mean(iou[item] for item in items) for iou in own]
            found[name][column] = statistics.mean(values), statistics.stdev(values) if len(values) > 1 else 0.0
    return found


@table("benchmarks.md", "class_imbalance", "class_imbalance.json")
def class_imbalance(content):
    columns = ["mean", "thin or rare", *THIN_OR_RARE]
    return rows(
        *(
            [name, str(found["seeds"]), *(f"{found[column][0]:.1f} ± {found[column][1]:.1f}" for column in columns)]
            for name, found in imbalance(content).items()
        ),
        head=["IoU, %", "seeds", *columns],
    )


@table("index.md", "measured", "benchmarks.json", "camvid_seeds.json", "tta.json")
def measured(numbers, seeds, tta):
    ours, peer = (
        percent([run["mean_iou"] for run in seeds["results"][name]]) for name in ("keras-pretrained", "smp-pretrained")
    )
    metric = next(row for row in numbers["mean_iou"]["rows"] if "in a graph for this size" in row["name"])
    stages = [ours / keras for row in numbers["upsample_conv"]["rows"] for keras, ours in (row["with_gradients"],)]
    gain = tta["recommended_gain"]
    lines = [
        [
            "CamVid, fifteen minutes on two CPU cores, pretrained EfficientNet-Lite0",
            f"mean IoU **{ours}**; segmentation_models_pytorch, same weights, minutes and cores: {peer}",
        ],
        [
            "Augmenting images for training",
            f"**{augmentation_ratio(numbers):.1f}** times as many images per second as albumentations",
        ],
        ["One update of mean IoU", f"**{metric['share']:.2f}** of the time of `keras.metrics.MeanIoU`"],
        [
            "`UpsampleConv` for upsampling, concatenation and convolution, with gradients",
            f"**{min(stages):.2f}** to {max(stages):.2f} of the time, the same result",
        ],
        [
            "Test-time augmentation, as its report recommends",
            f"**+{100 * gain['mean_iou']['gain']:.1f}** points of mean IoU for {gain['time_ratio']:.1f} times the time",
        ],
    ]
    return rows(*lines, head=["What", "Measured"])


@table("models.md", "models", "model_table.json")
def models(content):
    lines = []
    for row in content:
        lines.append(
            [
                row["model"],
                f"{row['parameters']:,}",
                f"{row['paper']:,}" if row["paper"] else "none",
                "whole image" if row["receptive_field"] is None else f"{row['receptive_field']} px",
                f"1/{row['output_stride']:.0f}" if row["output_stride"] > 1 else "every pixel",
                f"{row['multiply_adds'] / 1e9:.2f} G",
                f"{row['latency_ms']:.0f} ms",
                f"{row['tflite_bytes'] / 2**20:.1f} MiB",
            ]
        )
    head = [
        "Model",
        "Trainable parameters",
        "published",
        "Receptive field",
        "Predicts at",
        "Multiply-adds",
        "CPU",
        "TFLite",
    ]
    return rows(*lines, head=head)


@table("models.md", "differences", "model_table.json")
def model_differences(content):
    """A sentence, not a table, but with numbers from the same JSON."""
    steady = [row["tflite_difference"] for row in content if not row["tflite_share_apart"]]
    unpooling = {row["model"]: row["tflite_share_apart"] for row in content if row["tflite_share_apart"]}
    lines = [
        "Every TFLite file was compared with Keras on two images, with random weights and settled BatchNormalization:",
        f"no probability differs by more than {max(steady):.1g}",
    ]
    if unpooling:
        shares = ", ".join(f"{model} {share:.1%}" for model, share in unpooling.items())
        lines[-1] += ", except in the models that unpool, where rounding decides between equal maxima. There the"
        lines.append(f"difference exceeds 0.001 on a share of the pixels: {shares} ([why](export.md#proof))")
    lines[-1] += "."
    return lines


@table("models.md", "operators", "model_table.json")
def model_operators(content):
    lines = [[row["model"], ", ".join(operator.lower() for operator in row["ops"])] for row in content]
    return rows(*lines, head=["Model", "operators of the TFLite file"])


def _raster_cells(row):
    """The size of a raster, and the memory that it took."""
    return [
        _power_of_ten(row["pixels"]),
        f"{row['height']:,} x {row['width']:,}",
        f"{row['resident_before_mib']:,} MiB",
        f"{row['most_resident_mib']:,} MiB",
    ]


@table("how-to/geotiff.md", "raster memory", "raster_memory.json")
def raster_memory(content):
    return rows(
        *(
            [
                *_raster_cells(row),
                f"{row['pixels'] / 1e6 / row['seconds']:.0f}",
            ]
            for row in content["predict"]
        ),
        head=["pixels", "height x width", "memory before", "highest memory", "million pixels per second"],
    )


@table("how-to/geotiff.md", "raster crops", "raster_memory.json")
def raster_crops(content):
    return rows(
        *(
            [
                *_raster_cells(row),
                f"{row['seconds_to_count']:.0f} s",
                f"{row['crops_per_second']}",
            ]
            for row in content["train"]
        ),
        head=["pixels", "height x width", "memory before", "highest memory", "counting the labels", "crops per second"],
    )


def _power_of_ten(number):
    return f"10<sup>{round(math.log10(number))}</sup>"


@table("how-to/big-folders.md", "ray constants", "ray_scaling.json")
def ray_constants(content):
    """What was measured, in milliseconds where it is short."""
    shown = []
    for name, value in content.items():
        if name.startswith("seconds per"):
            shown.append([name.replace("seconds", "milliseconds"), f"{1000 * value:.3g}"])
        else:
            shown.append([name, f"{value:,.0f}" if value > 1000 else f"{value:.3g}"])
    return rows(*shown, head=["", "measured"])


@table("how-to/big-folders.md", "ray model", "ray_scaling.json")
def ray_model(content):
    return rows(
        *([f"{workers:,}", f"{rate:,.0f}", f"{hours:,.1f}", limit] for workers, rate, hours, limit in modeled(content)),
        head=["workers", "images per second", "hours for 10 million images", "what limits"],
    )


@table("tiling.md", "tile seams", "tiling.json")
def tile_seams(result):
    lines = []
    for name, row in result["rows"].items():
        parts = [row[part] for part in ("neighbors", "whole", "near_seams", "far_from_seams")]
        value, low, high = (100 * number for number in row["mean_iou_difference"])
        lines.append(
            [
                name,
                f"{row['tiles'][0]} x {row['tiles'][1]}",
                *(f"{part['class_disagreement']:.1%}" if part else "no overlap" for part in parts),
                f"{100 * row['mean_iou']:.1f}",
                f"{value:+.2f} ({low:+.2f} to {high:+.2f})",
            ]
        )
    lines.append(["whole image", "1", "", "", "", "", f"{100 * result['mean_iou_whole']:.1f}", ""])
    head = ["blend, overlap", "tiles per image", "neighbors", "tiled and whole", "near seams", "elsewhere", "mean IoU"]
    return rows(*lines, head=[*head, "minus whole image"])


VERDICTS = {"helps": "helps", "harms": "harms", "unclear": "not shown to help"}


@table("tta.md", "transforms", "tta.json")
def tta(result):
    def cells(row, name):
        gains = (
            f"{100 * row[score]['gain']:+.2f} ({100 * row[score]['low']:+.2f} to {100 * row[score]['high']:+.2f})"
            for score in ("mean_iou", "boundary_iou")
        )
        return [name, str(row["passes"]), f"{row['time_ratio']:.1f}", *gains, VERDICTS[row["verdict"]]]

    lines = [["none", "1", "1", *(f"{100 * result[score]:.2f}" for score in ("mean_iou", "boundary_iou")), ""]]
    lines += [cells(row, f"`{row['name']}`") for row in (*result["alone"], *result["groups"].values())]
    if best := result["recommended_gain"]:
        lines.append(cells(best, f"**recommended: `{best['name']}`**"))
    return rows(*lines, head=["transforms", "passes", "time", "mean IoU", "boundary IoU", ""])


@table("sliding-window.md", "ways", "sliding_window.json")
def sliding_window(result):
    def percent(value):
        return f"{100 * value:.1f}"

    lines = []
    for name, row in result["ways"].items():
        whole = row["images"] == result["images"]
        lines.append(
            [
                name,
                f"{row['seconds']:.1f} s" if row["seconds"] >= 1 else f"{1000 * row['seconds']:.0f} ms",
                *([percent(row["mean_iou"]), percent(row["prior"])] if whole else ["", ""]),
                f"{percent(row['mean_iou_first'])} / {percent(row['prior_first'])}",
            ]
        )
    images, slow = result["images"], result["slow"]
    return rows(
        *lines, head=["", "time per image", f"mean IoU, {images} images", "times class shares", f"first {slow}"]
    )


CHOICE = ("UNet, plain", "UNet", "FPN", "LinkNet", "PSPNet", "DeepLabV3Plus", "SegNet", "FCN8s")


@table("choose.md", "models", "model_table.json")
def models_to_choose(content):
    lines = []
    for row in content:
        if row["model"] in CHOICE:
            cost = f"{row['latency_ms']:.0f} ms", f"{row['tflite_bytes'] / 2**20:.1f} MiB"
            lines.append(
                [f"`{row['model']}`".replace(", plain`", "`, plain"), f"{row['parameters'] / 1e6:.1f} M", *cost]
            )
    return rows(*lines, head=["Model", "parameters", "per image", "TFLite file"])


@table("choose.md", "losses", "class_imbalance.json")
def losses_to_choose(content):
    lines = [
        [name, *(f"{found[column][0]:.1f} ± {found[column][1]:.1f}" for column in ("mean", "thin or rare"))]
        for name, found in imbalance(content).items()
    ]
    return rows(*lines, head=["Loss", "all classes", "thin or rare classes"])


@table("choose.md", "upsampling", "benchmarks.json")
def upsampling_to_choose(numbers):
    lines = [
        [row["stage"], *(f"{time:.1f}" for time in row["with_gradients"])] for row in numbers["upsample_conv"]["rows"]
    ]
    return rows(*lines, head=["map + skip -> filters", "UpSampling2D, Concatenate, Conv2D", "UpsampleConv"])


@table("choose.md", "tta", "tta.json")
def tta_to_choose(content):
    shown = [row for row in content["alone"] if row["name"] in ("hflip", "vflip", "Scale(1.5)")]
    lines = [
        [f"`{row['name']}`", f"{100 * row['mean_iou']['gain']:+.1f}", f"{row['time_ratio']:.1f}"]
        for row in (*shown, content["groups"]["usual"], content["recommended_gain"])
    ]
    return rows(*lines, head=["Transforms", "points of mean IoU", "relative time"])


@table("export-tables.md", "every_model", "export_table.json")
def every_model(content):
    return export_table_page.lines(content)


@table("quantization.md", "quantization", "quantization.json")
def quantization(content):
    lines, kinds = [], ("float16", "dynamic", "int8", "int16x8")
    for row in content:
        whole = row["float32"]["mean_iou"]
        changes = [f"{100 * (row[kind]['mean_iou'] - whole):+.2f}" for kind in kinds]
        same = [f"{100 * row['float16']['agreement']:.2f} %", f"{100 * row['int8']['agreement']:.2f} %"]
        worst = f"{100 * row['int8']['worst_image']:.1f} %"
        lines.append([row["model"], f"{row['steps']:,}", f"{100 * whole:.2f}", *changes, *same, worst])
    same = ["same class, float16", "same class, int8", "int8, worst image"]
    found = rows(*lines, head=["", "steps", "float32", *kinds, *same])
    for row in content:
        if mended := row.get("mended"):
            change = 100 * (mended["mean_iou"] - row["float32"]["mean_iou"])
            layers = " and ".join(f"`{layer}`" for layer in mended["float_layers"])
            found += ["", f"{row['model']} with {layers} in float32: {change:+.2f}."]
    return found


@table("quantization.md", "layers", "quantization.json")
def layers(content):
    return ["```text", *content[0]["report"], "```"]


def performance(name):
    """When, where and how fast a group of the suite is."""

    def lines(content):
        head, *cells = performance_page.lines_of(name, content)
        return [performance_page.machine_of(name, content), "", *rows(*cells, head=head)]

    return lines


for group in performance_page.measured_groups(DOCS / "performance.json"):
    table("performance.md", group, "performance.json")(performance(group))


if (DOCS / growth_curves.FILE).exists():

    @table("performance.md", "growth", growth_curves.FILE)
    def growth(content):
        head, *cells = growth_curves.lines(content)
        machine = f"{content['date']}, {content['threads']} cores of {content['processor']}, {content['memory']:,} MiB."
        return [machine, "", *rows(*cells, head=head)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        stale = stale_tables()
        print("\n".join(f"docs/{page}: {name}" for page, name in stale) or "All tables agree with the JSON.")
        sys.exit(bool(stale))
    write_tables()


if __name__ == "__main__":
    main()
