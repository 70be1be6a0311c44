"""Warn of a cell that failed when its page was executed; with -W the build then fails."""

import json

from sphinx.util import logging

logger = logging.getLogger(__name__)


def failed(notebook):
    """Numbers of the code cells that hold an error nobody asked for."""
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [
        number
        for number, cell in enumerate(cells, 1)
        if any(output["output_type"] == "error" for output in cell["outputs"])
        and "raises-exception" not in cell["metadata"].get("tags", [])
    ]


def check(app, docname, source):
    path = app.env.doc2path(docname)
    if str(path).endswith(".ipynb"):
        for number in failed(json.loads(source[0])):
            logger.warning("code cell %s failed", number, location=docname)


def setup(app):
    app.connect("source-read", check)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
