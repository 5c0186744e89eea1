"""The suite: how fast the package is beside its peers, and beside what the machine can do. `make bench` runs it.

    python benchmarks/performance.py --peers-python PEERS/bin/python [--groups training inference] [--rounds 7]

PEERS is an environment with torch, segmentation-models-pytorch and monai. Alternatives of a case run in processes that
take turns; the median counts, and the spread is half of the distance between the quartiles. Run nothing else on the
machine. Groups that are run replace theirs in docs/performance.json; `page_tables.py` then writes docs/performance.md.
"""

import argparse
import datetime
import importlib
import json
import pathlib
import platform
import statistics
import subprocess
import sys

import page_tables
from performance_page import GROUPS
from worker import THREADS, Worker

FILE = "performance.json"
VERSIONS = """import importlib.metadata as metadata, json
names = ["tensorflow", "keras", "torch", "segmentation-models-pytorch", "monai", "openvino", "onnxruntime"]
print(json.dumps({name: metadata.version(name) for name in names if list(metadata.distributions(name=name))}))"""


def output_of(*command):
    """What a command prints last, as JSON."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def processor():
    """The name of the processor."""
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def limit(facts, rates):
    """The least milliseconds that the machine could need, or None."""
    if "multiply_adds" in facts:
        return 1000 * facts["multiply_adds"] / rates[facts["type"]]
    return 1000 * facts["bytes"] / rates["bytes"] if "bytes" in facts else None


def measured(group, case, pythons, rounds):
    """{system: milliseconds, spread, peak memory and facts} of a case."""
    systems = [system for system in (*group.OURS, *group.PEERS) if group.has(system, case)]
    name = group.__name__.removeprefix("cases.")
    workers, facts = {}, {}
    for system in systems:  # One after the other: exports of ResNet50 at the same time take more memory than there is.
        workers[system] = Worker(pythons[system in group.FOREIGN], name, system, case)
        facts[system] = workers[system].ready()
    check_equal(case, {system: said["parameters"] for system, said in facts.items() if "parameters" in said})
    times = {system: [] for system in systems}
    for round_ in range(rounds + 2):
        for system, worker in workers.items():
            took = worker.call()
            if round_ > 1:  # The first calls compile.
                times[system].append(took)
    found = {}
    for system, worker in workers.items():
        low, _, high = statistics.quantiles(times[system], n=4)
        found[system] = {
            "milliseconds": round(statistics.median(times[system]), 3),
            "spread": round((high - low) / 2, 3),
            "memory": round(worker.close()),
            "facts": facts[system],
        }
    return found


def check_equal(case, parameters):
    """End the run if models that are compared have different numbers of parameters."""
    if len(set(parameters.values())) > 1:
        raise SystemExit(f"{case}: parameters differ: {parameters}. Compare models that are alike.")


def with_best(group, found):
    """The case with the fastest file as a system of its own."""
    files = {name: found[name] for name, target in group.OURS.items() if target is None and name in found}
    fastest = min(files, key=lambda name: files[name]["milliseconds"])
    return {**found, group.BEST: {**files[fastest], "is": fastest}}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers-python", type=pathlib.Path, required=True)
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=GROUPS)
    parser.add_argument("--cases", nargs="+", help="only those whose name contains one of these; nothing is written")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    pythons = (pathlib.Path(sys.executable), arguments.peers_python)
    rates = output_of(arguments.peers_python, pathlib.Path(__file__).with_name("machine_rates.py"))
    path = page_tables.DOCS / FILE
    whole = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"groups": {}}
    for name in arguments.groups:
        group = importlib.import_module(f"cases.{name}")
        cases = {}
        for case in group.CASES:
            if arguments.cases and not any(text in case for text in arguments.cases):
                continue
            found = measured(group, case, pythons, arguments.rounds)
            if not found:  # The processor lacks what the case needs.
                continue
            cases[case] = with_best(group, found) if hasattr(group, "BEST") else found
            for result in cases[case].values():
                result["limit"] = limit(result.pop("facts"), rates)
            times = ", ".join(f"{system} {result['milliseconds']:.1f}" for system, result in cases[case].items())
            print(f"{name}: {case}: {times}", flush=True)
        whole["groups"][name] = {
            "date": datetime.date.today().isoformat(),
            "processor": processor(),
            "threads": THREADS,
            "rates": rates,
            "versions": output_of(pythons[1], "-c", VERSIONS) | output_of(pythons[0], "-c", VERSIONS),
            "rounds": arguments.rounds,
            "cases": cases,
        }
        if not arguments.cases:
            path.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
