"""A tiny notebook and a tiny book around it, for the tests of the book's machinery."""

import shutil
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent

TABLE = """from tutvae import notebook
notebook.table([["a < b", 1, 0.5]], ["rule", "count", "share"], "A table.")"""
GLUE = """from tutvae import notebook
notebook.glue("half", 0.5, ".2f")"""
# The smallest PNG: one pixel. Faster than importing Matplotlib.
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5Erk"
    "Jggg=="
)
FIGURE = f"""import base64
from IPython.display import Image
Image(base64.b64decode("{PNG}"))"""
CAPTION = {
    "figure": {"caption": "A line.", "name": "fig-line"},
    "image": {"alt": "A rise."},
}


def code(source, tags=(), **mystnb):
    metadata = {"tags": list(tags)} if tags else {}
    if mystnb:
        metadata["mystnb"] = mystnb
    return nbformat.v4.new_code_cell(source, metadata=metadata)


def page(*cells, title="Sample", text="", seconds=60):
    """A notebook of a title, a paragraph and these code cells, not yet executed."""
    prose = nbformat.v4.new_markdown_cell(f"# {title}\n\n{text}")
    metadata = {"tutvae": {"cpu_seconds": seconds}}
    return nbformat.v4.new_notebook(cells=[prose, *cells], metadata=metadata)


def tiny_book(folder, pages):
    """Write a book of these pages, configured as the real one; return its folder."""
    (folder / "book/_static").mkdir(parents=True)
    shutil.copy(ROOT / "_config.yml", folder)
    shutil.copy(ROOT / "book/_static/tutvae.css", folder / "book/_static")
    shutil.copytree(ROOT / "book/_ext", folder / "book/_ext")
    shutil.copy(ROOT / "book/conftest.py", folder / "book")
    (folder / "book/references.bib").touch()
    (folder / "book/index.md").write_text("# A tiny book\n\n```{page-times}\n```\n")
    toc = "format: jb-book\nroot: book/index\nchapters:\n"
    for name, notebook in pages.items():
        nbformat.write(notebook, folder / f"book/{name}.ipynb")
        toc += f"  - file: book/{name}\n"
    (folder / "_toc.yml").write_text(toc)
    return folder
