"""The book fails to build, and a page fails its check, when they should."""

import inspect
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
import yaml
from check_notebooks import problems
from pages import ALL_SECONDS, BOOK, ROOT, address, budget, notebooks
from run_notebooks import attempt, main
from sample import CAPTION, FIGURE, GLUE, TABLE, code, page, tiny_book
from set_address import FILES
from test_notebooks import REFERENCE, nbval, timed, too_slow
from test_solutions import attempt as attempt_solutions

import tutvae

TOC = yaml.safe_load((ROOT / "_toc.yml").read_text())


def build(folder):
    """Build as `make html` does; return the exit status and all that was said."""
    jupyter_book = "from jupyter_book.cli.main import main; main()"
    options = ["build", "-W", "--keep-going", "-n", str(folder)]
    run = subprocess.run(
        [sys.executable, "-c", jupyter_book, *options],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    return run.returncode, run.stdout + run.stderr


def executed(folder, *names):
    assert all(attempt(folder / f"book/{name}.ipynb") for name in names)


@pytest.fixture(scope="module")
def good_book(tmp_path_factory):
    text = "Half is {glue:text}`half`, see {numref}`fig-line`."
    cells = [code(TABLE), code(FIGURE, **CAPTION), code(GLUE, ["nbval-ignore-output"])]
    folder = tiny_book(tmp_path_factory.mktemp("good"), {"good": page(*cells, text=text)})
    executed(folder, "good")
    return folder


def test_a_good_book_builds(good_book):
    status, log = build(good_book)
    assert status == 0, log
    html = (good_book / "_build/html/book/good.html").read_text(encoding="utf-8")
    assert "Half is 0.50, see Fig. 1" in re.sub(r"<[^>]*>", "", html)
    assert 'alt="A rise."' in html and "A line." in html
    assert "This page takes about 60 s of processor time." in html
    assert "<caption>A table.</caption>" in html and "a &lt; b" in html
    assert 'src="http' not in html, "the page asks another host"
    index = (good_book / "_build/html/book/index.html").read_text(encoding="utf-8")
    assert 'href="good.html"' in index and "60 s" in index


def test_what_must_not_be_published_fails_the_build(tmp_path):
    image = {"image": CAPTION["image"]}
    figure = {"figure": {"caption": "A line.", "name": "fig-two"}}
    pages = {
        "uncaptioned": page(code(FIGURE, **image)),
        "speechless": page(code(FIGURE, **figure)),
        "dangling": page(code("1 + 1"), text="See {numref}`fig-nowhere`."),
        "undeclared": page(code("1 + 1"), seconds=None),
        "fine": page(code(FIGURE, **CAPTION)),
    }
    folder = tiny_book(tmp_path, pages)
    executed(folder, "uncaptioned", "speechless", "fine")
    status, log = build(folder)
    warnings = [line for line in log.splitlines() if "WARNING" in line]
    expected = {
        "uncaptioned": "has no caption",
        "speechless": "has no alt text",
        "dangling": "fig-nowhere",
        "undeclared": "declares no tutvae.cpu_seconds",
    }
    assert status != 0
    for name, message in expected.items():
        assert any(f"{name}.ipynb" in w and message in w for w in warnings), (name, log)
    assert not any("fine.ipynb" in w for w in warnings), log


def test_a_failing_cell_fails_the_build(tmp_path):
    folder = tiny_book(tmp_path, {"failing": page(code("1 / 0"))})
    config = folder / "_config.yml"
    config.write_text(config.read_text().replace('"off"', "force"))
    status, log = build(folder)
    assert status != 0 and "ZeroDivisionError" in log


def test_a_stored_failure_fails_the_build(tmp_path):
    error = nbformat.v4.new_output("error", ename="E", evalue="e", traceback=["E: e"])
    broken, meant = code("1 / 0"), code("1 / 0", tags=["raises-exception"])
    broken.outputs, meant.outputs = [error], [error]
    folder = tiny_book(tmp_path, {"broken": page(broken), "meant": page(meant)})
    status, log = build(folder)
    warnings = [line for line in log.splitlines() if "code cell 1 failed" in line]
    assert status != 0 and warnings
    assert all("broken" in line and "meant" not in line for line in warnings), log


def test_a_copy_of_the_book_replaces_nothing_else(monkeypatch, tmp_path):
    (tmp_path / "mine").write_text("mine")
    monkeypatch.setattr(sys, "argv", ["run_notebooks.py", "--into", str(tmp_path)])
    with pytest.raises(SystemExit, match="would be emptied"):
        main()
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_failing_cell_leaves_the_notebook_as_it_was(tmp_path, capsys):
    folder = tiny_book(tmp_path, {"failing": page(code("1 / 0"))})
    before = (folder / "book/failing.ipynb").read_text()
    assert not attempt(folder / "book/failing.ipynb")
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert (folder / "book/failing.ipynb").read_text() == before
    assert not list(folder.rglob("*.part"))


def test_running_twice_changes_nothing(tmp_path):
    noisy = f"""import os, sys
print('warned', file=sys.stderr)
print(os.getcwd(), os.getcwd() + '/x', os.path.expanduser('~/y'), '{address()}/z')"""
    folder = tiny_book(tmp_path, {"noisy": page(code(noisy))})
    path = folder / "book/noisy.ipynb"
    executed(folder, "noisy")
    once = path.read_text()
    outputs = once.split('"outputs"')[2]  # of the page's own cell
    assert "warned\\n" not in outputs and str(tmp_path) not in once
    assert f" x y {address()}/z" in outputs
    executed(folder, "noisy")
    assert path.read_text() == once


def test_nbval_compares_and_measures(tmp_path):
    folder = tiny_book(tmp_path, {"sum": page(code("print(1 + 1)"))})
    path = folder / "book/sum.ipynb"
    executed(folder, "sum")
    status, seconds = nbval([path], workers=0)
    assert status == 0 and 0 < seconds["sum.ipynb"] < 60
    assert too_slow([path], seconds) == []
    assert too_slow([path], {"sum.ipynb": 91}) == [path] == too_slow([path], {})
    path.write_text(path.read_text().replace('"2\\n"', '"3\\n"'))
    assert nbval([path], workers=0)[0] != 0


def test_times_count_relative_to_the_fixed_program(monkeypatch):
    took = iter([[1.5 * REFERENCE] * 2, [2.5 * REFERENCE] * 2])  # before and after
    monkeypatch.setattr("test_notebooks.reference", lambda copies: next(took))
    monkeypatch.setattr("test_notebooks.nbval", lambda *_, **__: (0, {"sum.ipynb": 60.0}))
    assert timed([], workers=2) == (0, {"sum.ipynb": 30.0})


def test_every_public_name_is_in_the_api_reference():
    documented = re.findall(
        r"^\.\. (?:auto\w+|py:data):: tutvae\.(\w+)$", (BOOK / "api.md").read_text(), re.M
    )
    hidden = {name for name, value in vars(tutvae).items() if inspect.ismodule(value)}
    hidden -= set(documented)  # modules that are documented as a whole
    public = {name for name in vars(tutvae) if not name.startswith("_")} - hidden
    assert sorted(documented) == sorted(public)


def test_every_notebook_is_in_the_table_of_contents():
    chapters = [c["file"] for part in TOC["parts"] for c in part["chapters"]]
    assert {f"book/{path.stem}" for path in notebooks()} <= set(chapters)
    for name in [TOC["root"], *chapters]:
        assert (ROOT / f"{name}.ipynb").exists() or (ROOT / f"{name}.md").exists(), name


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_page_is_in_order(path):
    assert problems(path) == []


def test_all_pages_together_take_at_most_15_minutes_on_two_cores():
    assert sum(budget(path) or 0 for path in notebooks()) <= ALL_SECONDS


def test_every_file_has_the_address_of_config():
    for name in FILES:
        assert address() in (ROOT / name).read_text(encoding="utf-8"), name
    if "OWNER" not in address():
        texts = [path.read_text(encoding="utf-8") for path in BOOK.glob("*.md")]
        texts += [(ROOT / name).read_text(encoding="utf-8") for name in FILES]
        assert not any("github.com/OWNER" in text for text in texts)


def test_setting_the_address_leaves_every_page_in_order(tmp_path):
    for name in [*FILES, "scripts", "book"]:
        source, target = ROOT / name, tmp_path / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, target)
    new = "https://github.com/me/my-book"
    run = [sys.executable, "scripts/set_address.py"]
    assert subprocess.run([*run, "my-book"], cwd=tmp_path, capture_output=True).returncode
    assert subprocess.run([*run, new], cwd=tmp_path, capture_output=True).returncode == 0
    for name in FILES:
        assert new in (tmp_path / name).read_text(encoding="utf-8"), name
    check = [sys.executable, "scripts/check_notebooks.py"]
    said = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout


@pytest.mark.parametrize(
    ("program", "works"), [("print(2 * half)", True), ("1 / 0", False)]
)
def test_programs_of_solutions_run_after_the_page(tmp_path, capsys, program, works):
    text = f"````{{solution}} ex-half\nTwice:\n```python\n{program}\n```\n````"
    path = tmp_path / "page.ipynb"
    nbformat.write(page(code("half = 0.5"), text=text), path)
    assert attempt_solutions(path) == works
    said = capsys.readouterr()
    assert ("== ex-half\n1.0\n" in said.out) == works
    assert ("FAILED ex-half" in said.err) != works


def test_solutions_are_not_run_after_a_page_that_fails(tmp_path, capsys):
    text = "````{solution} ex-half\n```python\nprint(half)\n```\n````"
    path = tmp_path / "page.ipynb"
    nbformat.write(page(code("half = 1 / 0"), text=text), path)
    assert not attempt_solutions(path)
    said = capsys.readouterr()
    assert "FAILED page.ipynb" in said.err and "ZeroDivisionError" in said.err
    assert "ex-half" not in said.out
