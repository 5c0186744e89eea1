"""The examples run from beginning to end, and the README's code is the library's."""

import pathlib
import re
import subprocess
import sys

import keras
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("the examples are tested once", allow_module_level=True)

pytestmark = pytest.mark.tensorflow_only

ROOT = pathlib.Path(__file__).parent.parent
QUICK = ["custom_backbone.py"]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in EXAMPLES]
)
def test_example(name, tmp_path):
    done = subprocess.run([sys.executable, ROOT / "examples" / name], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout


@pytest.mark.slow
def test_the_readme_trains_on_camvid(camvid, tmp_path, monkeypatch):
    """The README's code, with two changes: no download, and one step in place of 50 epochs."""
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S).group(1)
    for old, new in (
        (', weights="imagenet"', ""),
        ("model.fit(train, validation_data=val, epochs=50)", "model.fit(train.take(1), validation_data=val.take(1))"),
    ):
        assert old in code
        code = code.replace(old, new)
    (tmp_path / "camvid").symlink_to(camvid)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "segmenter.tflite").stat().st_size > 10**6
