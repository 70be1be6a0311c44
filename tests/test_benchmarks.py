"""Benchmarks of the science run from end to end, at sizes that prove nothing else."""

import json

import numpy as np
import pytest

import tutvae as tv
from benchmarks import lagging, newsgroups, results
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
    lagging.main()
    figures = json.loads((written / "lagging.json").read_text())
    for name in ("together", "aggressive"):
        assert [look["step"] for look in figures[name]["seen"]] == [0, 2, 4]
        assert len(figures[name]["seen"][0]["model_means"]) == 5


def test_the_synthetic_language_depends_on_its_point_and_repeats():
    words = lagging.language(300, seed=1)
    assert words.shape == (300, lagging.LENGTH) and words.max() < lagging.WORDS
    assert np.array_equal(words, lagging.language(300, seed=1))
    assert len(np.unique(words[:, 0])) > 200  # the first is drawn from all, the others
    assert len(np.unique(words[:, 1:])) < 900  # mostly from those that the point prefers


def test_grid_means_are_those_of_the_prior_when_the_decoder_ignores_z():
    tokenizer = tv.Tokenizer([*SPECIAL, "a", "b"], 12)
    vae = lagging.build(tokenizer, 0)
    for w in vae.decoder.trainable_variables:
        w.assign(0.0 * w)
    found = lagging.model_means(vae, tokenizer.encode(["a b", "b b a"]))
    np.testing.assert_allclose(found, 0.0, atol=1e-4)


def test_the_document_model_is_trained_and_its_perplexity_is_written(monkeypatch, written):
    data = tv.load_data("topics", counts=True)
    monkeypatch.setattr(newsgroups.tv, "load_data", lambda name: data)
    monkeypatch.setattr(newsgroups, "EPOCHS", 2)
    newsgroups.main()
    figures = json.loads((written / "newsgroups.json").read_text())
    of_means = np.exp(figures["elbo_nll"] / data.test.sum(axis=1).mean())
    assert 0.5 < figures["perplexity"] / of_means < 2.0
