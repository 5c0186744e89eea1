"""What the project does on GitHub is what it does at home."""

import pathlib
import re
import tomllib

import pytest

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


def test_ci_runs_what_a_change_must_pass_and_nothing_else():
    assert commands("ci") == [".ci/run"]
    # YAML reads the key `on` as true.
    assert set(workflow("ci")[True]) == {"push", "pull_request"}
    assert not any(step.get("continue-on-error") for step in steps("ci"))
    assert all("if" not in step for step in steps("ci"))


def test_the_long_tests_run_too():
    assert commands("nightly") == ["make test-all"]
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
