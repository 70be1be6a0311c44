"""python -m benchmarks.ptb.table: put the tables of all rows into the README."""

import json
from pathlib import Path

from benchmarks import results
from benchmarks.ptb.recipes import RECIPES

README = Path(__file__).resolve().parents[2] / "README.md"
BEGIN, END = "<!-- tables of benchmarks.ptb -->\n", "<!-- end of the tables -->\n"
TITLES = {
    "ptb": "Penn Treebank",
    "tatoeba": "Everyday English sentences of 4 to 12 tokens (Tatoeba)",
}
COLUMNS = {
    "-ELBO": ("elbo_nll", ".2f"),
    "IW bound": ("iw_nll", ".2f"),
    "samples": ("iw_samples", "d"),
    "perplexity": ("ppl_iw", ".1f"),
    "KL": ("kl", "z.2f"),
    "MI": ("mi", "z.2f"),
    "AU": ("au", "d"),
    "seed": ("seed", "d"),
}


def rows(folder):
    """The figures of each recipe that has been run, in the order of `RECIPES`, by seed."""
    found = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    order = {name: i for i, name in enumerate(RECIPES)}
    return sorted(found, key=lambda row: (order[row["recipe"]], row["seed"]))


def markdown(title, rows):
    """Rows of equal length of training as a table in Markdown, with its title."""
    lines = [["recipe", *COLUMNS], ["---", *("---:" for _ in COLUMNS)]]
    for row in rows:
        figures = (format(row[key], how) for key, how in COLUMNS.values())
        lines.append([f"`{row['recipe']}`", *figures])
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"\n{title}, {rows[0]['config']['epochs']} epochs:\n\n{table}"


def tables():
    """Markdown of all rows: a folder holds those of one corpus and one number of epochs."""
    for corpus, title in TITLES.items():
        for folder in sorted(results.FOLDER.glob(f"{corpus}*/")):
            if found := rows(folder):
                yield markdown(title, found)


def updated(text):
    """A text with new tables between the two marks."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + "".join(tables()) + "\n" + END + rest.split(END)[1]


def main():
    README.write_text(updated(README.read_text()))
    print("wrote the tables into", README)


if __name__ == "__main__":
    main()
