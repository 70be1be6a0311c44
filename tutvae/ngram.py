"""Interpolated Kneser-Ney language model: the yardstick that a neural model has to beat.

The probability of a word w after a context h of n - 1 words interpolates all orders (Kneser
and Ney 1995; Chen and Goodman 1999, section 3); h' is h without its first word:

    p(w | h) = max(c(h w) - D, 0) / c(h)  +  D types(h) / c(h)  p(w | h')

At the highest order c(h w) counts occurrences. At lower orders it counts the different
words before h w, so that a word which follows one word only ("Francisco") is not taken to
be likely everywhere. c(h) sums c(h w) over w, types(h) counts the different w. After a
context that never occurred, the lower order alone speaks; the lowest is not discounted.

The discount D is either fixed, or estimated for each order as n1 / (n1 + 2 n2), where n1
and n2 are the numbers of n-grams with count 1 and 2 (Ney, Essen and Kneser 1994).

A sentence is padded by n - 1 times `<s>`, which is never predicted, and ends in one `</s>`.
"""

from dataclasses import dataclass

import numpy as np

START, END, UNKNOWN = "<s>", "</s>", "<unk>"


class KneserNey:
    """Interpolated Kneser-Ney n-gram model over a closed vocabulary.

    Sentences are strings of tokens separated by blanks, or lists of tokens. A word that the
    corpus of `fit` did not have counts as `<unk>`, provided that `<unk>` was a word there.

    Args:
        order: n, at least 1.
        discount: D, between 0 and 1, or None to estimate it for each order.

    Raises:
        ValueError: order or discount out of range.

    Example:
        >>> model = KneserNey(order=2, discount=0.75).fit(["a dog barks", "a cat sleeps"])
        >>> round(model.perplexity(["a cat barks"]), 2)
        3.36
    """

    def __init__(self, order=3, discount=None):
        if order < 1:
            raise ValueError(f"order must be at least 1, not {order}.")
        if discount is not None and not 0 <= discount <= 1:
            raise ValueError(f"discount must be between 0 and 1, not {discount}.")
        self.order, self.discount = order, discount

    def fit(self, sentences):
        """Count the n-grams of a list of sentences and return the model itself.

        Raises:
            ValueError: there is no sentence, one of them contains `<s>` or `</s>`, or
                all are one string.
        """
        sentences = _all_tokens(sentences)
        words = {word for sentence in sentences for word in sentence}
        self.vocabulary = [END, *sorted(words), START]
        self._number = {word: i for i, word in enumerate(self.vocabulary)}
        self._tables = self._count(self._windows(sentences))
        return self

    def log_prob(self, sentence):
        """Return the log-probability of one sentence in nats, its end included.

        Raises:
            ValueError: a word is unknown and the corpus had no `<unk>`, or it is `<s>` or
                `</s>`.
        """
        windows = self._windows(_all_tokens([sentence]))
        return float(np.log(self._probabilities(windows)).sum())

    def perplexity(self, sentences):
        """Return the perplexity per token, ends counted; raises as `fit` and `log_prob`."""
        windows = self._windows(_all_tokens(sentences))
        return float(np.exp(-np.log(self._probabilities(windows)).mean()))

    def next_word(self, context):
        """Return the distribution over the next word.

        Args:
            context: the words of the sentence so far; without any, its first word is meant.

        Returns:
            (words,) probabilities in the order of `vocabulary`; that of `<s>` is zero.
        """
        context = self._numbers([START] * (self.order - 1) + _tokens(context))
        context = context[len(context) - self.order + 1 :]
        candidates = np.arange(len(self.vocabulary) - 1)
        windows = np.column_stack([np.tile(context, (len(candidates), 1)), candidates])
        return np.append(self._probabilities(windows), 0.0)

    def sample(self, n, seed=0, max_length=100):
        """Draw n sentences, each cut after `max_length` words, the same for the same seed.

        Returns:
            List of n strings of tokens separated by blanks.
        """
        rng = np.random.default_rng(seed)
        return [" ".join(self._draw(rng, max_length)) for _ in range(n)]

    def _draw(self, rng, max_length):
        words = []
        while len(words) < max_length:
            p = self.next_word(words)
            word = self.vocabulary[rng.choice(len(p), p=p / p.sum())]
            if word == END:
                break
            words.append(word)
        return words

    def _numbers(self, words):
        if not hasattr(self, "_number"):
            raise ValueError(
                "this model has counted nothing yet: call fit(sentences) first"
            )
        unknown = self._number.get(UNKNOWN)
        numbers = [self._number.get(word, unknown) for word in words]
        if None in numbers:
            word = words[numbers.index(None)]
            raise ValueError(
                f"The word {word!r} is not in the vocabulary, which is closed. Replace "
                f"rare words by {UNKNOWN} before `fit`: then unknown words count as it."
            )
        return np.array(numbers, dtype="int64")

    def _windows(self, sentences):
        """Return (tokens, order) numbers: each predicted word after its context."""
        start = [START] * (self.order - 1)
        flat = self._numbers([w for s in sentences for w in (*start, *s, END)])
        last = np.flatnonzero(flat != self._number[START])
        return flat[last[:, None] + np.arange(1 - self.order, 1)]

    def _count(self, windows):
        """Return one `_Table` for each length of context, from 0 to order - 1."""
        base, word = len(self.vocabulary), windows[:, -1]
        context = np.zeros(len(windows), dtype="int64")
        contexts = [np.zeros(1, dtype="int64")]
        for length in range(1, self.order):
            keys = context * base + windows[:, -1 - length]
            found, context = np.unique(keys, return_inverse=True)
            contexts.append(found)
        grams, counts = np.unique(context * base + word, return_counts=True)
        tables = []
        for length in reversed(range(self.order)):
            discount = _estimate(counts) if self.discount is None else self.discount
            tables.append(_Table.build(contexts[length], grams, counts, base, discount))
            # a lower order counts each of these n-grams once, without its first word
            shorter = contexts[length][grams // base] // base
            grams, counts = np.unique(shorter * base + grams % base, return_counts=True)
        return tables[::-1]

    def _probabilities(self, windows):
        """Return the (n,) probabilities of the last column given the others."""
        base, word = len(self.vocabulary), windows[:, -1]
        context = np.zeros(len(windows), dtype="int64")
        unigrams = self._tables[0]
        p = unigrams.count(word) / unigrams.totals[0]
        for length, table in enumerate(self._tables[1:], start=1):
            context = _find(table.contexts, context * base + windows[:, -1 - length])
            seen = context >= 0
            count = np.where(seen, table.count(context * base + word), 0)
            total = np.where(seen, table.totals[context], 1)
            backoff = np.where(seen, table.discount * table.types[context] / total, 1.0)
            p = np.maximum(count - table.discount, 0) / total + backoff * p
        return p


@dataclass(frozen=True)
class _Table:
    """Counts for one length of context.

    A context is numbered by its place in `contexts`, which holds the sorted keys
    (number of the context without its first word) x base + first word; an n-gram has the
    key (number of its context) x base + last word.
    """

    contexts: np.ndarray
    grams: np.ndarray
    counts: np.ndarray
    totals: np.ndarray
    types: np.ndarray
    discount: float

    @classmethod
    def build(cls, contexts, grams, counts, base, discount):
        owner = grams // base
        totals = np.bincount(owner, weights=counts, minlength=len(contexts))
        types = np.bincount(owner, minlength=len(contexts))
        return cls(contexts, grams, counts, totals, types, discount)

    def count(self, keys):
        place = _find(self.grams, keys)
        return np.where(place >= 0, self.counts[place], 0)


def _estimate(counts):
    once, twice = (counts == 1).sum(), (counts == 2).sum()
    # a small corpus may have no such n-grams: then the value usual for fixed discounts
    return once / (once + 2 * twice) if once and twice else 0.75


def _find(ordered, keys):
    """Return the place of each key in a sorted array, -1 where it is not."""
    place = np.minimum(np.searchsorted(ordered, keys), len(ordered) - 1)
    return np.where(ordered[place] == keys, place, -1)


def _tokens(sentence):
    return sentence.split() if isinstance(sentence, str) else list(sentence)


def _all_tokens(sentences):
    """The tokens of each sentence; refuses what is no list of sentences."""
    if isinstance(sentences, str):
        raise ValueError("This is one string: give a list of sentences, [sentence].")
    if not len(sentences):
        raise ValueError("There is no sentence: give at least one.")
    sentences = [_tokens(sentence) for sentence in sentences]
    if any(word in (START, END) for sentence in sentences for word in sentence):
        raise ValueError(f"{START} and {END} are added here: take them out of the text.")
    return sentences
