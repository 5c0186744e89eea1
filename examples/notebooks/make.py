"""The notebooks of this folder, made of the scripts in examples/: `python examples/notebooks/make.py`."""

import ast
import pathlib

import jupytext
import nbformat

HERE = pathlib.Path(__file__).parent
_SCRIPT = 'QUICK = "--quick" in sys.argv  # Seconds instead of minutes, to check that it runs.'
NOTEBOOK = "QUICK = False  # True: seconds instead of minutes, to check that it runs."


def notebook(script):
    """A script as a notebook: its docstring is the heading, `--quick` a constant, and the picture is shown."""
    code = script.read_text(encoding="utf-8")
    if _SCRIPT not in code:
        raise ValueError(f"{script} has no line {_SCRIPT!r}")
    heading, _, cells = code.replace(_SCRIPT, NOTEBOOK).partition("# %%\n")
    book = jupytext.reads("# %%\n" + cells, fmt="py:percent")
    book.cells.insert(
        0, nbformat.v4.new_markdown_cell(f"# {script.stem}\n\n{ast.literal_eval(heading.strip())}".strip())
    )
    show = f'from IPython.display import Image as Show\n\nShow("{script.stem}.jpg")'
    book.cells.append(nbformat.v4.new_code_cell(show))
    # The same script gives the same file: no ids of chance, nothing about the machine.
    for number, cell in enumerate(book.cells):
        cell.id, cell.metadata = f"{script.stem}-{number}", {}
    book.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return book


def main():
    """Write a notebook for each script."""
    for script in sorted(HERE.parent.glob("*.py")):
        nbformat.write(notebook(script), HERE / f"{script.stem}.ipynb", version=nbformat.NO_CONVERT)


if __name__ == "__main__":
    main()
