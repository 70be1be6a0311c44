"""What the pages of the book share: a seed, one look for figures, tables, glued numbers.

Nothing here is needed to build or train a model. Matplotlib and IPython are imported when a
function first needs them, because the package itself does not depend on them.
"""

import html
import json
import numbers
import os
import re
import time
from pathlib import Path

import keras

# Okabe & Ito's palette, told apart with every common kind of colour blindness; without its
# yellow, which is too pale on white.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]

MINUS = re.compile(r"(?<![\w-])-(?=\w)")  # a hyphen there may end a line, a minus may not
NUMBER = re.compile(r"[+\N{MINUS SIGN}]?\d[\d,.]*\s?%?|[\N{EN DASH}-]|nan|")  # or none

STYLE = {
    "figure.dpi": 96,
    "figure.figsize": (6.4, 3.6),
    "figure.constrained_layout.use": True,
    "figure.facecolor": "white",  # readable on a dark page too
    "savefig.facecolor": "white",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.alpha": 0.3,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
}


def start(seed=0):
    """Seed Python, NumPy and Keras, and set the look of figures: the first call of a page.

    Args:
        seed: int; the environment variable `TUTVAE_SEED`, where set, is added to it: so a
            page can be run with other random numbers without being edited.

    Returns:
        The seed used, for whatever takes a seed of its own.

    Example:
        >>> seed = tv.notebook.start()
    """
    import matplotlib.pyplot as plt
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # its advice on retracing would stand in the pages
    seed = seed + int(os.environ.get("TUTVAE_SEED", 0))
    keras.utils.set_random_seed(seed)
    plt.rcParams.update(STYLE)
    plt.rcParams["axes.prop_cycle"] = plt.cycler(color=COLOURS)
    return seed


def results(name):
    """The figures that a benchmark wrote to `benchmarks/results/NAME.json`, as a dict.

    If NAME is a folder there, a dict of such dicts, by the names of its files.

    Raises:
        FileNotFoundError: neither the repository nor the installed package has the file.

    Example:
        >>> tv.notebook.results("quality")["en"]["fluent"]["nll_iw"]
    """
    package = Path(__file__).parent
    folders = package.parent / "benchmarks" / "results", package / "results"
    for folder in folders:  # a clone of the repository; an installed package has a copy
        path = folder / f"{name}.json"
        if path.exists():
            return json.loads(path.read_text(encoding="utf-8"))
        if files := sorted((folder / name).glob("*.json")):
            return {f.stem: json.loads(f.read_text(encoding="utf-8")) for f in files}
    raise FileNotFoundError(f"there is no {name}.json in {folders[0]} or {folders[1]}")


def table(rows, header, caption, lang=None, digits=2):
    """A captioned table that screen readers can follow.

    Args:
        rows: iterable of rows; a cell is a string, an integer or a float.
        header: list of column titles, one for each cell of a row.
        caption: one sentence that says what the table shows.
        lang: dict from column title to language tag, e.g. `{"Chinese": "zh"}`; needed for
            text that is not English, so that browsers choose its font and voice.
        digits: decimals shown of a float.

    Returns:
        An `IPython.display.HTML`; let it be the last value of the cell.

    Raises:
        ValueError: a row has more or fewer cells than the header, or `lang` names a column
            that is not in it.

    Example:
        >>> tv.notebook.table([["unigram", 640.1]], ["model", "perplexity"], "Baselines.")
    """
    from IPython.display import HTML

    lang = lang or {}
    if unknown := set(lang) - set(header):
        raise ValueError(f"lang names {sorted(unknown)}, not among the columns {header}")
    rows = [list(row) for row in rows]
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"a row has {len(row)} cells, the header {len(header)}: {row}")
    shown = [[_text(value, digits) for value in row] for row in rows]
    sides = [
        "right" if all(NUMBER.fullmatch(row[i]) for row in shown) else "left"
        for i in range(len(header))
    ]
    head = "".join(
        f'<th scope="col" style="text-align: {side}">{_text(title, digits)}</th>'
        for title, side in zip(header, sides, strict=True)
    )
    tags = [
        f' lang="{html.escape(lang[title])}"' if title in lang else "" for title in header
    ]
    body = [
        "<tr>"
        + "".join(
            f'<td{tag} style="text-align: {side}">{text}</td>'
            for text, tag, side in zip(row, tags, sides, strict=True)
        )
        + "</tr>"
        for row in shown
    ]
    return HTML(
        f'<div class="tutvae-table"><table><caption>{html.escape(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n"
        + "\n".join(body)
        + "\n</tbody></table></div>"
    )


def _text(value, digits):
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        value = f"{value:,}"
    elif isinstance(value, numbers.Real) and not isinstance(value, bool):
        value = f"{value:z,.{digits}f}"  # no minus before zero
    return html.escape(MINUS.sub("\N{MINUS SIGN}", str(value)))


def cpu_seconds(function, least=0.2):
    """CPU-seconds of one call of a function, averaged over as many as `least` seconds hold.

    Windows counts CPU time in steps of 1/64 s, so a single short call would often cost
    nothing. The first call, which may compile something, is not counted.

    Args:
        function: called without arguments.
        least: CPU-seconds to spend.

    Example:
        >>> ratio = tv.notebook.cpu_seconds(slow) / tv.notebook.cpu_seconds(fast)
    """
    function()
    calls, start = 0, time.process_time()
    while (used := time.process_time() - start) < least:
        function()
        calls += 1
    return used / calls


def glue(name, value, fmt=""):
    """Store a value under a name, by which prose quotes it with the role `glue:text`.

    The cell shows nothing; outside the book the call has no effect.

    Args:
        name: str, unique in the page.
        value: anything that `format` accepts.
        fmt: format specification such as `".1f"`.

    Example:
        >>> tv.notebook.glue("elbo-gap", 0.1234, ".2f")
    """
    from IPython.display import display

    prefix = "application/papermill.record/"  # the mark by which MyST-NB finds glued values
    display(
        {f"{prefix}text/plain": repr(format(value, fmt))},
        raw=True,
        metadata={"scrapbook": {"name": name, "mime_prefix": prefix}},
    )
