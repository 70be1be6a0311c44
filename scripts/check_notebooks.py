"""What every page must have and must not have: `problems(path)` lists what is wrong."""

import ast
import base64
import json
import re
import struct
import sys

from pages import MOST_SECONDS, ROOT, arguments, colab_cell, read

LEAST = {"words": 800, "code cells": 8, "compared cells": 5, "assertions": 5, "captions": 3}
MOST_BYTES = 1_000_000
MOST_DPI = 100
MACHINE_PATH = re.compile(rf"{re.escape(str(ROOT))}|/(?:root|home|tmp|Users)/|[A-Z]:\\\\")
NOT_COMPARED = {"nbval-ignore-output", "nbval-skip"}


def code_cells(notebook):
    return [c for c in notebook.cells if c.cell_type == "code" and c.source.strip()]


def tags(cell):
    return set(cell.metadata.get("tags", []))


def words(notebook):
    """Number of words of prose: without code blocks and formulas."""
    prose = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    for block in (r"```.*?```", r"\$\$.*?\$\$", r"\$[^$\n]*\$", r"<[^>]*>"):
        prose = re.sub(block, " ", prose, flags=re.DOTALL)
    return len(re.findall(r"[^\W\d_][\w'’-]*", prose))


def assertions(cell):
    """Number of `assert` statements and `assert_...` calls in a cell."""
    source = re.sub(r"^(\s*)[%!].*", r"\1pass", cell.source, flags=re.MULTILINE)
    nodes = list(ast.walk(ast.parse(source)))
    calls = [ast.unparse(n.func).split(".")[-1] for n in nodes if isinstance(n, ast.Call)]
    return sum(isinstance(n, ast.Assert) for n in nodes) + sum(
        name.startswith("assert_") for name in calls
    )


def compared(cell):
    """Whether nbval compares something of this cell: pictures it does not."""
    shown = [o for o in cell.outputs if "image/png" not in o.get("data", {})]
    return bool(shown) and not tags(cell) & NOT_COMPARED


def captions(cell):
    tables = sum(
        "<caption>" in o.get("data", {}).get("text/html", "") for o in cell.outputs
    )
    return tables + bool(cell.metadata.get("mystnb", {}).get("figure", {}).get("caption"))


def dpi(png):
    """Dots per inch written in a base64-encoded PNG, or 0."""
    chunk = base64.b64decode(png).partition(b"pHYs")[2]
    return struct.unpack(">I", chunk[:4])[0] * 0.0254 if chunk else 0


def too_little(notebook):
    cells = code_cells(notebook)
    found = {
        "words": words(notebook),
        "code cells": len(cells),
        "compared cells": sum(map(compared, cells)),
        "assertions": sum(map(assertions, cells)),
        "captions": sum(map(captions, cells)),
    }
    for what, least in LEAST.items():
        if found[what] < least:
            yield f"{found[what]} {what}, at least {least} are needed"


def wrong_outputs(cell):
    text = json.dumps(cell.outputs)
    if any(o.get("name") == "stderr" for o in cell.outputs):
        yield "stores standard error: run `make notebooks`"
    if MACHINE_PATH.search(text):
        yield "stores a path of the machine it ran on"
    if any(
        o.output_type == "error" for o in cell.outputs
    ) and "raises-exception" not in tags(cell):
        yield "failed"
    pictures = [
        o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {})
    ]
    if any(dpi(png) > MOST_DPI + 1 for png in pictures):
        yield f"stores a picture of more than {MOST_DPI} dots per inch"
    options = cell.metadata.get("mystnb", {})
    if pictures and not options.get("figure", {}).get("caption", "").strip():
        yield "shows a figure without caption (cell metadata mystnb.figure.caption)"
    if pictures and not options.get("image", {}).get("alt", "").strip():
        yield "shows a figure without alt text (cell metadata mystnb.image.alt)"
    if len(pictures) > 1:
        yield "shows several pictures: one caption cannot describe them"


def problems(path):
    """List what is wrong with the notebook at `path`, each item a sentence."""
    notebook = read(path)
    found = list(too_little(notebook))
    seconds = notebook.metadata.get("tutvae", {}).get("cpu_seconds")
    if not isinstance(seconds, int) or not 0 < seconds <= MOST_SECONDS:
        found.append(f"declares {seconds} CPU-seconds; an integer from 1 to {MOST_SECONDS}")
    if not code_cells(notebook) or code_cells(notebook)[0].source != colab_cell().source:
        found.append(
            "lacks the cell that installs the package on Colab: run `make notebooks`"
        )
    if path.stat().st_size > MOST_BYTES:
        found.append(f"has {path.stat().st_size:,} bytes, more than {MOST_BYTES:,}")
    for number, cell in enumerate(code_cells(notebook), 1):
        found += [f"code cell {number} {what}" for what in wrong_outputs(cell)]
        if cell.execution_count != number:
            found.append(f"code cell {number} has execution count {cell.execution_count}")
        if re.search(r"#\s*NBVAL", cell.source):
            found.append(f"code cell {number} has an NBVAL comment: use a cell tag")
    return found


if __name__ == "__main__":
    lines = [f"{path.name}: {what}" for path in arguments() for what in problems(path)]
    print("\n".join(lines))
    sys.exit(bool(lines))
