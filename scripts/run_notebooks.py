"""Execute the notebooks and store them clean.

Without `--into` they are replaced in place (`make notebooks`), each only after all its
cells have run. With it they are executed in a copy of the book, which leaves the repository
as it was (`make book`).
"""

import argparse
import re
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from pages import ROOT, colab_cell, notebooks, quieten, read

CELL_SECONDS = 1200  # a cell that takes longer than this hangs
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
KEPT_METADATA = ("tutvae",)


def machine_folders(path):
    """The folders of this machine that outputs of the notebook at `path` may name."""
    folders = {
        path.parent,
        ROOT,
        Path(sys.prefix),
        Path(tempfile.gettempdir()),
        Path.home(),
    }
    spelled = {str(form) for folder in folders for form in (folder, folder.resolve())}
    return sorted(spelled - {"/"}, key=len, reverse=True)  # a folder before what holds it


def without_paths(value, folders):
    """`value` with `folders` cut from every string in it."""
    if isinstance(value, str):
        for folder in folders:
            value = re.sub(rf"{re.escape(folder)}(?![\w.-])[/\\]*", "", value)
        return value
    if isinstance(value, list):
        return [without_paths(item, folders) for item in value]
    if isinstance(value, dict):
        return {
            k: v if k == "image/png" else without_paths(v, folders)
            for k, v in value.items()
        }
    return value


def clean(notebook, path):
    """Keep only what is the same on every machine that runs the page at `path`."""
    folders = machine_folders(path)
    kept = {k: notebook.metadata[k] for k in KEPT_METADATA if k in notebook.metadata}
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNEL, "language_info": {"name": "python"}, **kept}
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        cell.setdefault("id", f"cell-{number:03d}")
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = nbformat.from_dict(
                [
                    without_paths(dict(o), folders)
                    for o in cell.outputs
                    if o.get("name") != "stderr"
                ]
            )
    return notebook


def with_colab_cell(notebook):
    """Put the cell that installs the package on Colab after the title."""
    cells = [cell for cell in notebook.cells if cell.get("id") != "colab"]
    notebook.cells = [*cells[:1], colab_cell(), *cells[1:]]
    return notebook


def run(path):
    """Execute one notebook in place; the file changes only when every cell has run."""
    notebook = with_colab_cell(read(path))
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    unfinished = path.with_suffix(".ipynb.part")
    nbformat.write(clean(notebook, path), unfinished)
    unfinished.replace(path)


def attempt(path):
    """Run one notebook; return whether it worked, and say so."""
    try:
        run(path)
    except CellExecutionError as error:
        print(f"FAILED {path.name}\n{error}", file=sys.stderr, flush=True)
        return False
    print(f"ran {path.name}", flush=True)
    return True


def copy_of_the_book(folder):
    """A fresh copy of all that the build reads, in `folder`."""
    if not folder.resolve().is_relative_to(ROOT / "_build"):
        sys.exit(
            f"--into {folder} would be emptied: name a folder inside {ROOT / '_build'}"
        )
    shutil.rmtree(folder, ignore_errors=True)
    skip = shutil.ignore_patterns("*.part", ".ipynb_checkpoints", "__pycache__")
    shutil.copytree(ROOT / "book", folder / "book", ignore=skip)
    shutil.copytree(ROOT / "benchmarks/results", folder / "benchmarks/results")
    for name in ("_config.yml", "_toc.yml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, folder / name)
    return folder / "book"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, metavar="DIR", help="execute in a copy, here")
    parser.add_argument("notebooks", nargs="*", type=Path)
    asked = parser.parse_args()
    quieten()
    book = copy_of_the_book(asked.into) if asked.into else ROOT / "book"
    named = [book / path.name if asked.into else path.resolve() for path in asked.notebooks]
    paths = named or notebooks(book)
    with ThreadPoolExecutor(max_workers=2) as pool:
        worked = list(pool.map(attempt, paths))
    return 0 if all(worked) else 1


if __name__ == "__main__":
    sys.exit(main())
