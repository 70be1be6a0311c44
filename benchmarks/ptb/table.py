"""python -m benchmarks.ptb.table: put the table of all rows into the README."""

import json
from pathlib import Path

from benchmarks import results
from benchmarks.ptb.recipes import RECIPES

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- table of benchmarks.ptb -->\n", "<!-- end of the table -->\n"
COLUMNS = {
    "-ELBO": ("elbo_nll", ".2f"),
    "IW bound": ("iw_nll", ".2f"),
    "perplexity": ("ppl_iw", ".1f"),
    "KL": ("kl", ".2f"),
    "MI": ("mi", ".2f"),
    "AU": ("au", "d"),
}


def rows(seed=0):
    """The figures of each recipe that has been run, in the order of `RECIPES`."""
    paths = (results.FOLDER / "ptb" / f"{name}-{seed}.json" for name in RECIPES)
    return [json.loads(path.read_text()) for path in paths if path.exists()]


def markdown(rows):
    """The rows as a table in Markdown."""
    lines = [["recipe", *COLUMNS], ["---", *("---:" for _ in COLUMNS)]]
    for row in rows:
        figures = (format(row[key], how) for key, how in COLUMNS.values())
        lines.append([row["recipe"], *figures])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def updated(text, rows):
    """A text with a new table between the two marks."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + markdown(rows) + END + rest.split(END)[1]


def main():
    README.write_text(updated(README.read_text(), rows()))
    print(f"{len(rows())} rows in {README}")


if __name__ == "__main__":
    main()
