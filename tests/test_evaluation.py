"""What is measured of a model and of text, and what is refused."""

import sys
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from models import NETS, TOKENIZER, TOKENS, D, image_vae, images
from scipy import stats

import tutvae as tv
from tutvae import evaluation


class Laplace(NamedTuple):
    mean: tf.Tensor  # (B, D)
    log_var: tf.Tensor  # (B, D), named as that of a Normal

    def scale(self):
        return ops.exp(0.5 * self.log_var)[:, None] / np.sqrt(2)

    def sample(self, k, seed):
        b, d = ops.shape(self.mean)
        u = keras.random.uniform((b, k, d), -0.5, 0.5, seed=seed)
        return self.mean[:, None] - self.scale() * ops.sign(u) * ops.log1p(-2 * abs(u))

    def log_prob(self, z):
        distance = abs(z - self.mean[:, None]) / self.scale()
        return -ops.sum(distance + ops.log(2 * self.scale()), axis=-1)


class LaplacePosterior(tv.GaussianPosterior):
    def call(self, features):
        return Laplace(self.mean(features), self.log_var(features))


def in_line(posterior):
    """p(z) = N(0, 1), p(x|z) = N(z, 1) and so p(x) = N(0, 2); q has the exact moments."""
    same = (keras.Sequential([keras.Input((1,)), keras.layers.Identity()]) for _ in "ed")
    vae = tv.VAE(*same, posterior, likelihood=tv.gaussian)
    weights = [[0.5]], [0.0], [[0.0]], [np.log(0.5)]
    posterior.set_weights([np.array(w) for w in weights])
    return vae, np.random.normal(0, np.sqrt(2), (200, 1)).astype("float32")


def test_log_likelihood_is_exact_at_the_exact_posterior():
    vae, x = in_line(tv.GaussianPosterior(1))
    log_p = evaluation.log_likelihood(vae, x, samples=3)
    np.testing.assert_allclose(log_p, stats.norm.logpdf(x[:, 0], scale=2**0.5), atol=1e-4)
    numbers = evaluation.report(vae, x, samples=3, verbose=0)
    assert numbers["iw_nll"] == pytest.approx(-log_p.mean(), rel=1e-6)


def test_log_likelihood_is_that_of_the_report_for_sentences():
    encoder, decoder = NETS["gru"]()
    vae = tv.TextVAE(encoder, decoder, tv.GaussianPosterior(D), TOKENIZER)
    log_p = evaluation.log_likelihood(vae, TOKENS, samples=20)
    assert log_p.shape == (4,)
    numbers = evaluation.report(vae, TOKENS, samples=20, verbose=0)
    assert numbers["iw_nll"] == pytest.approx(-log_p.mean(), rel=1e-6)


def test_a_posterior_of_ones_own_has_all_but_the_mutual_information():
    """Within 4 standard errors: right code fails once in 10,000 runs."""
    vae, x = in_line(LaplacePosterior(1))
    numbers = evaluation.report(vae, x, samples=500, verbose=0)
    assert np.isnan(numbers["mi"]) and numbers["au"] == 1
    q = evaluation.posteriors(vae, x)
    assert isinstance(q, Laplace) and np.isnan(evaluation.mutual_information(q))
    assert evaluation.prior_variance(q) == 1
    # With u = |z - mean|, log w = 2u - u^2 + constant, which deviates by 0.5 (u: by 0.5)
    noise = 4 * 0.5 / np.sqrt(500 * 200)
    evidence = stats.norm.logpdf(x[:, 0], scale=2**0.5)
    assert numbers["iw_nll"] == pytest.approx(-evidence.mean(), abs=noise + 1e-3)
    # ELBO = log p(x) - KL(q || p(z|x)), by quadrature; the second is the same for all x
    z = np.linspace(-20, 20, 400_001)
    laplace, normal = stats.laplace(scale=0.5), stats.norm(scale=0.5**0.5)
    gap = np.trapezoid(laplace.pdf(z) * (laplace.logpdf(z) - normal.logpdf(z)), z)
    assert numbers["elbo_nll"] == pytest.approx(gap - evidence.mean(), abs=noise)


def test_a_model_without_a_posterior_is_told_what_to_do():
    model = tv.LanguageModel(NETS["gru"](0)[1], TOKENIZER)
    model.compile("adam", run_eagerly=True)
    for measure in (evaluation.report, evaluation.log_likelihood):
        with pytest.raises(ValueError, match=r"LanguageModel has no posterior.*perplexity"):
            measure(model, TOKENS)
    nll = model.evaluate(TOKENS, return_dict=True, verbose=0)["loss"]  # what it says to do
    predicted = (TOKENS[:, 1:] != 0).sum()
    want = np.exp(-np.sum(model(TOKENS)) / predicted)
    assert evaluation.perplexity(nll, TOKENS) == pytest.approx(want, rel=1e-5)
    nets = tv.code(tv.dense_encoder((4, 4), (6,)), 2), tv.dense_decoder(2, (4, 4), (6,))
    with pytest.raises(ValueError, match="Autoencoder has no posterior"):
        evaluation.report(tv.Autoencoder(*nets), images())
    with pytest.raises(ValueError, match="no density"):
        evaluation.log_likelihood(image_vae(posterior=tv.PointPosterior(D)), images(), 2)


@pytest.mark.parametrize(
    ("sentences", "message"), [("a b", "got one string"), ([], "list is empty")]
)
def test_what_is_no_list_of_sentences_is_not_measured(sentences, message):
    for measure in (evaluation.distinct, evaluation.self_bleu):
        with pytest.raises(ValueError, match=message):
            measure(sentences)
    for measure in (evaluation.bleu, evaluation.exact_match):
        for pair in ((sentences, ["a b"]), (["a b"], sentences), (sentences, sentences)):
            with pytest.raises(ValueError, match=message):
                measure(*pair)
    with pytest.raises(ValueError, match=message):
        evaluation.reconstruction(None, sentences)


def test_sentences_that_cannot_be_paired_are_not_measured():
    for measure in (evaluation.bleu, evaluation.exact_match):
        with pytest.raises(ValueError, match="2 references for 1 hypotheses"):
            measure(["a", "b"], ["a"])
    for sentences, limit in ((["a b"], 200), (["a b", "a c"], 1)):
        with pytest.raises(ValueError, match="at least two"):
            evaluation.self_bleu(sentences, limit)


def test_self_bleu_is_smoothed_as_it_says():
    shares = 3 / 4 * 1 / 3 * 0.1 / 2 * 0.1 / 1  # no 3 and no 4 words on end are shared
    got = evaluation.self_bleu(["a b c d", "a b d e"])
    assert got == pytest.approx(shares ** (1 / 4))


def test_without_nltk_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "nltk.translate", None)
    with pytest.raises(ModuleNotFoundError, match="BLEU needs NLTK: pip install nltk"):
        evaluation.bleu(["a"], ["a"])
    with pytest.raises(ModuleNotFoundError, match="BLEU needs NLTK: pip install nltk"):
        evaluation.self_bleu(["a", "b"])
