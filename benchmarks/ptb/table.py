"""python -m benchmarks.ptb.table: put the tables of all rows into the README."""

import json
from pathlib import Path

from benchmarks import results
from benchmarks.ptb.recipes import RECIPES

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- tables of benchmarks.ptb -->\n", "<!-- end of the tables -->\n"
TITLES = {
    "ptb": "Penn Treebank, 12 epochs",
    "ptb-40": "Penn Treebank, 40 epochs",
    "tatoeba": "Everyday English sentences of 4 to 12 tokens (Tatoeba), 4 epochs",
}
COLUMNS = {
    "-ELBO": ("elbo_nll", ".2f"),
    "IW bound": ("iw_nll", ".2f"),
    "samples": ("iw_samples", "d"),
    "perplexity": ("ppl_iw", ".1f"),
    "KL": ("kl", ".2f"),
    "MI": ("mi", ".2f"),
    "AU": ("au", "d"),
    "seed": ("seed", "d"),
}


def rows(corpus):
    """The figures of each recipe that has been run, in the order of `RECIPES`, by seed."""
    folder = results.FOLDER / corpus
    paths = [path for name in RECIPES for path in sorted(folder.glob(f"{name}-?.json"))]
    return [json.loads(path.read_text()) for path in paths]


def markdown(corpus):
    """The rows of a corpus as a table in Markdown, with its title."""
    lines = [["recipe", *COLUMNS], ["---", *("---:" for _ in COLUMNS)]]
    for row in rows(corpus):
        figures = (format(row[key], how) for key, how in COLUMNS.values())
        lines.append([f"`{row['recipe']}`", *figures])
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"\n{TITLES[corpus]}:\n\n{table}"


def updated(text):
    """A text with new tables between the two marks, of the corpora that have rows."""
    before, rest = text.split(BEGIN)
    tables = "".join(markdown(corpus) for corpus in TITLES if rows(corpus))
    return before + BEGIN + tables + "\n" + END + rest.split(END)[1]


def main():
    README.write_text(updated(README.read_text()))
    print({corpus: len(rows(corpus)) for corpus in TITLES}, "rows in", README)


if __name__ == "__main__":
    main()
