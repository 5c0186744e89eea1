"""What a built site may not do is found: load anything from elsewhere, or show a picture without its text."""

import subprocess
import sys

import page_code
import pytest

pytestmark = pytest.mark.tensorflow_only


def check(site):
    done = subprocess.run([sys.executable, page_code.ROOT / ".ci" / "check_site", site], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://elsewhere.org/a.js"></script>',
        '<link rel="stylesheet" href="//elsewhere.org/a.css">',
        '<img src="http://elsewhere.org/a.png" alt="a picture">',
        '<img src="a.png">',
        '<img src="a.png" alt=" ">',
        '<pre class="mermaid">a</pre>',
    ],
)
def test_faults_of_a_page(tmp_path, text):
    (tmp_path / "index.html").write_text(f"<html>{text}</html>")
    status, printed = check(tmp_path)
    assert status == 1
    assert "index.html: " in printed


@pytest.mark.parametrize(
    "text", ['@import url("https://elsewhere.org/a.css");', "a { background: url(//elsewhere.org/a.png) }"]
)
def test_faults_of_a_style_sheet(tmp_path, text):
    (tmp_path / "index.html").write_text("<html></html>")
    (tmp_path / "a.css").write_text(text)
    assert check(tmp_path)[0] == 1


def test_a_page_may_link_elsewhere(tmp_path):
    (tmp_path / "index.html").write_text(
        '<link rel="canonical" href="https://elsewhere.org"><a href="https://elsewhere.org">x</a>'
        '<script src="a.js"></script><img src="a.png" alt="a picture">'
    )
    assert check(tmp_path)[0] == 0


def test_no_site(tmp_path):
    status, printed = check(tmp_path)
    assert status == 1
    assert "holds no site: build it first" in printed
