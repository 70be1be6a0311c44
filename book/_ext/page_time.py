"""Print the time a page takes, declared in its notebook as metadata `tutvae.cpu_seconds`.

Every notebook begins with a line that says so; the directive `page-times` lists them all.
"""

import json
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)


def declared(path):
    """CPU-seconds in the metadata of the notebook at `path`, or None."""
    metadata = json.loads(Path(path).read_text(encoding="utf-8"))["metadata"]
    return metadata.get("tutvae", {}).get("cpu_seconds")


def print_time(app, doctree):
    path = app.env.doc2path(app.env.docname)
    title = next(doctree.findall(nodes.title), None)
    if not str(path).endswith(".ipynb") or title is None:
        return
    seconds = declared(path)
    if seconds is None:
        logger.warning("the notebook declares no tutvae.cpu_seconds", location=title)
        return
    text = f"This page takes about {seconds} s of processor time."
    line = nodes.paragraph("", text, classes=["page-time"])
    title.parent.insert(title.parent.index(title) + 1, line)


class PageTimes(SphinxDirective):
    """A table of the notebooks next to this page, in the order of the table of contents."""

    def run(self):
        folder = Path(self.env.doc2path(self.env.docname)).parent
        order = list(self.env.external_site_map)
        docs = [doc for doc in order if (folder / f"{Path(doc).name}.ipynb").exists()]
        lines = ["| page | processor time |", "|:---|---:|"]
        total = 0
        for doc in docs:
            seconds = declared(folder / f"{Path(doc).name}.ipynb") or 0
            total += seconds
            lines.append(f"| {{doc}}`/{doc}` | {seconds} s |")
        lines.append(f"| together | {total / 60:.0f} min |")
        node = nodes.container()
        self.state.nested_parse(StringList(lines, source="page-times"), 0, node)
        return node.children


def setup(app):
    app.connect("doctree-read", print_time)
    app.add_directive("page-times", PageTimes)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
