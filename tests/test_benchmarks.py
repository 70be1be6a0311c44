"""The benchmarks run from end to end, at sizes that prove nothing else."""

import json

import numpy as np
import pytest
import tensorflow as tf

import tutvae as tv
from benchmarks import (
    decoding,
    evaluation,
    growth,
    kneser_ney,
    lagging,
    newsgroups,
    results,
    streaming,
)
from tutvae.tokenizer import SPECIAL


@pytest.fixture
def written(monkeypatch, tmp_path):
    """The folder that results are written to; commands have no arguments."""
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr("sys.argv", ["benchmark"])
    return tmp_path


def test_the_lagging_encoder_is_watched(monkeypatch, written):
    monkeypatch.setattr(lagging, "SPLITS", {"train": 64, "validation": 16})
    monkeypatch.setattr(lagging, "WORDS", 20)
    monkeypatch.setattr(lagging, "POINTS", 5)
    monkeypatch.setattr(lagging, "EVERY", 2)
    alone, draw = [], tv.Aggressive.draw
    monkeypatch.setattr(
        tv.Aggressive,
        "draw",
        lambda self, rng: alone.append(self.batch_size) or draw(self, rng),
    )
    lagging.main()
    assert alone and set(alone) == {lagging.ALONE}
    figures = json.loads((written / "lagging.json").read_text())
    for name in ("together", "aggressive"):
        assert [look["step"] for look in figures[name]["seen"]] == [0, 2, 4]
        assert len(figures[name]["seen"][0]["model_means"]) == 5
    steps = len(alone)
    ids = np.tile([2, *range(4, 14), 3], (64, 1)).astype("int32")
    tokenizer = tv.Tokenizer([*SPECIAL, *(f"w{i}" for i in range(20))], 12)
    lagging.watched(ids, ids, tokenizer, aggressive=False, seed=0)
    assert len(alone) == steps


def test_the_synthetic_language_depends_on_its_point_and_repeats():
    words = lagging.language(600, seed=1)
    assert words.shape == (600, lagging.LENGTH) and words.max() < lagging.WORDS
    assert np.array_equal(words, lagging.language(600, seed=1))

    def bags(words):
        counts = np.zeros((600, lagging.WORDS))
        np.add.at(counts, (np.arange(600)[:, None], words), 1)
        return counts

    shared = bags(words[:, 1:5]) @ bags(words[:, 5:]).T  # by the halves of two sequences
    # Those of one sequence have a point in common. With one point for all sequences, what
    # is left is the memory of the LSTM: 1.2 to 1.8 times, by four seeds.
    assert np.diag(shared).mean() > 3 * shared.mean()


def test_grid_means_are_those_of_the_prior_when_the_decoder_ignores_z():
    tokenizer = tv.Tokenizer([*SPECIAL, "a", "b"], 12)
    vae = lagging.build(tokenizer, 0)
    for w in vae.decoder.trainable_variables:
        w.assign(0.0 * w)
    found = lagging.model_means(vae, tokenizer.encode(["a b", "b b a"]))
    np.testing.assert_allclose(found, 0.0, atol=1e-4)


def test_grid_means_are_those_of_the_posterior():
    """With p(x|z) a Normal around the first word's number, and N(0, 1) before."""

    class Model:
        def log_likelihood(self, tokens, z):
            return -0.5 * (tf.cast(tokens[:, 0], "float32") - z[:, 0]) ** 2

    found = lagging.model_means(Model(), np.array([[4, 1], [-2, 1]]))
    np.testing.assert_allclose(found, [2.0, -1.0], atol=1e-4)


def test_the_two_perplexities_of_documents_by_hand():
    counts = np.array([[1.0, 1.0], [4.0, 6.0]])
    found = newsgroups.perplexities(np.array([2.0, 30.0]), counts)
    assert found["perplexity"] == pytest.approx(np.exp((2 / 2 + 30 / 10) / 2))
    assert found["perplexity_of_all_words"] == pytest.approx(np.exp(32 / 12))
    p = np.exp(newsgroups.unigram(counts))
    np.testing.assert_allclose(p, [6 / 14, 8 / 14])


def test_the_document_model_is_trained_and_its_perplexity_is_written(monkeypatch, written):
    data = tv.load_data("topics", counts=True)
    monkeypatch.setattr(newsgroups.tv, "load_data", lambda name: data)
    monkeypatch.setattr(newsgroups, "EPOCHS", 2)
    newsgroups.main()
    figures = json.loads((written / "newsgroups.json").read_text())
    lengths = data.test.sum(axis=1)
    assert np.ptp(lengths) == 0  # so that perplexity and bound tell the same
    # Two draws of the same bound. One sample of z moves log p(x|z) by about a nat: within 4
    # standard errors of the difference of two means, of 20 samples of 1,000 documents.
    error = 4 * float(np.sqrt(2 / 20 / len(lengths)))
    bound = lengths[0] * np.log(figures["perplexity"])
    assert bound == pytest.approx(figures["elbo_nll"], abs=error)
    assert figures["iw_nll"] < bound - 1.0


def test_decoding_that_carries_its_state_writes_the_same_sentences(monkeypatch, written):
    for name, value in {"SENTENCES": 3, "LENGTH": 4, "VOCABULARY": 20, "PAIRS": 1}.items():
        monkeypatch.setattr(decoding, name, value)
    decoding.main()
    figures = json.loads((written / "decoding.json").read_text())
    assert figures["same_sentences"] and figures["median_ratio"] > 0


def test_the_time_of_an_evaluation_is_scaled_to_the_whole_test_set(monkeypatch, written):
    data = tv.load_data("grammar", size=50)
    monkeypatch.setattr(evaluation.tv, "load_data", lambda name: data)
    monkeypatch.setattr(evaluation, "SAMPLES", 2)
    monkeypatch.setattr(evaluation, "timed", lambda work: (60.0, work()))
    monkeypatch.setattr("sys.argv", ["evaluation", "--sentences", "4"])
    evaluation.main()
    figures = json.loads((written / "evaluation.json").read_text())
    assert figures["minutes_for_all"] == pytest.approx(len(data.test) / 4, abs=0.1)


def test_growth_finds_the_exponent_of_a_law_of_powers():
    sizes = np.array([1, 2, 4, 8])  # the smallest, where other costs rule, is left out
    assert growth.exponent(sizes, np.array([9.0, 4.0, 16.0, 64.0])) == pytest.approx(2)
    tiny = {"batch": 2, "length": 3, "vocabulary": 9, "latent": 2, "units": 4}
    assert growth.measure(**tiny)[0] > 0


def test_kneser_ney_is_reported_per_sentence_and_per_token(monkeypatch, written):
    data = tv.load_data("grammar", size=200)
    monkeypatch.setattr(kneser_ney.tv, "load_data", lambda name: data)
    kneser_ney.main()
    figures = json.loads((written / "ptb-kneser-ney.json").read_text())
    tokens = sum(len(s.split()) + 1 for s in data.test) / len(data.test)
    assert figures["tokens_per_sentence"] == pytest.approx(tokens, abs=1e-3)
    two = figures["orders"]["2"]
    assert two["ppl"] == pytest.approx(np.exp(two["nll"] / tokens), abs=0.06)
    assert two["ppl"] > figures["orders"]["3"]["ppl"]  # a word depends on two before it


def test_a_stream_is_read_once_and_trained_on(monkeypatch, written):
    data = tv.load_data("grammar", size=200)
    monkeypatch.setattr(streaming.tv, "load_data", lambda name, language: data)
    monkeypatch.setattr(streaming, "SHARDS", 2)
    monkeypatch.setattr(streaming, "STEPS", 2)
    monkeypatch.setattr("sys.argv", ["streaming", "--gigabytes", "1e-6"])
    streaming.main()
    figures = json.loads((written / "streaming.json").read_text())
    assert figures["sentences"] == 100_000  # 50,000 at a time in each of the two shards
