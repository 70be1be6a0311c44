"""A small probabilistic grammar of English whose every probability is known exactly.

A sentence is drawn by choosing seven factors and spelling them out:

    adjective old, subject dog, number plural, tense past, polarity negative, verb see,
    object bird   ->   "the old dogs did not see a bird ."

Different factors can give the same sentence ("the sheep cut the rope ." may be one sheep or
several, now or then), so the posterior over factors given a sentence is not always a point.
"""

import math
from collections import defaultdict
from itertools import product
from typing import NamedTuple

import numpy as np

from tutvae.data.dataset import Dataset

ADJECTIVE = {"none": 0.4, "old": 0.25, "young": 0.2, "small": 0.15}
SUBJECT = {
    "dog": 0.3,
    "girl": 0.2,
    "farmer": 0.15,
    "child": 0.15,
    "sheep": 0.1,
    "fish": 0.1,
}
NUMBER = {"singular": 0.6, "plural": 0.4}
TENSE = {"present": 0.4, "past": 0.4, "future": 0.2}
POLARITY = {"affirmative": 0.75, "negative": 0.25}
VERB = {"see": 0.3, "hear": 0.2, "like": 0.2, "cut": 0.15, "hit": 0.15}
OBJECT = {  # probability of the object given the verb
    "see": {"bird": 0.5, "river": 0.3, "tree": 0.2},
    "hear": {"bird": 0.3, "song": 0.4, "bell": 0.3},
    "like": {"song": 0.3, "river": 0.2, "cake": 0.5},
    "cut": {"rope": 0.3, "tree": 0.3, "cake": 0.4},
    "hit": {"bell": 0.4, "tree": 0.3, "fence": 0.3},
}

PLURAL = {
    "dog": "dogs",
    "girl": "girls",
    "farmer": "farmers",
    "child": "children",
    "sheep": "sheep",
    "fish": "fish",
}
PAST = {"see": "saw", "hear": "heard", "like": "liked", "cut": "cut", "hit": "hit"}
ARTICLE = {"bird": "a", "song": "a", "bell": "a", "tree": "a", "cake": "a", "fence": "a"}


class Factors(NamedTuple):
    """What a sentence says, before it is put into words."""

    adjective: str
    subject: str
    number: str
    tense: str
    polarity: str
    verb: str
    object: str


def realise(factors):
    """Return the sentence of a `Factors`: lower-case tokens separated by blanks."""
    adjective = [] if factors.adjective == "none" else [factors.adjective]
    noun = PLURAL[factors.subject] if factors.number == "plural" else factors.subject
    article = ARTICLE.get(factors.object, "the")
    words = ["the", *adjective, noun, *_predicate(factors), article, factors.object, "."]
    return " ".join(words)


def _predicate(factors):
    third_person = factors.tense == "present" and factors.number == "singular"
    if factors.tense == "future":
        negation = ["not"] if factors.polarity == "negative" else []
        return ["will", *negation, factors.verb]
    if factors.polarity == "negative":
        auxiliary = "did" if factors.tense == "past" else "does" if third_person else "do"
        return [auxiliary, "not", factors.verb]
    if factors.tense == "past":
        return [PAST[factors.verb]]
    return [factors.verb + "s" if third_person else factors.verb]


class Grammar:
    """The distribution over sentences, by enumeration of all factors.

    Example:
        >>> grammar = Grammar()
        >>> round(grammar.log_prob("the dog saw a bird ."), 2)  # nats
        -5.73
        >>> posterior = grammar.posterior("the sheep cut a tree .", "number")
        >>> {number: round(p, 2) for number, p in posterior.items()}
        {'singular': 0.43, 'plural': 0.57}
    """

    factor_names = Factors._fields

    def __init__(self):
        self._prior = {}
        shared = product(
            *(table.items() for table in (ADJECTIVE, SUBJECT, NUMBER, TENSE, POLARITY))
        )
        for choices in shared:
            for verb, p_verb in VERB.items():
                for obj, p_object in OBJECT[verb].items():
                    values = [value for value, _ in choices]
                    p = math.prod(p for _, p in choices) * p_verb * p_object
                    self._prior[Factors(*values, verb, obj)] = p
        self._by_sentence = defaultdict(dict)
        for factors, p in self._prior.items():
            self._by_sentence[realise(factors)][factors] = p
        self._by_sentence = dict(self._by_sentence)

    def sentences(self):
        """Return the list of all sentences, each once."""
        return list(self._by_sentence)

    def vocabulary(self):
        """Return the sorted list of all words."""
        return sorted({word for s in self._by_sentence for word in s.split()})

    def values(self, factor):
        """Return the list of values that a factor can take."""
        position = self._position(factor)
        return list(dict.fromkeys(factors[position] for factors in self._prior))

    def log_prob(self, sentence):
        """Return log p(sentence) in nats; -inf outside of the grammar."""
        p = sum(self._by_sentence.get(sentence, {}).values())
        return math.log(p) if p else -math.inf

    def entropy(self):
        """Return the exact entropy of a sentence in nats."""
        return _entropy(sum(p.values()) for p in self._by_sentence.values())

    def factor_entropy(self, factor=None):
        """Return the exact entropy of one factor, or of all jointly, in nats."""
        if factor is None:
            return _entropy(self._prior.values())
        return _entropy(self._marginal(self._prior, factor).values())

    def posterior(self, sentence, factor=None):
        """Return the exact posterior over factors given a sentence.

        Args:
            sentence: string of tokens separated by blanks.
            factor: name of one factor, or None for all jointly.

        Returns:
            dict from `Factors` (or from the values of the one factor) to probabilities that
            sum to 1.

        Raises:
            ValueError: the sentence is not one of the grammar, or the factor is unknown.
        """
        if sentence not in self._by_sentence:
            raise ValueError(
                f"{sentence!r} is not a sentence of the grammar. Its sentences look like "
                f"{next(iter(self._by_sentence))!r}; `sentences()` lists them all."
            )
        joint = self._by_sentence[sentence]
        total = sum(joint.values())
        joint = {factors: p / total for factors, p in joint.items()}
        return joint if factor is None else self._marginal(joint, factor)

    def factors(self, sentence):
        """Return the most probable `Factors` of a sentence; raises as `posterior`."""
        joint = self.posterior(sentence)
        return max(joint, key=joint.get)

    def sample(self, n, seed=0):
        """Draw n sentences independently.

        Args:
            n: number of sentences.
            seed: integer; the same seed gives the same sentences on every machine.

        Returns:
            List of n sentences and list of the n `Factors` they were made from.
        """
        assignments = list(self._prior)
        p = np.array(list(self._prior.values()))
        index = np.random.default_rng(seed).choice(len(p), size=n, p=p / p.sum())
        factors = [assignments[i] for i in index]
        return [realise(f) for f in factors], factors

    def _marginal(self, joint, factor):
        position = self._position(factor)
        marginal = defaultdict(float)
        for factors, p in joint.items():
            marginal[factors[position]] += p
        return dict(marginal)

    def _position(self, factor):
        if factor not in self.factor_names:
            names = ", ".join(self.factor_names)
            raise ValueError(f"Unknown factor {factor!r}. Choose one of: {names}.")
        return self.factor_names.index(factor)


def _entropy(probabilities):
    return -math.fsum(p * math.log(p) for p in probabilities)


def load(size=20_000, seed=0):
    """Draw a corpus from `Grammar`, with one label for each factor.

    The splits are independent draws from the same distribution, so that a perfect model
    reaches the entropy of the grammar on each of them, up to the chance of a sample.
    Probable sentences therefore occur in several splits.

    Args:
        size: number of training sentences; validation and test have a tenth of it each.
        seed: integer.

    Raises:
        ValueError: `size` below 10.
    """
    if size < 10:
        raise ValueError(f"'grammar' needs size of at least 10, not {size}.")
    drawn = {
        split: Grammar().sample(n, seed=[seed, i])
        for i, (split, n) in enumerate(
            {"train": size, "validation": size // 10, "test": size // 10}.items()
        )
    }
    labels = {
        split: {
            name: np.array([f[i] for f in factors])
            for i, name in enumerate(Factors._fields)
        }
        for split, (_, factors) in drawn.items()
    }
    return Dataset(
        name="grammar",
        **{split: sentences for split, (sentences, _) in drawn.items()},
        licence="MIT",
        attribution="generated by tutvae.data.Grammar",
        source=f"tutvae.data.grammar, seed {seed}",
        labels=labels,
    )
