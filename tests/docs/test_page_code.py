"""Every block of code on the pages of the documentation and in the README runs."""

import page_code
import pytest

pytestmark = pytest.mark.tensorflow_only

PAGES = [page_code.ROOT / "README.md", *sorted((page_code.ROOT / "docs").rglob("*.md"))]


def _case(path):
    marks = [pytest.mark.slow] if page_code.is_slow(path) else []
    return pytest.param(path, marks=marks, id=path.relative_to(page_code.ROOT).as_posix())


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def page(*lines):
        (tmp_path / "page.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return page_code.read(tmp_path / "page.md")

    return page


@pytest.mark.thorough
@pytest.mark.parametrize("path", [_case(path) for path in PAGES])
def test_page(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for module in page_code.needs(path):
        pytest.importorskip(module)
    failure = None
    try:
        page_code.run(page_code.read(path))
    except page_code.PageError as error:
        failure = str(error)  # Reported outside, or the traceback would be shown twice.
    if failure:
        pytest.fail(failure, pytrace=False)


def test_there_is_code():
    """Guards the test above against finding nothing to run."""
    pages = [page_code.read(path) for path in PAGES]
    assert sum(len(page.blocks) for page in pages) > 40
    assert sum(len(page.left_out) for page in pages) < sum(len(page.blocks) for page in pages) / 4


def test_blocks_share_a_namespace_and_a_folder(write):
    page = write(
        *("<!-- setup", "x = 1", "-->"),
        *("```python", "y = x + 1", "```"),
        *("- item", "    ```python", "    z = y + 1", "    open('z', 'w').write(str(z))", "    ```"),
        *("```console", "$ python -c \"assert open('z').read() == '3'\"", "```"),
    )
    page_code.run(page)


def test_other_languages_and_output_are_not_run(write):
    assert write("```", "1 / 0", "```", "```yaml", "a: b", "```").blocks == []
    block = write(
        "```console", "$ pip install x", "$ keras-seg predict a \\", "    --out b", "100 %", "python3", "```"
    ).blocks[0]
    assert page_code.commands(block) == [(3, "keras-seg predict a --out b")]


def test_a_block_that_fails_is_told_by_page_and_line(write):
    page = write("# Title", "", "```python", "x = 1", "1 / 0", "```")
    with pytest.raises(page_code.PageError, match=r"page\.md:5: (.|\n)*ZeroDivisionError"):
        page_code.run(page)
    with pytest.raises(page_code.PageError, match=r"page\.md:2: (.|\n)*SyntaxError"):
        page_code.run(write("```python", "x = (", "```"))
    with pytest.raises(page_code.PageError, match=r"page\.md:2: `python -c .*` ended with status 3"):
        page_code.run(write("```bash", 'python -c "raise SystemExit(3)"', "```"))


def test_a_block_that_is_not_run_has_a_reason(write):
    page = write("<!-- not run: needs a network -->", "```python", "1 / 0", "```", "```python", "x = 1", "```")
    assert page.left_out == [(3, "needs a network")]
    assert [block.line for block in page.blocks] == [6]
    with pytest.raises(page_code.PageError, match=r"page\.md:1: say why"):
        write("<!-- not run: -->", "```python", "1 / 0", "```")
    with pytest.raises(page_code.PageError, match=r"page\.md:1: no block of code follows"):
        write("<!-- not run: reason -->", "Text.", "```python", "1 / 0", "```")
    with pytest.raises(page_code.PageError, match=r"page\.md:1: does not end"):
        write("```python", "1 / 0")


def test_a_block_runs_with_smaller_numbers(write):
    page = write(
        "<!-- instead: epochs=50 -> epochs=1 -->", "```python", "assert dict(epochs=50) == {'epochs': 1}", "```"
    )
    page_code.run(page)
    with pytest.raises(page_code.PageError, match=r"page\.md:1: `epochs=5` is not in the block"):
        write("<!-- instead: epochs=5 -> epochs=1 -->", "```python", "epochs = 4", "```")


def test_a_page_needs_what_its_first_line_names(write):
    assert page_code.needs(write("<!-- slow page --><!-- needs: rasterio, pyogrio -->", "# Title").path) == [
        "rasterio",
        "pyogrio",
    ]
    assert page_code.needs(write("# Title", "<!-- needs: rasterio -->").path) == []


def test_a_page_is_slow_by_its_first_line(write):
    assert page_code.is_slow(write("<!-- slow page -->", "# Title").path)
    assert not page_code.is_slow(write("# Title", "<!-- slow page -->").path)
