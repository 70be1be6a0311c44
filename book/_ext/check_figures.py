"""Warn of every image without a caption or alt text; with -W the build then fails."""

import re

from docutils import nodes
from sphinx.util import logging

logger = logging.getLogger(__name__)


def check(app, doctree, docname):
    for image in doctree.findall(nodes.image):
        name = image.get("uri", "image")
        alt = image.get("alt", "").strip()
        if not alt or alt == name:
            logger.warning("%s has no alt text", name, location=image)
        figure = image.parent
        while figure is not None and not isinstance(figure, nodes.figure):
            figure = figure.parent
        if figure is None or not any(figure.findall(nodes.caption)):
            logger.warning("%s has no caption", name, location=image)
    for raw in doctree.findall(nodes.raw):
        if re.search(
            r"<(img|svg|picture|video|canvas|object)\b", raw.astext(), re.IGNORECASE
        ):
            logger.warning("an image in raw HTML: use a figure", location=raw)


def setup(app):
    app.connect("doctree-resolved", check)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
