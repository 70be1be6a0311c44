"""Distributions, likelihoods, objectives and schedules against independent formulas."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from models import TOKENS, D, text_vae
from scipy import special, stats

import tutvae as tv


def test_normal_agrees_with_scipy():
    q = tv.Normal(ops.array([[0.5, -1.0]]), ops.log(ops.array([[4.0, 0.25]])))
    z = np.random.normal(size=(1, 7, 2)).astype("float32")
    want = stats.norm.logpdf(z, [0.5, -1.0], [2.0, 0.5]).sum(-1)
    np.testing.assert_allclose(q.log_prob(z), want, rtol=1e-5)


def test_normal_samples_have_its_moments():
    """At 4 standard errors: a right sampler fails once in 10,000 runs."""
    n = 20_000
    q = tv.Normal(ops.array([[0.5, -1.0]]), ops.log(ops.array([[4.0, 0.25]])))
    z = np.array(q.sample(n, keras.random.SeedGenerator(1)))[0]
    std = np.array([2.0, 0.5])
    assert (np.abs(z.mean(0) - [0.5, -1.0]) < 4 * std / np.sqrt(n)).all()
    assert (np.abs(z.std(0) / std - 1) < 4 / np.sqrt(2 * n)).all()


def test_closed_form_kl_agrees_with_monte_carlo_and_scipy():
    mean, log_var = np.array([[0.5, -1.0]]), np.array([[0.3, -0.7]])
    q = tv.Normal(ops.array(mean, "float32"), ops.array(log_var, "float32"))
    exact = np.array(tv.StandardNormal().kl(q, None))[0]
    for j in range(2):  # by quadrature, one dimension at a time
        p_q, p_0 = stats.norm(mean[0, j], np.exp(log_var[0, j] / 2)), stats.norm()
        want = p_q.expect(lambda t, a=p_q, b=p_0: a.logpdf(t) - b.logpdf(t))
        assert exact[j] == pytest.approx(want, abs=1e-5)
    n = 100_000
    z = q.sample(n, keras.random.SeedGenerator(1))
    log_ratio = np.array(q.log_prob(z) - tv.StandardNormal()(z))[0]
    assert abs(log_ratio.mean() - exact.sum()) < 4 * log_ratio.std() / np.sqrt(n)


def test_mixture_density_integrates_to_one_and_its_samples_follow_it():
    p = tv.GaussianMixture(4, 1)
    grid = np.linspace(-8, 8, 4001, dtype="float32")[None, :, None]
    density = np.exp(p(grid))[0]
    assert np.trapezoid(density, grid[0, :, 0]) == pytest.approx(1.0, abs=1e-4)
    z = np.array(p.sample((5000, 1), keras.random.SeedGenerator(0)))[:, 0]
    cdf = np.cumsum(density) * (grid[0, 1, 0] - grid[0, 0, 0])
    test = stats.kstest(z, lambda t: np.interp(t, grid[0, :, 0], cdf))
    assert test.pvalue > 1e-4  # a right sampler fails once in 10,000 runs


def test_draws_of_the_priors_follow_them():
    """At 1e-4: each right sampler fails once in 10,000 runs."""
    p = tv.GaussianMixture(2, 1)
    p.set_weights([np.array([[-2.0], [3.0]]), np.log([[4.0], [0.25]])])
    parts = [stats.norm(-2.0, 2.0), stats.norm(3.0, 0.5)]
    for prior, d, cdf in (
        (tv.StandardNormal(), 2, stats.norm.cdf),
        (tv.UniformSphere(), 3, stats.uniform(-1, 2).cdf),  # Archimedes' theorem
        (p, 1, lambda t: np.mean([part.cdf(t) for part in parts], axis=0)),
    ):
        for coordinate in np.array(
            prior.sample((5000, d), keras.random.SeedGenerator(1))
        ).T:
            assert stats.kstest(coordinate, cdf).pvalue > 1e-4


def test_likelihoods_agree_with_scipy():
    x = np.random.randint(0, 2, (3, 5)).astype("float32")
    logits = np.random.normal(size=(3, 5)).astype("float32")
    p = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(
        tv.bernoulli(x, logits), stats.bernoulli.logpmf(x, p).sum(1), rtol=1e-5
    )
    np.testing.assert_allclose(
        tv.gaussian(x, logits), stats.norm.logpdf(x, logits).sum(1), rtol=1e-5
    )
    soft = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    counts = np.random.randint(0, 4, (3, 5)).astype("float32")
    order = [
        stats.multinomial.logpmf(c, c.sum(), s) for c, s in zip(counts, soft, strict=True)
    ]
    ways = [np.log(multinomial_coefficient(c)) for c in counts]
    np.testing.assert_allclose(
        tv.multinomial(counts, logits), np.array(order) - ways, rtol=1e-4
    )


def multinomial_coefficient(counts):
    from scipy.special import factorial

    return factorial(counts.sum()) / factorial(counts).prod()


def test_categorical_ignores_padding():
    logits = np.random.normal(size=(1, 3, 5)).astype("float32")
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    want = log_p[0, 0, 2] + log_p[0, 1, 4]
    np.testing.assert_allclose(
        tv.categorical(np.array([[2, 4, 0]]), logits)[0], want, rtol=1e-5
    )


# Objectives


def test_iwae_is_a_tighter_bound_than_elbo_and_grows_with_samples():
    draw = text_vae(objective=tv.ELBO(samples=64))(TOKENS)
    log_w = np.array(draw.log_px + draw.log_pz - draw.log_qz)
    iwae = np.array(tv.IWAE(samples=64)(draw, 1.0))
    assert (iwae < -log_w.mean(axis=1) - 1e-3).all()
    np.testing.assert_allclose(
        iwae, np.log(64) - special.logsumexp(log_w, axis=1), rtol=1e-5
    )
    by_k = [np.log(np.exp(log_w.reshape(4, -1, k)).mean(2)).mean() for k in (1, 2, 8, 64)]
    assert by_k == sorted(by_k)  # Jensen, exactly, when the same samples are grouped


def test_free_bits_and_free_rate_floors():
    draw = text_vae()(TOKENS)
    nll = -np.array(draw.log_px[:, 0])
    np.testing.assert_allclose(tv.FreeBits(100.0)(draw, 1.0), nll + D * 100.0, rtol=1e-5)
    np.testing.assert_allclose(tv.FreeRate(100.0)(draw, 0.5), nll + 50.0, rtol=1e-5)
    by_dimension = np.array(draw.kl).mean(0)  # the floor holds for the mean of the batch
    floor = float(np.median(by_dimension))
    want = nll + 2 * np.maximum(by_dimension, floor).sum()
    np.testing.assert_allclose(tv.FreeBits(floor)(draw, 2.0), want, rtol=1e-5)
    rate = np.array(draw.kl).sum(1).mean()
    np.testing.assert_allclose(tv.FreeRate(0.0)(draw, 2.0), nll + 2 * rate, rtol=1e-5)


def test_mmd_vanishes_for_equal_samples():
    draw = text_vae()(TOKENS)
    draw = draw._replace(z=draw.z_prior)
    np.testing.assert_allclose(tv.MMD()(draw, 1.0), -draw.log_px[:, 0], atol=1e-3)


def test_mmd_punishes_the_distance_between_samples():
    draw = text_vae()(TOKENS)
    q, p = np.array(draw.z[:, 0]) + 3.0, np.array(draw.z_prior[:, 0])

    def mean_kernel(a, b):
        return np.mean([[2 * D / (2 * D + ((x - y) ** 2).sum()) for y in b] for x in a])

    gap = mean_kernel(q, q) + mean_kernel(p, p) - 2 * mean_kernel(q, p)
    want = -np.array(draw.log_px[:, 0]) + 0.5 * 100.0 * gap
    moved = draw._replace(z=ops.array(q[:, None], "float32"))
    np.testing.assert_allclose(tv.MMD(100.0)(moved, 0.5), want, rtol=1e-4)
    want += 0.5 * 0.7 * np.array(draw.kl).sum(axis=-1)
    np.testing.assert_allclose(tv.MMD(100.0, kl=0.7)(moved, 0.5), want, rtol=1e-4)
    assert gap > 0.1


def test_schedules():
    assert [round(float(tv.linear(10)(s)), 2) for s in (0, 5, 10, 99)] == [
        0.0,
        0.5,
        1.0,
        1.0,
    ]
    assert float(tv.linear(10, start=0.5, stop=0.7)(5)) == pytest.approx(0.6)
    assert float(tv.linear(0)(0)) == 1.0
    cyclical = tv.Cyclical(10)
    rises = [round(float(cyclical(s)), 2) for s in (0, 2, 5, 9, 10, 12)]
    assert rises == [0.0, 0.4, 1.0, 1.0, 0.0, 0.4]
    with pytest.raises(ValueError, match="ramp"):
        tv.Cyclical(10, ramp=0.0)


def test_noise_differs_between_replicas(mirrored):
    with mirrored.scope():
        seed, mixture = keras.random.SeedGenerator(0), tv.GaussianMixture(100, 1)
        mixture.log_var.assign([[-40.0]] * 100)  # a draw is the mean of its component
    for draw in (tv.distributions.standard_normal, mixture.sample):
        draws = mirrored.run(lambda draw=draw: draw((4, 1), seed))
        a, b = (np.array(v) for v in mirrored.experimental_local_results(draws))
        assert not np.isclose(a, b).any()


def test_target_rate_moves_by_the_mean_over_all_replicas(mirrored):
    with mirrored.scope():
        beta = tv.TargetRate(8.0, speed=0.01, start=0.5)
    shares = [tf.constant([3.0, 7.0]), tf.constant([8.0])]
    kl = mirrored.experimental_distribute_values_from_function(
        lambda context: shares[context.replica_id_in_sync_group]
    )
    move = tf.function(lambda kl: mirrored.run(lambda kl: beta(kl, training=True), (kl,)))
    for copy in mirrored.experimental_local_results(move(kl)):
        assert float(copy) == pytest.approx(0.48)  # 2 nats too few


def test_a_posterior_can_start_sharp():
    posterior = tv.GaussianPosterior(4, log_var=-3.0)
    q = posterior(np.random.default_rng(0).normal(size=(500, 9)).astype("float32"))
    assert abs(float(np.mean(q.log_var)) + 3) < 0.3  # its mean over features of mean 0
    again = tv.GaussianPosterior.from_config(posterior.get_config())
    assert float(np.mean(again(np.zeros((1, 9), "float32")).log_var)) == -3
