"""The tables of every model in every format in docs/export-tables.md, as lines of Markdown."""

# Key of a format in docs/export_table.json: the heading of its column.
HEADINGS = {
    "saved_model": "SavedModel",
    "onnx": "ONNX",
    "openvino": "OpenVINO",
    "tflite": "TFLite",
    "any_size": "TFLite, any size",
    "float16": "float16",
    "dynamic": "dynamic",
    "int8": "int8",
    "int16x8": "int16x8",
}


def lines(content):
    """The tables and their notes, from the content of docs/export_table.json."""
    cells, notes = content["cells"], []

    def note(text):
        if text not in notes:
            notes.append(text)
        return f"[{notes.index(text) + 1}](#export-notes)"

    def matrix(title, value):
        found = [f"**{title}**", "", f"| Model | {' | '.join(HEADINGS.values())} |", "|---|" + "---:|" * len(HEADINGS)]
        for label, row in cells.items():
            values = [note(_why(row, key)) if _why(row, key) else value(row[key]) for key in HEADINGS]
            found.append(f"| {label} | {' | '.join(values)} |")
        return [*found, ""]

    found = matrix("Size, MiB", lambda one: f"{one['size_bytes'] / 2**20:.1f}")
    found += matrix("Largest difference of any probability from Keras", _difference)
    found += matrix("Pixels of the same class as in Keras, %", lambda one: f"{100 * one['agreement']:.2f}")
    found += matrix(f"Milliseconds per call, one image, two threads ({content['latencies']})", _milliseconds)
    found += matrix("Kinds of operators", lambda one: str(len(one["ops"])))
    found += _delegates(content.get("delegates", {}))
    if notes:
        found += ['<a id="export-notes"></a>', ""]
        found += [f"{number}. {text}" for number, text in enumerate(notes, start=1)] + [""]
    found += ['<details markdown="1">', "<summary>The operators of each TFLite file</summary>", ""]
    found += ["| Model | float32 | additional in int8 |", "|---|---|---|"]
    for label, row in cells.items():
        if ops := row.get("tflite", {}).get("ops"):
            besides = [op for op in row.get("int8", {}).get("ops", []) if op not in ops]
            found.append(f"| {label} | {', '.join(ops).lower()} | {', '.join(besides).lower()} |")
    return [*found, "", "</details>"]


def _delegates(rows):
    """What the processors of devices take of the TFLite files."""
    found = ["**TFLite on phones: nodes that are taken, of all; partitions, if not 1**", ""]
    heads = "phone GPU, float32 | runs on LiteRT's GPU delegate | same class in float16, % | NPU, int8 | Edge TPU, int8"
    found.append(f"| Model | {heads} |")
    found.append("|---|---:|---|---:|---:|---:|")
    for label, row in rows.items():
        values = [_counted(row["gpu"]), _device(row.get("device")), f"{100 * row['half_precision']['agreement']:.2f}"]
        found.append(f"| {label} | {' | '.join([*values, _counted(row['npu']), _counted(row['edgetpu'])])} |")
    return [*found, ""]


def _counted(check):
    text = f"{check['accepted']} of {check['nodes']}"
    return text if check["partitions"] == 1 else f"{text}; {check['partitions']}"


def _device(device):
    if device is None:
        return "not tried"
    if not device["complete"]:
        return f"no: {device['error']}"
    return f"yes; same class on {100 * device['agreement']:.2f} %"


def _why(row, key):
    """The reason why a cell has no numbers, or None."""
    if key not in row:
        return "Not exported yet."
    return row[key].get("refused")


def _difference(one):
    """Two decimals from 0.01 on, otherwise one significant digit as a power of ten."""
    value = one["difference"]
    if value == 0:
        return "0"
    return f"{value:.2f}" if value >= 0.01 else f"{value:.0e}".replace("e-0", "e-")


def _milliseconds(one):
    return f"{one['milliseconds']:.0f}" if one["milliseconds"] >= 10 else f"{one['milliseconds']:.1f}"
