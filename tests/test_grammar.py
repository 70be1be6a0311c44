"""The grammar: correct English, and probabilities that agree with enumeration."""

import math
from collections import Counter, defaultdict
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tutvae.data import Grammar, grammar, load_data
from tutvae.data.grammar import Factors, realise

GRAMMAR = Grammar()


def enumerate_by_hand():
    """{sentence: {factors: probability}}, by another route than the class takes."""
    independent = [grammar.ADJECTIVE, grammar.SUBJECT, grammar.NUMBER, grammar.TENSE]
    independent += [grammar.POLARITY, grammar.VERB]
    joint = defaultdict(dict)
    for values in product(*independent):
        p = math.prod(table[v] for table, v in zip(independent, values, strict=True))
        for obj, p_object in grammar.OBJECT[values[-1]].items():
            factors = Factors(*values, obj)
            joint[realise(factors)][factors] = p * p_object
    return joint


@pytest.mark.parametrize(
    "factors, sentence",
    [
        ("old dog plural past negative see bird", "the old dogs did not see a bird ."),
        ("none dog singular present affirmative see bird", "the dog sees a bird ."),
        ("none dog plural present affirmative hear song", "the dogs hear a song ."),
        (
            "small child plural present negative like cake",
            "the small children do not like a cake .",
        ),
        (
            "none child singular present negative cut rope",
            "the child does not cut the rope .",
        ),
        ("young girl singular past affirmative hear bell", "the young girl heard a bell ."),
        ("none fish plural past affirmative cut tree", "the fish cut a tree ."),
        (
            "none farmer singular future affirmative hit fence",
            "the farmer will hit a fence .",
        ),
        (
            "none sheep plural future negative like river",
            "the sheep will not like the river .",
        ),
    ],
)
def test_agreement_and_tense(factors, sentence):
    assert realise(Factors(*factors.split())) == sentence


def test_tables_are_distributions():
    tables = [grammar.ADJECTIVE, grammar.SUBJECT, grammar.NUMBER, grammar.TENSE]
    tables += [grammar.POLARITY, grammar.VERB, *grammar.OBJECT.values()]
    for table in tables:
        assert math.fsum(table.values()) == pytest.approx(1, abs=1e-12)


def test_size_and_form():
    sentences, words = GRAMMAR.sentences(), GRAMMAR.vocabulary()
    assert len(sentences) == len(set(sentences)) == 3_696
    assert 40 <= len(words) <= 60
    for sentence in sentences:
        tokens = sentence.split()
        assert sentence == " ".join(tokens) == sentence.lower()
        assert tokens[-1] == "." and 5 <= len(tokens) <= 9


def test_probabilities_sum_to_one():
    total = math.fsum(math.exp(GRAMMAR.log_prob(s)) for s in GRAMMAR.sentences())
    assert total == pytest.approx(1, abs=1e-12)


def test_log_prob_and_posterior_agree_with_bayes_by_hand():
    joint = enumerate_by_hand()
    assert set(joint) == set(GRAMMAR.sentences())
    for sentence, by_factors in joint.items():
        p = math.fsum(by_factors.values())
        assert GRAMMAR.log_prob(sentence) == pytest.approx(math.log(p), abs=1e-12)
        posterior = GRAMMAR.posterior(sentence)
        assert posterior == pytest.approx({f: q / p for f, q in by_factors.items()})
        assert math.fsum(posterior.values()) == pytest.approx(1, abs=1e-12)


def test_entropy_is_minus_sum_p_log_p():
    p = np.array([sum(f.values()) for f in enumerate_by_hand().values()])
    assert GRAMMAR.entropy() == pytest.approx(-(p * np.log(p)).sum(), abs=1e-10)


def test_entropy_agrees_with_monte_carlo():
    sentences, _ = GRAMMAR.sample(20_000, seed=1)
    surprise = -np.array([GRAMMAR.log_prob(s) for s in sentences])
    error = surprise.std(ddof=1) / len(surprise) ** 0.5
    assert abs(surprise.mean() - GRAMMAR.entropy()) < 4 * error  # four standard errors
    assert error < 0.02


def test_entropy_of_factors():
    # by the chain rule: H(factors) = H(sentence) + mean entropy of the posterior
    left = 0.0
    for sentence in GRAMMAR.sentences():
        q = np.array(list(GRAMMAR.posterior(sentence).values()))
        left -= math.exp(GRAMMAR.log_prob(sentence)) * (q * np.log(q)).sum()
    assert left > 0.05
    assert GRAMMAR.factor_entropy() == pytest.approx(GRAMMAR.entropy() + left, abs=1e-10)
    number = -0.6 * math.log(0.6) - 0.4 * math.log(0.4)
    assert GRAMMAR.factor_entropy("number") == pytest.approx(number, abs=1e-10)


def test_ambiguous_and_clear_sentences():
    assert GRAMMAR.posterior("the dog saw a bird .", "number") == {"singular": 1.0}
    # "the sheep cut": singular past, plural past or plural present
    posterior = GRAMMAR.posterior("the sheep cut the rope .")
    assert {(f.number, f.tense) for f in posterior} == {
        ("singular", "past"),
        ("plural", "past"),
        ("plural", "present"),
    }
    number = GRAMMAR.posterior("the sheep cut the rope .", "number")
    assert number["plural"] == pytest.approx(0.32 / 0.56)
    assert GRAMMAR.factors("the sheep cuts the rope .").number == "singular"


def test_outside_of_the_language():
    for sentence in (
        "the dog see a bird .",
        "",
        "the dog sees a bird",
        "the cat sees a bird .",
    ):
        assert GRAMMAR.log_prob(sentence) == -math.inf
        with pytest.raises(ValueError, match="not a sentence of the grammar"):
            GRAMMAR.posterior(sentence)
        with pytest.raises(ValueError, match="not a sentence of the grammar"):
            GRAMMAR.factors(sentence)
    with pytest.raises(ValueError, match=r"'colour'.*adjective, subject"):
        GRAMMAR.posterior("the dog saw a bird .", "colour")


@given(st.integers(0, 2**32), st.integers(0, 30))
def test_samples_are_repeatable_and_true_to_their_factors(seed, n):
    sentences, factors = GRAMMAR.sample(n, seed)
    assert (sentences, factors) == GRAMMAR.sample(n, seed)
    assert len(sentences) == n and [realise(f) for f in factors] == sentences
    for sentence, f in zip(sentences, factors, strict=True):
        assert f in GRAMMAR.posterior(sentence)


def test_sample_frequencies():
    n = 20_000
    _, factors = GRAMMAR.sample(n, seed=2)
    for name, table in (("subject", grammar.SUBJECT), ("tense", grammar.TENSE)):
        found = Counter(getattr(f, name) for f in factors)
        for value, p in table.items():
            assert abs(found[value] / n - p) < 4 * (p * (1 - p) / n) ** 0.5


def test_values_of_a_factor():
    assert GRAMMAR.values("number") == ["singular", "plural"]
    assert set(GRAMMAR.values("object")) == {o for t in grammar.OBJECT.values() for o in t}


def test_dataset():
    data = load_data("grammar", size=500, seed=3)
    assert [len(data.train), len(data.validation), len(data.test)] == [500, 50, 50]
    assert data.train == load_data("grammar", size=500, seed=3).train
    assert data.train[:50] != data.test and data.validation != data.test
    rows = zip(*(data.labels["test"][name] for name in Grammar.factor_names), strict=True)
    assert [realise(Factors(*row)) for row in rows] == data.test


def test_elbo_plus_gap_is_log_p_for_any_q():
    """By enumeration of the meanings z of each sentence, with p(z) from the tables."""
    g = grammar

    language, rng, ambiguous = Grammar(), np.random.default_rng(0), 0
    for sentence in language.sentences()[::7]:
        posterior = language.posterior(sentence)
        p = np.array(
            [
                g.ADJECTIVE[z.adjective]
                * g.SUBJECT[z.subject]
                * g.NUMBER[z.number]
                * g.TENSE[z.tense]
                * g.POLARITY[z.polarity]
                * g.VERB[z.verb]
                * g.OBJECT[z.verb][z.object]
                for z in posterior
            ]
        )  # p(z) p(x|z), as p(x|z) is 1 for a meaning of x
        q = rng.dirichlet(np.ones(len(p)))
        elbo = np.sum(q * (np.log(p) - np.log(q)))
        gap = np.sum(q * (np.log(q) - np.log(list(posterior.values()))))
        assert elbo + gap == pytest.approx(language.log_prob(sentence), abs=1e-9)
        ambiguous += len(p) > 1
    assert ambiguous > 20
