"""Corpora: `load_data(name)` returns three splits with licence, attribution and source.

No corpus of others is part of this package. The files come with other packages, or from the
folder that the environment variable `TUTVAE_DATA` names, and are checked by SHA-256.
"""

from importlib import import_module

from tutvae.data.dataset import Dataset
from tutvae.data.grammar import Grammar
from tutvae.data.topics import purity

__all__ = ["CORPORA", "Dataset", "Grammar", "load_data", "purity"]

# Name of the corpus -> module and function that load it.
CORPORA = {
    "tatoeba": ("tatoeba", "load"),
    "scripture": ("scripture", "load"),
    "reviews_zh": ("reviews", "load"),
    "digits": ("images", "load_digits"),
    "mnist": ("images", "load_mnist"),
    "grammar": ("grammar", "load"),
    "topics": ("topics", "load"),
    "ptb": ("folder", "load_ptb"),
    "20ng": ("folder", "load_20ng"),
    "captions": ("folder", "load_captions"),
}


def load_data(name, **options):
    """Load a corpus.

    - `tatoeba` (`language="en"`, `"zh"`, `"both"`): sentences; both: pairs (en, zh)
    - `scripture` (`version="kjv"`, `"web"`, `"both"`): verses; both: pairs (kjv, web)
    - `reviews_zh`: Chinese reviews with their polarity
    - `digits`: (8, 8) grey images in [0, 1] with their digit
    - `mnist`: (28, 28) grey images in [0, 1] with their digit
    - `grammar` (`size`, `seed`): sentences drawn from `Grammar` with their factors
    - `topics` (`vocabulary=100`, `10_000`, `counts`, `size`, `seed`): bags of words
    - `ptb`, `20ng`, `captions`: only from `TUTVAE_DATA`, see `tutvae.data.folder`

    Args:
        name: one of the names above.
        **options: as above.

    Returns:
        `Dataset`. Splits are the same on every machine, and no group of related examples is
        divided between splits (but `grammar` draws the same sentence again and again).

    Raises:
        ValueError: unknown name or option value, or a file with a wrong SHA-256.
        TypeError: an option that the corpus does not have.
        ModuleNotFoundError: the package that brings the corpus is not installed.
        FileNotFoundError: the folder or the package lacks a file.

    Example:
        >>> data = load_data("grammar", size=1000)
        >>> len(data.train), data.labels["train"]["tense"].shape
        (1000, (1000,))
    """
    if name not in CORPORA:
        raise ValueError(
            f"Unknown corpus {name!r}. Choose one of: {', '.join(CORPORA)}. For a text "
            "file of your own use tv.read_lines(path)."
        )
    module, function = CORPORA[name]
    return getattr(import_module(f"tutvae.data.{module}"), function)(**options)
