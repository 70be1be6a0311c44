"""Tatoeba: short everyday sentences, English and Chinese, linked by translation."""

import re
from importlib import metadata
from pathlib import Path

from tutvae.data.dataset import Dataset, check_option, divide
from tutvae.data.files import Source, cached, decode, read_bytes

SOURCE = Source(
    name="tatoeba.tsv",
    sha256="3fc3711d24c98237d369083879cab02e274961e1ed518c25a86d379dba6605a3",
    size=4_835_137,
    package="hsg",
    version="1.0.0",
    path="assets/tatoeba.tsv",
)
ATTRIBUTION = (
    "Sentences from Tatoeba (https://tatoeba.org), by its contributors, CC BY 2.0 FR; "
    "sentence number n is at https://tatoeba.org/en/sentences/show/n. "
    "Chinese converted to simplified characters."
)
NEGATION = {
    # "n't" may be torn apart by a tokenizer
    "en": re.compile(
        r"\b(not|no|never|nobody|nothing|none|nowhere|neither|nor|cannot|without)\b"
        r"|n ?['’] ?t\b",
        re.IGNORECASE,
    ),
    # 别 is "do not", but also part of 别人 (others), 特别 (special), 区别 (difference) ...
    "zh": re.compile(r"[不没未勿]|(?<![特分区差级辨告道个识性])别(?![人的具墅处称名致])"),
}


def load(language="en"):
    """Load Tatoeba.

    Translations of each other, and sentences of the same words, are in one split: no
    paraphrase of a training sentence is tested. A few offensive sentences are left out by
    their numbers (`tatoeba_excluded_ids.txt`).

    Args:
        language: "en", "zh" (simplified characters), or "both" for pairs (en, zh).

    Returns:
        `Dataset` with the labels `id` (number of the sentence at Tatoeba), `mood` and
        `negated` (by the rules of the functions of that name); for "both" the labels of the
        English side, and `id_zh`.

    Raises:
        ModuleNotFoundError: `hsg` or `opencc` is not installed.
        ValueError: unknown language, or a file that is not the expected one.
    """
    check_option("tatoeba", "language", language, ("en", "zh", "both"))
    rows = _rows()
    if language != "both":
        rows = _unique(rows, language)
    labels = _labels(rows, "zh" if language == "zh" else "en")
    examples = [(row["en"], row["zh"]) for row in rows]
    if language == "both":
        labels["id_zh"] = [row["zh_id"] for row in rows]
    else:
        examples = [row[language] for row in rows]
    return Dataset(
        name="tatoeba",
        licence="CC BY 2.0 FR",
        attribution=ATTRIBUTION,
        source=str(SOURCE),
        **divide(examples, [row["group"] for row in rows], labels),
    )


def mood(sentence):
    """Return "question", "exclamation" or "statement" by the last mark of a sentence."""
    end = sentence.rstrip(" \"'”’」』)）")[-1:]
    return {"?": "question", "？": "question", "!": "exclamation", "！": "exclamation"}.get(
        end, "statement"
    )


def negated(sentence, language="en"):
    """Tell whether a sentence holds a word of negation."""
    return bool(NEGATION[language].search(sentence))


def _labels(rows, language):
    return {
        "id": [row[f"{language}_id"] for row in rows],
        "mood": [mood(row[language]) for row in rows],
        "negated": [negated(row[language], language) for row in rows],
    }


def _unique(rows, language):
    first = {}
    for row in rows:
        first.setdefault(row[language], row)
    return list(first.values())


def _rows():
    """Return rows {en, en_id, zh, zh_id, group} from the cache or from the file."""
    data = read_bytes("tatoeba", SOURCE)
    excluded = Path(__file__).with_name("tatoeba_excluded_ids.txt").read_text("utf-8")
    code = Path(__file__).read_text("utf-8")
    key = [SOURCE.sha256, _opencc_version(), excluded, code]
    fields = ("en", "en_id", "zh", "zh_id", "group")
    columns = cached("tatoeba", key, lambda: _columns(data, set(excluded.split())))
    return [dict(zip(fields, row, strict=True)) for row in zip(*columns, strict=True)]


def _opencc_version():
    try:
        return metadata.version("opencc")
    except metadata.PackageNotFoundError:
        raise ModuleNotFoundError(
            "The corpus 'tatoeba' converts Chinese with the package 'opencc', which is not "
            "installed. Run `pip install opencc`.",
            name="opencc",
        ) from None


def _columns(data, excluded):
    """Parse, filter, convert and group; return the columns that `_rows` names."""
    lines = decode(data, SOURCE.name, "utf-8-sig").splitlines()
    rows = [line.split("\t") for line in lines]
    rows = [row for row in rows if not excluded & {row[0], row[2]}]
    zh_id, zh, en_id, en = map(list, zip(*rows, strict=True))
    zh = _simplify(zh)
    groups = components(
        [
            (f"id {z}", f"id {e}", f"words {words(zh_text)}", f"words {words(en_text)}")
            for z, zh_text, e, en_text in zip(zh_id, zh, en_id, en, strict=True)
        ]
    )
    return en, list(map(int, en_id)), zh, list(map(int, zh_id)), groups


def _simplify(lines):
    import opencc

    return opencc.OpenCC("t2s").convert("\n".join(lines)).split("\n")


def words(sentence):
    """Return the lower-case words (for Chinese, characters) without punctuation."""
    return " ".join(re.findall(r"\w+", sentence.lower()))


def components(rows):
    """Group rows that share a key, directly or through other rows.

    Args:
        rows: list of tuples of keys.

    Returns:
        For each row, the smallest key of its connected component.
    """
    parent = {}

    def root(key):
        while parent.setdefault(key, key) != key:
            parent[key] = key = parent[parent[key]]
        return key

    for first, *others in rows:
        for key in others:
            low, high = sorted((root(first), root(key)))
            parent[high] = low
    return [root(row[0]) for row in rows]
