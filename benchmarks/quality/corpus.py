"""Tatoeba as the shipped models see it: sentences of 4 to 12 tokens."""

from typing import NamedTuple

import tutvae as tv

SHORTEST, LONGEST = 4, 12
TOKENIZERS = {"en": (tv.Tokenizer, 6000), "zh": (tv.CharTokenizer, 2500)}


class Corpus(NamedTuple):
    tokenizer: tv.Tokenizer
    train: list
    validation: list
    test: list
    longer: list  # training sentences of more tokens: no model here sees them


def load(language):
    """The splits of a language. Unknown words stay in: they count as wrong."""
    data = tv.load_data("tatoeba", language=language)
    kind, size = TOKENIZERS[language]

    def of_length(sentences, shortest, longest):
        return [s for s in sentences if shortest <= len(kind.split(s)) <= longest]

    splits = [
        of_length(split, SHORTEST, LONGEST)
        for split in (data.train, data.validation, data.test)
    ]
    tokenizer = kind.fit(splits[0], size=size, length=LONGEST + 2)
    return Corpus(tokenizer, *splits, of_length(data.train, LONGEST + 1, 100))
