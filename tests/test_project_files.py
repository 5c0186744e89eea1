"""What the project does on GitHub is what it does at home."""

import configparser
import itertools
import pathlib
import re
import subprocess
import tomllib

import long_tests
import pytest
import time_limit

yaml = pytest.importorskip("yaml")

pytestmark = pytest.mark.tensorflow_only

ROOT = pathlib.Path(__file__).parent.parent
WORKFLOWS = ROOT / ".github" / "workflows"


def workflow(name):
    return yaml.safe_load((WORKFLOWS / f"{name}.yml").read_text(encoding="utf-8"))


def steps(name):
    return [step for job in workflow(name)["jobs"].values() for step in job["steps"]]


def commands(name):
    return [step["run"] for step in steps(name) if "run" in step]


def all_steps():
    """The steps of `.ci/run`: those that run if none is named, and the rest."""
    text = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    return [step for name in ("STEPS", "MORE") for step in re.search(rf'^{name}="(.*)"$', text, re.M).group(1).split()]


def expanded(job):
    """The commands of a job, once for each combination of its matrix."""
    matrix = job.get("strategy", {}).get("matrix", {})
    for values in itertools.product(*matrix.values()):
        for step in job["steps"]:
            command = step.get("run", "")
            for name, value in zip(matrix, values, strict=True):
                command = command.replace("${{ matrix." + name + " }}", value)
            if command:
                yield command


def test_ci_runs_what_a_change_must_pass_and_nothing_else():
    assert all(command.startswith(".ci/run ") for command in commands("ci"))
    run = [command.split() for job in workflow("ci")["jobs"].values() for command in expanded(job)]
    assert {step for _, *steps in run for step in steps} == set(all_steps())
    # YAML reads the key `on` as true.
    assert set(workflow("ci")[True]) == {"push", "pull_request"}
    assert not any(step.get("continue-on-error") for step in steps("ci"))
    assert all("if" not in step for step in steps("ci"))
    assert not any({"if", "continue-on-error"} & set(job) for job in workflow("ci")["jobs"].values())


def test_every_backend_is_tested_on_the_oldest_and_the_newest_python():
    job = workflow("ci")["jobs"]["test"]
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    versions = re.findall(r":: (3\.\d+)$", setup["metadata"]["classifiers"], re.M)
    matrix = {"backend": ["tensorflow", "jax", "torch"], "python": [versions[0], versions[-1]]}
    assert job["strategy"] == {"fail-fast": False, "matrix": matrix}
    assert [step["with"]["python-version"] for step in job["steps"] if "setup-python" in step.get("uses", "")] == [
        "${{ matrix.python }}"
    ]


def test_a_change_must_pass_lint_tests_docs_and_wheel():
    named = ["test-lowest", "test-newest"]
    assert all_steps() == ["lint", "test-tensorflow", "test-jax", "test-torch", "docs", "wheel", *named]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{step}:", makefile, re.M) for step in all_steps())
    for tool in ("ruff check .", "ruff format --check .", "codespell", "pyright"):
        assert f"$(BIN)/{tool}" in makefile


def test_an_unknown_step_is_refused_before_anything_runs():
    done = subprocess.run([".ci/run", "lint", "tests"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("No such step: tests. Choose from: lint ")


def test_quick_and_the_tests_of_versions_leave_out_the_thorough_tests():
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    targets = [line.split(":")[0] for line in lines if re.match(r"[\w-]+:", line)]
    held = {}
    for line in lines:
        name = line.split(":")[0] if re.match(r"[\w-]+:", line) else next(reversed(held), "")
        held.setdefault(name, []).append(line)
    short = [name for name in dict.fromkeys(targets) if any("thorough" in line for line in held[name])]
    assert short == ["quick", "test-lowest", "test-newest"]


def test_the_lowest_and_the_newest_versions_are_tested():
    assert workflow("ci")["jobs"]["versions"]["strategy"]["matrix"] == {"versions": ["lowest", "newest"]}


def test_the_time_limit_is_one_number():
    assert time_limit.SECONDS == 10
    markers = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    assert any("over ten seconds" in line for line in markers["markers"] if line.startswith("slow:"))
    assert "over ten seconds" in " ".join((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split())


def test_the_long_tests_run_too():
    assert commands("nightly")[-1] == "make test-all"  # After a GPU in software for the tests of the delegate.
    assert "schedule" in workflow("nightly")[True]


def test_a_release_is_tested_and_published_without_a_token():
    assert ".ci/run" in commands("release")
    jobs = workflow("release")["jobs"]
    assert jobs["publish"]["needs"] == "build"
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert "secrets." not in (WORKFLOWS / "release.yml").read_text(encoding="utf-8")
    assert workflow("release")[True] == {"push": {"tags": ["v*"]}}


def test_the_release_reads_the_version_as_python_does():
    import keras_seg

    check = next(command for command in commands("release") if "_version.py" in command)
    pattern = re.search(r're\.search\(r"([^"]+)"', check).group(1)
    assert re.search(pattern, (ROOT / "keras_seg" / "_version.py").read_text())[0] == keras_seg.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", keras_seg.__version__), "not a semantic version"
    assert f"## {keras_seg.__version__} (" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_citation_is_of_this_version():
    import keras_seg

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == keras_seg.__version__
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_the_site_is_built_strictly():
    assert commands("docs") == ["make docs"]
    assert "mkdocs build --strict" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_what_workflows_use_has_a_version():
    for path in WORKFLOWS.glob("*.yml"):
        assert "permissions" in workflow(path.stem), f"{path.name} gets more rights than it needs"
        for step in steps(path.stem):
            assert "run" in step or re.search(r"@(v\d+|release/v\d+)$", step["uses"]), step


@pytest.mark.parametrize(
    "path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.name
)
def test_issue_forms_are_forms(path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    if path.name == "config.yml":
        return
    assert {"name", "description", "body"} <= set(form)
    names = [part["id"] for part in form["body"]]
    assert len(names) == len(set(names))
    assert all(part["type"] in ("textarea", "dropdown", "input") for part in form["body"])
    assert any(part.get("validations", {}).get("required") for part in form["body"])


def test_hooks_are_pinned_and_do_what_make_lint_does():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert all(re.fullmatch(r"v\d+\.\d+\.\d+", repo["rev"]) for repo in hooks["repos"])
    names = {hook["id"] for repo in hooks["repos"] for hook in repo["hooks"]}
    assert {"ruff-check", "ruff-format", "codespell", "end-of-file-fixer"} <= names
    assert "codespell" in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    pins = re.findall(r"^(ruff|codespell)==(.*)$", (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8"), re.M)
    revisions = {repo["repo"].split("/")[-1].removesuffix("-pre-commit"): repo["rev"] for repo in hooks["repos"]}
    assert {name: f"v{version}" for name, version in pins} == {name: revisions[name] for name in ("ruff", "codespell")}


@pytest.mark.parametrize("name", ["quick", "tensorflow", "jax", "torch"])
def test_every_long_test_exists(name):
    for function in long_tests.listed(name):
        file, *_, last = function.split("::")
        assert f"def {last}(" in (ROOT / file).read_text(encoding="utf-8"), f"{name}.txt lists {function}"


def test_long_tests_leave_the_first_of_every_five_cases():
    assert long_tests.left_out(list("abcdefg")) == ["b", "c", "d", "e", "g"]
    assert long_tests.left_out(["alone"]) == ["alone"]
