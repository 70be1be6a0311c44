"""Kneser-Ney: NLTK and arithmetic by hand as oracles."""

import math
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.lm import KneserNeyInterpolated
from nltk.lm.preprocessing import padded_everygram_pipeline

from tutvae import KneserNey
from tutvae.data import load_data

FOLDER = os.environ.get("TUTVAE_DATA")


@pytest.fixture(scope="module")
def corpus():
    data = load_data("grammar", size=200, seed=1)
    return data.train[:150], data.test


def predicted_ngrams(sentence, order):
    """All n-grams up to `order` that end in a word or in `</s>`, never in `<s>`."""
    padded = ["<s>"] * (order - 1) + sentence.split() + ["</s>"]
    ends = range(order - 1, len(padded))
    return [tuple(padded[i - k : i + 1]) for i in ends for k in range(order)]


def nltk_log_prob(model, sentence):
    n = model.order
    padded = ["<s>"] * (n - 1) + sentence.split() + ["</s>"]
    ends = range(n - 1, len(padded))
    return sum(model.logscore(padded[i], padded[i - n + 1 : i]) for i in ends) * math.log(2)


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("discount", [0.1, 0.75])
def test_agrees_with_nltk(corpus, order, discount):
    """On the same n-grams. (NLTK's own padding also predicts `<s>`, so that its
    probabilities do not sum to 1 at orders above 2.)"""
    train, test = corpus
    words = [w for s in train for w in [*s.split(), "</s>"]]
    oracle = KneserNeyInterpolated(order, discount=discount)
    oracle.fit([predicted_ngrams(s, order) for s in train], words)
    model = KneserNey(order, discount).fit(train)
    for sentence in [*train[:5], *test[:10], "dog the a .", "will will will"]:
        expected = nltk_log_prob(oracle, sentence)
        assert model.log_prob(sentence) == pytest.approx(expected, abs=1e-9)


def test_bigrams_agree_with_nltk_and_its_own_padding(corpus):
    train, test = corpus
    oracle = KneserNeyInterpolated(2, discount=0.75)
    oracle.fit(*padded_everygram_pipeline(2, [s.split() for s in train]))
    model = KneserNey(2, 0.75).fit(train)
    for sentence in test[:10]:
        assert model.log_prob(sentence) == pytest.approx(nltk_log_prob(oracle, sentence))


def test_bigram_by_hand():
    # bigrams: <s> a (2), a b, b </s>, a c, c </s>; six tokens, five types
    model = KneserNey(2, discount=0.5).fit(["a b", "a c"])
    p_end = 2 / 5  # </s> follows b and c
    p_a, p_b = 1 / 5, 1 / 5
    after_start = (2 - 0.5) / 2 + 0.5 * 1 / 2 * p_a
    after_a = (1 - 0.5) / 2 + 0.5 * 2 / 2 * p_b
    after_b = (1 - 0.5) / 1 + 0.5 * 1 / 1 * p_end
    expected = math.log(after_start * after_a * after_b)
    assert model.log_prob("a b") == pytest.approx(expected, abs=1e-12)
    assert model.perplexity(["a b"]) == pytest.approx(math.exp(-expected / 3))


def test_unigrams_are_relative_frequencies():
    model = KneserNey(1).fit(["a b", "a"])
    assert model.log_prob("a") == pytest.approx(math.log(2 / 5) + math.log(2 / 5))


def test_estimated_discounts(corpus):
    train, _ = corpus
    model = KneserNey(2).fit(train)
    bigrams = Counter(g for s in train for g in predicted_ngrams(s, 2) if len(g) == 2)
    counts = Counter(bigrams.values())
    expected = KneserNey(2, counts[1] / (counts[1] + 2 * counts[2])).fit(train)
    assert model.log_prob(train[0]) == pytest.approx(expected.log_prob(train[0]))


@given(
    st.lists(st.lists(st.sampled_from("abcd"), max_size=6), min_size=1, max_size=8),
    st.integers(1, 5),
    st.sampled_from([None, 0.0, 0.3, 1.0]),
    st.lists(st.sampled_from("abcd"), max_size=6),
)
@settings(deadline=None, max_examples=50)
def test_next_word_sums_to_one(corpus, order, discount, context):
    model = KneserNey(order, discount).fit([*corpus, list("abcd")])
    p = model.next_word(context)
    assert p.sum() == pytest.approx(1) and (p >= 0).all()
    assert len(p) == len(model.vocabulary) and p[-1] == 0


def test_sentence_is_the_product_of_its_words(corpus):
    train, test = corpus
    model = KneserNey(3).fit(train)
    words = [*test[0].split(), "</s>"]
    steps = [
        math.log(model.next_word(words[:i])[model.vocabulary.index(w)])
        for i, w in enumerate(words)
    ]
    assert model.log_prob(test[0]) == pytest.approx(sum(steps))


def test_perplexity_counts_ends(corpus):
    train, test = corpus
    model = KneserNey(3).fit(train)
    tokens = sum(len(s.split()) + 1 for s in test)
    expected = math.exp(-sum(map(model.log_prob, test)) / tokens)
    assert model.perplexity(test) == pytest.approx(expected)
    assert model.perplexity([s.split() for s in test]) == pytest.approx(expected)


def test_samples_are_repeatable_and_follow_the_model():
    model = KneserNey(2).fit(["a b", "a b", "b a a", "b", "b"])
    sentences = model.sample(1_000, seed=1)
    assert sentences == model.sample(1_000, seed=1) != model.sample(1_000, seed=2)
    p = model.next_word([])[model.vocabulary.index("a")]
    found = np.mean([s.startswith("a") for s in sentences])
    assert abs(found - p) < 4 * (p * (1 - p) / 1_000) ** 0.5  # four standard errors
    assert max(len(s.split()) for s in model.sample(50, max_length=2)) <= 2


def test_unknown_words():
    model = KneserNey(2).fit(["a <unk>", "b a"])
    assert model.log_prob("a zebra") == model.log_prob("a <unk>")
    with pytest.raises(ValueError, match=r"'zebra' is not in the vocabulary.*<unk>"):
        KneserNey(2).fit(["a b"]).log_prob("a zebra")


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: KneserNey(0), "order must be at least 1, not 0"),
        (lambda: KneserNey(2, 1.5), r"discount must be between 0 and 1, not 1\.5"),
        (lambda: KneserNey(2).fit([]), "no sentence"),
        (lambda: KneserNey(2).fit(["a </s> b"]), "added here"),
        (lambda: KneserNey(2).fit("a b"), "one string"),
        (lambda: KneserNey(2).fit(["a b"]).perplexity("a b"), "one string"),
        (lambda: KneserNey(2).fit(["a b"]).log_prob("a <s> b"), "added here"),
        (lambda: KneserNey(2).fit(["a"]).perplexity([]), "no sentence"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.skipif(
    not (FOLDER and Path(FOLDER, "ptb").is_dir()),
    reason="set TUTVAE_DATA to a folder that holds ptb/ (see tutvae.data.folder)",
)
def test_penn_treebank():
    """Sentence by sentence, ends counted; interpolated Kneser-Ney, discounts estimated."""
    data = load_data("ptb")
    for order, expected in ((3, 150.6), (5, 143.4)):
        model = KneserNey(order).fit(data.train)
        assert model.perplexity(data.test) == pytest.approx(expected, abs=0.05)
