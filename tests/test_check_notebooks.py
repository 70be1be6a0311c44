"""`scripts/check_notebooks.py` names what is wrong with a page."""

import base64

import nbformat
import pytest
from check_notebooks import dpi, problems
from pages import colab_cell
from sample import CAPTION, PNG, code, page


def png(dots):
    """A PNG that says so many dots per inch."""
    before, end, rest = base64.b64decode(PNG).partition(b"\0\0\0\x0aIDAT")
    size = round(dots / 0.0254).to_bytes(4, "big")
    chunk = b"\0\0\0\x09pHYs" + size + size + b"\x01" + b"crc."
    return base64.b64encode(before + chunk + end + rest).decode()


def good_page():
    """A page that obeys every rule, with outputs as if it had been executed."""
    text = "word " * 800
    prints = [code(f"assert {n} == {n}\nprint({n})") for n in range(5)]
    figures = [code("draw()", **CAPTION) for _ in range(3)]
    notebook = page(colab_cell(), *prints, *figures, text=text)
    for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count = number
    for cell in prints:
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="1\n")]
    for cell in figures:
        cell.outputs = [nbformat.v4.new_output("display_data", {"image/png": png(96)})]
    return notebook


def with_output(*output, **data):
    def add(notebook):
        notebook.cells[2].outputs.append(nbformat.v4.new_output(*output, **data))

    return add


def remove_caption(notebook):
    del notebook.cells[-1].metadata["mystnb"]["figure"]


def remove_alt(notebook):
    notebook.cells[-1].metadata["mystnb"]["image"]["alt"] = " "


def ignore_output(notebook):
    notebook.cells[2].metadata["tags"] = ["nbval-ignore-output"]


def set_source(source):
    def change(notebook):
        notebook.cells[2].source = source

    return change


def set_seconds(seconds):
    def change(notebook):
        notebook.metadata["tutvae"]["cpu_seconds"] = seconds

    return change


def skip_a_count(notebook):
    notebook.cells[2].execution_count = 9


def draw_twice(notebook):
    notebook.cells[-1].outputs *= 2


def shorten(notebook):
    notebook.cells[0].source = "# Title\n\n$" + "x " * 900 + "$"


def drop_cells(notebook):
    del notebook.cells[-2:]


def drop_colab(notebook):
    del notebook.cells[1]


def sharpen(notebook):
    notebook.cells[-1].outputs[0].data["image/png"] = png(150)


def bloat(notebook):
    notebook.cells[0].source += "x" * 1_000_000


BROKEN = [
    (with_output("stream", name="stderr", text="!"), "stores standard error"),
    (with_output("stream", name="stdout", text="/home/me/x"), "path of the machine"),
    (with_output("error", ename="E", evalue="e", traceback=[]), "code cell 2 failed"),
    (remove_caption, "without caption"),
    (remove_alt, "without alt text"),
    (ignore_output, "4 compared cells"),
    (set_source("print(1)"), "4 assertions"),
    (set_source("assert 1  # NBVAL_IGNORE_OUTPUT"), "NBVAL comment"),
    (set_seconds(301), "declares 301 CPU-seconds"),
    (set_seconds(None), "declares None CPU-seconds"),
    (skip_a_count, "execution count 9"),
    (shorten, "1 words"),
    (drop_cells, "7 code cells"),
    (drop_cells, "1 captions"),
    (drop_colab, "on Colab"),
    (sharpen, "dots per inch"),
    (draw_twice, "several pictures"),
    (bloat, "more than 1,000,000"),
]


def written(notebook, folder):
    nbformat.write(notebook, folder / "page.ipynb")
    return folder / "page.ipynb"


def test_a_page_in_order_has_no_problems(tmp_path):
    assert problems(written(good_page(), tmp_path)) == []


def test_assertions_of_numpy_count(tmp_path):
    notebook = good_page()
    notebook.cells[2].source = "np.testing.assert_allclose(1, 1)\nprint(1)"
    assert problems(written(notebook, tmp_path)) == []


@pytest.mark.parametrize(("change", "message"), BROKEN, ids=[m for _, m in BROKEN])
def test_a_broken_page_is_named(change, message, tmp_path):
    notebook = good_page()
    change(notebook)
    found = problems(written(notebook, tmp_path))
    assert any(message in problem for problem in found), found


def test_dots_per_inch_are_read():
    assert dpi(png(96)) == pytest.approx(96, abs=0.1)
    assert dpi(PNG) == 0
