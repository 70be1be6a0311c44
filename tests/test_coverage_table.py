"""Every row of `book/coverage.yml` is in the book, where the table says it is."""

import re
from functools import cache

import pytest
import yaml
from pages import BOOK, read

GROUPS = {
    "C": 31,
    "E": 14,
    "M": 7,
    "D": 5,
    "L": 5,
    "P": 8,
    "A": 16,
    "K": 11,
    "R": 12,
    "Q": 20,
}
MOST_SURVEYED = 6
ALWAYS_SHOWN = set("MELPQ")

ROWS = yaml.safe_load((BOOK / "coverage.yml").read_text(encoding="utf-8"))


@cache
def headings(page):
    """The headings of a page, a notebook or Markdown, without their marks."""
    path = BOOK / f"{page}.ipynb"
    if path.exists():
        text = "\n".join(c.source for c in read(path).cells if c.cell_type == "markdown")
    else:
        text = (BOOK / f"{page}.md").read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return set(re.findall(r"^#+\s+(.*?)\s*$", text, flags=re.MULTILINE))


def test_every_row_is_there_once():
    expected = [
        f"{group}{n:02d}" for group, size in GROUPS.items() for n in range(1, size + 1)
    ]
    assert sorted(row["id"] for row in ROWS) == sorted(expected)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_row_names_a_heading_of_its_page(row):
    assert row["heading"] in headings(row["page"])


def test_few_rows_are_only_surveyed():
    assert {row["status"] for row in ROWS} <= {"shown", "surveyed"}
    surveyed = {row["id"] for row in ROWS if row["status"] == "surveyed"}
    assert len(surveyed) <= MOST_SURVEYED
    assert not {row for row in surveyed if row[0] in ALWAYS_SHOWN}
