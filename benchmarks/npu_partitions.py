"""How many nodes of TFLite files Intel's compiler for NPUs takes, by its own count.

LiteRT compiles ahead of time by a plugin of the NPU's maker. Intel's counts what it takes before it compiles, which
needs the driver of an NPU; the count does not. Those of Qualcomm and MediaTek need software from their makers' sites.
In an environment of its own, as OpenVINO must be of the release that the plugin was built with:

    pip install ai-edge-litert==2.3.0 openvino==2026.3.1
    python benchmarks/npu_partitions.py unet_int8.tflite fpn_int8.tflite
"""

import argparse
import importlib.util
import pathlib
import re
import subprocess
import sys
import tempfile

_COUNT = re.compile(r"selected (\d+) ops, from a total of (\d+) ops\. resulted in (\d+) partitions")
_LOG = re.compile(r"See (\S+) for details")
_COMPILE = """
import sys
from ai_edge_litert.aot import aot_compile
from ai_edge_litert.aot.vendors.intel_openvino import target
lunar_lake = target.Target(target.SocModel.LNL)
aot_compile.aot_compile(sys.argv[1], output_dir=sys.argv[2], target=[lunar_lake], keep_going=False)
"""


def counted(file):
    """(nodes taken, all nodes, partitions) of a file."""
    libraries = pathlib.Path(importlib.util.find_spec("openvino").origin).parent / "libs"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _COMPILE, str(file), folder]
        done = subprocess.run(
            command, env={"LD_LIBRARY_PATH": str(libraries)}, capture_output=True, text=True, check=False
        )
    said = done.stdout + done.stderr
    if found := _LOG.search(said):
        said += pathlib.Path(found[1]).read_text(errors="replace")
    count = _COUNT.search(said)
    if count is None:
        raise SystemExit(f"{file}: the plugin gave no count.\n{said[-2000:]}")
    return tuple(map(int, count.groups()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    for file in parser.parse_args().files:
        taken, nodes, partitions = counted(file)
        print(f"{file.name}: {taken} of {nodes} nodes, {partitions} partition{'s' * (partitions != 1)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
