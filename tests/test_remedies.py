"""Remedies of posterior collapse do what their formulas say."""

from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from models import TOKENS, D, V, same, text_vae
from scipy import stats

import tutvae as tv


def features(n=64, width=5):
    return np.random.normal(size=(n, width)).astype("float32")


def built(posterior, width=5):
    posterior.build((None, width))
    return posterior


@pytest.mark.parametrize("d, kappa", [(3, 2.0), (8, 15.0), (32, 80.0)])
def test_von_mises_fisher_agrees_with_scipy(d, kappa):
    q = built(tv.VonMisesFisherPosterior(d, kappa))(features(4))
    z = np.array(q.sample(50, keras.random.SeedGenerator(1)))
    np.testing.assert_allclose(np.linalg.norm(z, axis=-1), 1.0, atol=1e-5)
    prior = tv.UniformSphere()
    area = np.exp(-np.array(prior(z))[0, 0])
    for i, mean in enumerate(np.array(q.mean, "float64")):
        theirs = stats.vonmises_fisher(mean / np.linalg.norm(mean), kappa)
        points = z[i].astype("float64")
        points /= np.linalg.norm(points, axis=-1, keepdims=True)
        np.testing.assert_allclose(q.log_prob(z)[i], theirs.logpdf(points), atol=1e-3)
        want = np.log(area) - theirs.entropy()  # KL to the uniform distribution
        np.testing.assert_allclose(prior.kl(q, z)[i, 0], want, atol=1e-3)


def test_the_kl_of_another_density_on_the_sphere_is_estimated():
    class Half(NamedTuple):
        mean: tf.Tensor

        def log_prob(self, z):  # uniform where the first coordinate is positive
            return tv.UniformSphere()(z) + np.log(2.0)

    z = np.abs(tv.UniformSphere().sample((2, 5, 3), keras.random.SeedGenerator(0)))
    kl = tv.UniformSphere().kl(Half(z[:, 0]), z)
    np.testing.assert_allclose(kl, np.log(2.0) * np.ones((2, 1)), rtol=1e-5)


def test_von_mises_fisher_samples_follow_its_density():
    """At 1e-4: a right sampler fails once in 10,000 runs."""
    d, kappa, n = 8, 15.0, 4000
    q = built(tv.VonMisesFisherPosterior(d, kappa))(features(1))
    z = np.array(q.sample(n, keras.random.SeedGenerator(3)))[0]
    mean = np.array(q.mean)[0]
    angle = np.linspace(0, np.pi, 20_001)
    density = np.sin(angle) ** (d - 2) * np.exp(kappa * np.cos(angle))
    cdf = np.cumsum(density) / density.sum()
    found = np.arccos(np.clip(z @ mean, -1, 1))
    assert stats.kstest(found, lambda t: np.interp(t, angle, cdf)).pvalue > 1e-4
    side = z - (z @ mean)[:, None] * mean  # no direction across the mean is preferred
    assert (np.abs(side.mean(0)) < 4 * side.std(0) / np.sqrt(n)).all()


def test_von_mises_fisher_mutual_information_is_that_of_the_sum():
    """Far apart, the codes of n sentences tell which one it was: log n nats."""
    mean = np.concatenate([np.eye(8), -np.eye(8)]).astype("float32")
    constant = tv.VonMisesFisherPosterior(8, 200.0)
    fields = (np.full(16, v, "float32") for v in (200.0, constant.log_c, constant.cosine))
    q = tv.VonMisesFisher(mean, *fields)
    assert tv.evaluation.mutual_information(q) == pytest.approx(np.log(16), abs=1e-3)
    threshold = 0.01 * tv.evaluation.prior_variance(q)  # of the sphere: 1 / 800
    assert tv.evaluation.active_units(0.11 * mean, threshold) == 8
    assert tv.evaluation.active_units(0.09 * mean, threshold) == 0


@pytest.mark.parametrize(("gamma", "scale"), [(0.3, 3), (1.0, 3), (1.0, 0.01)])
def test_batch_normalised_means_bound_the_kl_from_below(gamma, scale):
    """Narrow features are no way out of it."""
    posterior = built(tv.BatchNormPosterior(6, gamma))
    x = features() * scale + 1
    q = posterior(x, training=True)
    np.testing.assert_allclose(np.std(q.mean, axis=0), gamma, rtol=1e-3)
    kl = np.array(tv.StandardNormal().kl(q, None)).sum(1).mean()
    assert kl >= 6 * gamma**2 / 2 - 1e-4
    for _ in range(600):
        posterior(x, training=True)
    np.testing.assert_allclose(posterior(x).mean, q.mean, atol=0.05)  # running moments


def test_a_model_tells_its_posterior_that_it_is_training():
    vae = text_vae(posterior=tv.BatchNormPosterior(D))
    before = [np.array(v) for v in vae.posterior.norm.non_trainable_variables]
    vae(TOKENS)
    vae.draw(TOKENS, 1)
    assert all(map(np.array_equal, before, vae.posterior.norm.non_trainable_variables))
    vae.draw(TOKENS, 1, training=True)
    assert not np.array_equal(before[0], vae.posterior.norm.moving_mean)
    before = [np.array(v) for v in vae.posterior.norm.non_trainable_variables]
    vae.fit(TOKENS, verbose=0)
    assert not np.array_equal(before[0], vae.posterior.norm.moving_mean)


def test_bag_of_words_adds_the_price_of_the_words_given_z():
    vae = text_vae(bag_of_words=0.5, objective=tv.ELBO())
    draw = vae(TOKENS)
    log_p = np.array(ops.log_softmax(vae.bag(draw.z[:, 0])))
    want = [
        -0.5 * sum(log_p[i, t] for t in row[1:] if t != 0) for i, row in enumerate(TOKENS)
    ]
    np.testing.assert_allclose(vae.auxiliary(TOKENS, draw), want, rtol=1e-5)
    assert vae.bag.kernel.shape == (D, V)
    before = vae.bag.kernel.numpy()
    vae.fit(TOKENS, verbose=0)
    assert not np.array_equal(before, vae.bag.kernel)


def test_the_bag_of_words_may_come_and_go_between_two_trainings(tmp_path):
    vae = text_vae()
    vae.fit(TOKENS, verbose=0)
    without = len(vae.weights)
    for weight in (0.5, 0.0):
        vae.bag_of_words = weight
        vae.compile("adam", run_eagerly=True)
        before = vae.bag.kernel.numpy() if weight else None
        vae.fit(TOKENS, verbose=0)
        assert weight == 0.0 or not np.array_equal(before, vae.bag.kernel)
        vae.save(tmp_path / "vae.keras")
        again = tv.load_model(tmp_path / "vae.keras")
        assert same(vae.get_weights(), again.get_weights())
    assert len(vae.weights) == without


def test_pretraining_is_an_autoencoders_and_leaves_encoder_and_posterior_only():
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append((self.model.objective, self.model.beta))
            self.model.optimizer.learning_rate = 0.5

    objective, beta = tv.FreeBits(0.5), tv.linear(10)
    vae = text_vae(objective=objective, beta=beta, readout=tv.TiedReadout())
    vae.compile(tv.Adam(0.01, global_clipnorm=3.0), run_eagerly=True)
    settings = vae.optimizer.get_config()
    parts = [vae.decoder, vae.readout, vae.encoder, vae.posterior]
    before = [part.get_weights() for part in parts]
    history = tv.pretrain_encoder(
        vae, tv.batches(TOKENS, 2), 2, callbacks=[Watch()], verbose=0
    )
    after = [part.get_weights() for part in parts]
    changed = [not same(a, b) for a, b in zip(before, after, strict=True)]
    assert changed == [False, False, True, True]
    assert set(seen) == {(tv.ELBO(), 0.0)} and len(history.history["nll"]) == 2
    assert history.history["loss"] == pytest.approx(history.history["nll"])
    assert vae.objective is objective and vae.beta is beta
    assert int(vae.optimizer.iterations) == 0 and vae.run_eagerly
    assert vae.optimizer.get_config() == settings and isinstance(vae.optimizer, tv.Adam)
    assert len(vae.optimizer.variables) > 2 * len(vae.trainable_variables)
    vae.fit(TOKENS, verbose=0)


def test_pretraining_that_is_interrupted_leaves_the_models_objective_and_decoder():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    vae = text_vae(objective=tv.FreeBits(0.5))
    decoder = vae.decoder.get_weights()
    with pytest.raises(KeyboardInterrupt):
        tv.pretrain_encoder(vae, TOKENS, 1, callbacks=[Stop()], verbose=0)
    assert vae.objective == tv.FreeBits(0.5) and vae.beta == 1.0
    assert same(decoder, vae.decoder.get_weights())


def test_an_aggressive_encoder_takes_its_own_steps_within_the_budget():
    vae = text_vae(posterior=tv.GaussianPosterior(D))
    x = np.concatenate([TOKENS] * 4)
    settings = {"budget": 25, "most": 20, "every": 2, "batch_size": 4}
    aggressive = tv.Aggressive(x, TOKENS, **settings)
    decoder = [w.copy() for w in vae.decoder.get_weights()]
    encoder = [w.copy() for w in vae.encoder.get_weights()]
    vae.optimizer.learning_rate = 0.0  # the training steps themselves change nothing
    vae.fit(tv.batches(x, 4), epochs=3, callbacks=[aggressive], verbose=0)
    assert aggressive.steps == 25 and not aggressive.aggressive
    assert all(map(np.array_equal, decoder, vae.decoder.get_weights()))
    assert not all(map(np.array_equal, encoder, vae.encoder.get_weights()))


def test_the_aggressive_phase_ends_when_the_information_stops_to_rise(monkeypatch):
    vae, seen = text_vae(), iter([1.0, 2.0, 1.5])
    monkeypatch.setattr(tv.aggressive, "mutual_information", lambda q: next(seen))
    settings = {"budget": 1000, "most": 1, "every": 2}
    aggressive = tv.Aggressive(TOKENS, TOKENS, **settings)
    vae.fit(tv.batches(TOKENS, 1), epochs=3, callbacks=[aggressive], verbose=0)
    assert aggressive.steps == 6  # the third look is before the seventh step
    assert not aggressive.aggressive and aggressive.information == 1.5


def test_an_encoder_has_caught_up_when_its_loss_stops_to_fall():
    aggressive = tv.Aggressive(TOKENS, TOKENS, budget=1000, most=100)
    aggressive.set_model(text_vae())
    for losses, steps in (
        ([2.0, 2.0], 30),
        ([3.0, 2.0, 1.0, 1.5], 60),
        (range(9)[::-1], 90),
    ):
        each = iter(np.repeat(losses, 15))
        aggressive.step, aggressive.steps = lambda x, each=each: next(each), 0
        aggressive.catch_up(np.random.default_rng(0))
        assert aggressive.steps == steps


def test_an_aggressive_encoder_takes_zeros_of_an_image_for_pixels():
    x = np.array([[1, 1, 0, 0], [1, 0, 0, 0]] * 4, "float32")
    vae = tv.VAE(tv.dense_encoder((4,)), tv.dense_decoder(2, (4,)), tv.GaussianPosterior(2))
    vae.compile("adam")
    aggressive = tv.Aggressive(x, x, budget=4, most=2, batch_size=4)
    vae.fit(x, batch_size=4, verbose=0, callbacks=[aggressive])
    assert aggressive.steps == 4
    assert not tv.Aggressive(x, x, budget=0).aggressive


def test_the_encoder_alone_is_clipped_by_the_gradient_of_all_parts():
    vae = text_vae(posterior=tv.PointPosterior(D), beta=0.0)  # no chance in its loss
    vae(TOKENS)
    vae.readout.kernel.assign(20.0 * vae.readout.kernel)  # steep
    with tf.GradientTape() as tape:
        loss = ops.mean(vae.terms(TOKENS, training=True)["loss"])
    gradients = tape.gradient(loss, vae.trainable_variables)
    norm = float(tf.linalg.global_norm(gradients))
    kernel = vae.posterior.mean.kernel
    of_kernel = next(
        np.array(g)
        for g, w in zip(gradients, vae.trainable_variables, strict=True)
        if w is kernel
    )
    before, readout = kernel.numpy(), vae.readout.kernel.numpy()
    aggressive = tv.Aggressive(TOKENS, TOKENS, budget=1, rate=0.1)
    aggressive.set_model(vae)
    aggressive.on_train_begin()
    aggressive.step(tf.constant(TOKENS))
    assert norm > 10.0
    np.testing.assert_allclose(
        kernel.numpy(), before - 0.1 * of_kernel * 5.0 / norm, rtol=1e-4, atol=1e-7
    )
    assert np.array_equal(readout, vae.readout.kernel.numpy())


@pytest.mark.parametrize("place", ["kernel_regularizer", "activity_regularizer"])
def test_the_encoder_alone_minimises_what_regularisers_ask_for(place):
    layer = keras.layers.Dense(3, **{place: keras.regularizers.L2(10.0)})
    encoder = keras.Sequential([keras.Input((5,)), layer])
    parts = tv.dense_decoder(2, (5,)), tv.PointPosterior(2)
    vae = tv.VAE(encoder, *parts, likelihood=tv.gaussian, beta=0.0)
    vae.compile(keras.optimizers.SGD(0.0))  # the training steps change nothing
    x, before = features(32), encoder.get_weights()[0]
    aggressive = tv.Aggressive(x, x, budget=60, rate=0.01)
    vae.fit(x, epochs=2, callbacks=[aggressive], verbose=0)
    assert np.abs(encoder.get_weights()[0]).mean() < 0.3 * np.abs(before).mean()


def test_an_aggressive_encoder_is_refused_where_losses_must_be_scaled(request):
    request.addfinalizer(lambda: keras.config.set_dtype_policy("float32"))
    keras.config.set_dtype_policy("mixed_float16")
    vae, aggressive = text_vae(), tv.Aggressive(TOKENS, TOKENS, budget=9)
    with pytest.raises(ValueError, match=r"mixed_float16: use float32"):
        vae.fit(TOKENS, callbacks=[aggressive], verbose=0)
    keras.config.set_dtype_policy("mixed_bfloat16")
    text_vae().fit(TOKENS, callbacks=[aggressive], verbose=0)
    assert aggressive.steps == 9


def test_an_aggressive_training_resumes_with_the_same_weights(tmp_path):
    def run(name, stop_at=None):
        keras.utils.set_random_seed(0)
        vae = text_vae()
        x = np.concatenate([TOKENS] * 4)
        data = tv.batches(x, 4, seed=0)
        aggressive = tv.Aggressive(x, TOKENS, budget=60, most=10, batch_size=4)
        resume = tv.Resume(tmp_path / name, data, [aggressive], every=1)

        class PowerCut(keras.callbacks.Callback):
            def on_train_batch_begin(self, batch, logs=None):
                if int(vae.optimizer.iterations) == stop_at:
                    raise KeyboardInterrupt

        vae.fit(data, epochs=2, callbacks=[PowerCut(), aggressive, resume], verbose=0)
        return [np.array([aggressive.steps]), *vae.get_weights()]

    whole = run("whole.npz")
    with pytest.raises(KeyboardInterrupt):
        run("cut.npz", stop_at=3)
    assert same(whole, run("cut.npz"))


def test_target_rate_moves_beta_by_what_the_rate_misses():
    beta = tv.TargetRate(8.0, speed=0.01, start=0.5)
    kl = np.array([5.0, 7.0], "float32")  # 2 nats too few
    assert float(beta(kl)) == 0.5  # outside training nothing moves
    assert float(beta(kl, training=True)) == pytest.approx(0.48)
    for _ in range(100):
        beta(kl, training=True)
    assert float(beta(kl)) == 0.0
    for _ in range(100):
        beta(kl + 10, training=True)
    assert float(beta(kl)) == 1.0


def test_target_rate_is_reached_on_the_grammar():
    data = tv.load_data("grammar", size=2000)
    tok = tv.Tokenizer.fit(data.train)
    vae = tv.TextVAE(
        tv.gru_encoder(len(tok), 32, 32, pool="max"),
        tv.gru_decoder(len(tok), 8, 32, 32),
        tv.GaussianPosterior(8),
        tok,
        beta=tv.TargetRate(3.0, speed=1e-3),
    )
    vae.compile(tv.Adam(5e-3))
    history = vae.fit(tv.batches(tok.encode(data.train), 50), epochs=25, verbose=0).history
    assert np.mean(history["kl"][-5:]) == pytest.approx(3.0, abs=0.3)
    assert 0.05 < history["beta"][-1] < 1.0


def test_bad_settings():
    for wrong in ({"rate": 0.0}, {"speed": 0.0}, {"start": 2.0}):
        with pytest.raises(ValueError, match=f"not.* {next(iter(wrong.values()))}"):
            tv.TargetRate(**{"rate": 8.0, **wrong})
    with pytest.raises(ValueError, match="gamma"):
        tv.BatchNormPosterior(3, gamma=0.0)
    with pytest.raises(ValueError, match="at least 3"):
        tv.VonMisesFisherPosterior(2)
    with pytest.raises(ValueError, match="goes with prior=UniformSphere"):
        text_vae(posterior=tv.VonMisesFisherPosterior(D))
    with pytest.raises(ValueError, match="no other does"):
        text_vae(prior=tv.UniformSphere())
    with pytest.raises(ValueError, match="kappa must"):
        tv.VonMisesFisherPosterior(8, kappa=0.0)
