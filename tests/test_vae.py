"""The VAE, the autoencoder and their training step against known truth."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from models import TOKENS, D, image_vae, images, same, text_vae
from scipy import special, stats
from sklearn.decomposition import PCA

import tutvae as tv


def linear_gaussian(**parts):
    """p(x|z) = N(Wz, I) with orthogonal columns, q(z|x) the exact posterior; log p(x).

    The last dimension of z hardly moves x: its posterior means have a variance of 0.0025.
    """
    w = np.linalg.qr(np.random.normal(size=(5, 4)))[0] * [2.0, 1.0, 0.5, 0.05]
    var = 1 / (1 + (w**2).sum(0))
    decoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, use_bias=False)])
    decoder.set_weights([w.T])
    encoder = keras.Sequential([keras.Input((5,)), keras.layers.Identity()])
    posterior = tv.GaussianPosterior(4)
    vae = tv.VAE(encoder, decoder, posterior, likelihood=tv.gaussian, **parts)
    posterior.set_weights([w * var, np.zeros(4), np.zeros((5, 4)), np.log(var)])
    evidence = stats.multivariate_normal(np.zeros(5), np.eye(5) + w @ w.T)
    return vae, evidence, -0.5 * np.log(var)  # the last: I(x; z) in nats, by dimension


@pytest.mark.parametrize("objective", [tv.ELBO(samples=4), tv.IWAE(samples=4)])
def test_bounds_are_tight_at_the_exact_posterior(objective):
    vae, evidence, _ = linear_gaussian(objective=objective)
    x = np.random.normal(size=(6, 5)).astype("float32")
    draw, log_px = vae(x), evidence.logpdf(x)
    every_sample = np.repeat(log_px[:, None], 4, axis=1)
    np.testing.assert_allclose(
        draw.log_px + draw.log_pz - draw.log_qz, every_sample, atol=1e-4
    )
    if isinstance(objective, tv.IWAE):
        np.testing.assert_allclose(-objective(draw, 1.0), log_px, atol=1e-4)
        alone = special.logsumexp(draw.log_px, axis=1) - np.log(4)  # without the KL
        np.testing.assert_allclose(-objective(draw, 0.0), alone, atol=1e-4)


def test_report_is_right_on_the_linear_gaussian_model():
    vae, evidence, mi = linear_gaussian()
    x = evidence.rvs(2000, random_state=0).astype("float32")
    numbers = tv.evaluation.report(vae, x, samples=3, verbose=0)
    assert numbers["iw_nll"] == pytest.approx(-evidence.logpdf(x).mean(), abs=1e-3)
    assert numbers["au"] == 3
    w_var, _, _, log_var = vae.posterior.get_weights()
    kl = 0.5 * ((x @ w_var) ** 2 + np.exp(log_var) - 1 - log_var).sum(axis=1)
    assert numbers["kl"] == pytest.approx(kl.mean(), abs=1e-4)
    # log p(x|z) has noise. At the exact posterior its variance is (1 - var**2) / 2 in each
    # dimension, var that of q: 4 standard errors of the mean of 3 samples of 2,000 x.
    noise = float(4 * np.sqrt((1 - np.exp(2 * log_var)).sum() / 2 / 6000))
    assert numbers["elbo_nll"] == pytest.approx(numbers["iw_nll"], abs=noise)
    # E KL(q || p) = I(x; z) here, both within 4 standard errors of the mean over x
    error = 4 * kl.std() / np.sqrt(2000)
    assert error < mi[2] < mi.sum()  # no dimension of the three can be missing
    assert numbers["kl"] == pytest.approx(mi.sum(), abs=error)
    assert numbers["mi"] == pytest.approx(mi.sum(), abs=error)


def test_elbo_plus_gap_is_log_p():
    """For any q: log p(x) - ELBO = KL(q || p(z|x)), with all three computed apart."""
    vae, evidence, _ = linear_gaussian(objective=tv.ELBO(samples=4000))
    exact_mean, exact_log_var = (
        vae.posterior.get_weights()[0],
        vae.posterior.get_weights()[3],
    )
    vae.posterior.set_weights([exact_mean * 0.5, np.ones(4), np.zeros((5, 4)), np.zeros(4)])
    x = np.random.normal(size=(3, 5)).astype("float32")
    draw = vae(x)
    elbo = np.array(ops.mean(draw.log_px, axis=1) - ops.sum(draw.kl, axis=1))
    q_mean, p_var = x @ (exact_mean * 0.5) + 1, np.exp(exact_log_var)
    gap = 0.5 * ((1 + (q_mean - x @ exact_mean) ** 2) / p_var - 1 + np.log(p_var)).sum(1)
    noise = 4 * np.array(ops.std(draw.log_px, axis=1)) / np.sqrt(4000)
    assert (np.abs(elbo + gap - evidence.logpdf(x)) < noise + 1e-4).all()


def test_linear_autoencoder_finds_the_principal_subspace():
    scale = np.array([3.0, 2.0, 0.3, 0.2, 0.1])
    turn = np.linalg.qr(np.random.normal(size=(5, 5)))[0]
    x = (np.random.normal(size=(500, 5)) * scale @ turn).astype("float32")
    encoder = keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)])
    decoder = tv.dense_decoder(2, (5,), units=())
    model = tv.Autoencoder(encoder, decoder, tv.gaussian)
    model.compile(keras.optimizers.Adam(3e-2))
    history = model.fit(x, epochs=40, batch_size=100, verbose=0).history
    assert set(history) == {"loss"}  # neither a KL nor a bound
    pca = PCA(2).fit(x)
    learned = np.linalg.qr(decoder.get_weights()[0].T)[0]
    cosines = np.linalg.svd(learned.T @ pca.components_.T)[1]
    assert np.degrees(np.arccos(cosines.min().clip(-1, 1))) < 3
    floor = pca.explained_variance_[-1]  # errors are sums: compare with PCA's own
    error = ((x - np.array(model(x))) ** 2).sum(1).mean()
    best = ((x - pca.inverse_transform(pca.transform(x))) ** 2).sum(1).mean()
    assert best <= error < best + 0.05 * floor


def test_denoising_autoencoder_corrupts_in_training_only():
    encoder = keras.Sequential([keras.Input((4, 4)), keras.layers.Flatten()])
    decoder = keras.Sequential([keras.Input((16,)), keras.layers.Reshape((4, 4))])
    model = tv.Autoencoder(encoder, decoder, tv.gaussian, corrupt=keras.layers.Dropout(0.5))
    x = images() + 1.0
    clean, noisy = model.terms(x)["loss"], model.terms(x, training=True)["loss"]
    np.testing.assert_allclose(clean, 8 * np.log(2 * np.pi), rtol=1e-5)
    assert (np.array(noisy) > np.array(clean)).all()


def test_train_step_is_one_gradient_step_on_the_mean_loss():
    vae, x = image_vae(), images()
    before, state = vae.get_weights(), np.array(vae.noise.state)
    with tf.GradientTape() as tape:
        loss = ops.mean(vae.objective(vae(x), 1.0))
    gradients = tape.gradient(loss, vae.trainable_weights)
    vae.noise.state.assign(state)
    logs = vae.train_step(ops.array(x))
    np.testing.assert_allclose(logs["loss"], loss, rtol=1e-5)
    for after, w, g in zip(vae.get_weights(), before, gradients, strict=True):
        np.testing.assert_allclose(after, w - 0.1 * np.array(g), atol=1e-6)


def test_a_constant_beta_weighs_the_kl_in_the_loss_but_not_in_the_elbo():
    vae = image_vae(beta=0.25)
    logs = vae.evaluate(images(), verbose=0, return_dict=True)
    assert logs["kl"] > 1e-3
    assert logs["loss"] == pytest.approx(logs["nll"] + 0.25 * logs["kl"], rel=1e-5)
    assert logs["elbo"] == pytest.approx(-logs["nll"] - logs["kl"], rel=1e-5)


@pytest.mark.parametrize("n", [8, 11])  # a last batch of 3 is shared unevenly
def test_two_replicas_learn_what_one_learns(n, mirrored):
    """With a point posterior: the noise of a Gaussian one differs between replicas."""
    x, weights, losses = images(n), [], []
    for strategy in (tf.distribute.get_strategy(), mirrored):
        keras.utils.set_random_seed(0)
        with strategy.scope():
            vae = image_vae(posterior=tv.PointPosterior(3), beta=0.0)
        history = vae.fit(x, batch_size=8, epochs=3, verbose=0)
        weights.append(vae.get_weights())
        losses.append(history.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_sample_weights_are_used_with_and_without_y():
    x, w = images(4), np.array([1.0, 1.0, 0.0, 0.0])
    vae = image_vae(posterior=tv.PointPosterior(3), beta=0.0)
    first = vae.evaluate(x[:2], verbose=0, return_dict=True)
    for y in (None, x):
        got = vae.evaluate(x, y, sample_weight=w, verbose=0, return_dict=True)
        assert got["nll"] == pytest.approx(first["nll"], rel=1e-5)
    vae.fit(x, sample_weight=np.zeros(4), verbose=0)
    assert vae.evaluate(x[:2], verbose=0, return_dict=True)["nll"] == first["nll"]


def test_a_column_of_sample_weights_weighs_as_a_row():
    x, w = images(4), np.array([1.0, 2.0, 0.5, 0.0], "float32")
    weights = []
    for shape in ((4,), (4, 1)):
        keras.utils.set_random_seed(0)
        vae = image_vae(posterior=tv.PointPosterior(3), beta=0.0)
        vae.fit(x, sample_weight=w.reshape(shape), shuffle=False, verbose=0)
        weights.append(vae.get_weights())
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_sample_weights_weigh_also_in_validation():
    x, w = images(4), np.array([1.0, 3.0, 0.5, 0.0])
    vae = image_vae(posterior=tv.PointPosterior(3), beta=0.0)
    each = [
        vae.evaluate(x[i : i + 1], verbose=0, return_dict=True)["nll"] for i in range(4)
    ]
    want = pytest.approx(np.average(each, weights=w), rel=1e-5)
    assert vae.evaluate(x, sample_weight=w, verbose=0, return_dict=True)["nll"] == want
    keep = keras.optimizers.SGD(0.0)
    vae.compile(keep)
    history = vae.fit(x, validation_data=(x, None, w), verbose=0).history
    assert history["val_nll"][0] == want


def test_x_may_stand_where_keras_wants_the_target():
    vae, x = image_vae(posterior=tv.PointPosterior(3), beta=0.0), images(4)
    alone = vae.fit(x, validation_data=x, verbose=0).history
    beside = vae.fit(x, x, validation_data=(x, x), verbose=0).history
    assert alone.keys() == beside.keys() and "val_nll" in beside
    vae.fit(x, validation_data=(x, None), verbose=0)


@pytest.mark.parametrize("how", ["x alone", "y", "sample_weight"])
def test_keras_may_hold_out_a_share(how):
    x = images(8)
    extra = {"x alone": {}, "y": {"y": x}, "sample_weight": {"sample_weight": np.ones(8)}}
    vae = image_vae(posterior=tv.PointPosterior(3), beta=0.0)
    log = vae.fit(x, validation_split=0.25, verbose=0, **extra[how]).history
    want = vae.evaluate(x[6:], verbose=0, return_dict=True)["nll"]
    assert log["val_nll"] == [pytest.approx(want, rel=1e-5)]


def test_a_part_replaced_between_two_trainings_is_used():
    vae, x = image_vae(), images(4)
    assert vae.fit(x, verbose=0).history["beta"] == [1.0]
    vae.beta = 0.25
    assert vae.fit(x, validation_data=x, verbose=0).history["val_beta"] == [0.25]
    vae.objective = tv.FreeRate(1000.0)
    assert vae.evaluate(x, verbose=0, return_dict=True)["loss"] > 250


def test_a_target_that_would_be_ignored_is_refused():
    with pytest.raises(ValueError, match="y is not used"):
        image_vae().fit(images(), images(), verbose=0)


def test_report_with_a_prior_whose_kl_has_no_closed_form():
    vae, x = image_vae(prior=tv.GaussianMixture(4, D)), images(6)
    numbers = [
        tv.evaluation.report(vae, x, samples=800, rows=rows, verbose=0)
        for rows in (64, 100_000)  # in many chunks, and at once
    ]
    for one in numbers:  # the bounds are in order, which a KL of one sample would break
        assert one["iw_nll"] < one["elbo_nll"] + 1e-3
    for name in ("elbo_nll", "kl"):  # importance weights have heavy tails here
        assert numbers[0][name] == pytest.approx(numbers[1][name], abs=0.25), name
    with pytest.raises(ValueError, match="the prior has 1 dimensions"):
        image_vae(prior=tv.GaussianMixture(4, 1))


def test_validation_and_early_stopping():
    stop = keras.callbacks.EarlyStopping("val_elbo", mode="max", patience=1, min_delta=1e6)
    history = image_vae().fit(
        images(), validation_data=(images(),), epochs=9, callbacks=[stop], verbose=0
    )
    assert len(history.history["val_elbo"]) == 2


def test_beta_follows_its_schedule_in_a_compiled_step():
    vae = image_vae(beta=tv.linear(4))
    betas = vae.fit(images(), batch_size=8, epochs=6, verbose=0).history["beta"]
    np.testing.assert_allclose(betas, [0, 0.25, 0.5, 0.75, 1, 1], atol=1e-6)


def test_in_mixed_precision_the_likelihood_sees_x_itself(request):
    request.addfinalizer(lambda: keras.config.set_dtype_policy("float32"))
    keras.config.set_dtype_policy("mixed_float16")
    x = images(4) + 1000.3  # float16 has steps of a half there
    seen = []
    vae = image_vae(likelihood=lambda x, mean: seen.append(x) or tv.gaussian(x, mean))
    vae(x)
    np.testing.assert_array_equal(seen[0], x)


@pytest.mark.parametrize("place", ["kernel_regularizer", "activity_regularizer"])
def test_training_minimises_what_regularisers_of_the_parts_ask_for(place):
    codes = []
    for strength in (0.0, 10.0):
        keras.utils.set_random_seed(0)
        layer = keras.layers.Dense(3, **{place: keras.regularizers.L2(strength)})
        encoder = keras.Sequential([keras.Input((5,)), layer])
        autoencoder = tv.Autoencoder(encoder, tv.dense_decoder(3, (5,)), tv.gaussian)
        autoencoder.compile(keras.optimizers.Adam(1e-2))
        x = np.random.normal(size=(32, 5)).astype("float32")
        autoencoder.fit(x, epochs=60, verbose=0)
        codes.append(np.abs(autoencoder.encode(x)).mean())
    assert codes[1] < 0.3 * codes[0]


def test_a_point_has_no_bound():
    report = tv.evaluation.report(image_vae(posterior=tv.PointPosterior(D)), images(), 2)
    assert np.isnan([report[key] for key in ("elbo_nll", "iw_nll", "mi")]).all()
    assert np.isfinite(report["nll"])


def test_any_encoder_with_known_shapes_gives_a_code():
    encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    assert tv.code(encoder, 3).output_shape == (None, 3)


@pytest.mark.parametrize("make, x", [(text_vae, TOKENS), (image_vae, images(4))])
def test_mixed_precision_keeps_the_draw_in_float32(make, x, request):
    request.addfinalizer(lambda: keras.config.set_dtype_policy("float32"))
    keras.config.set_dtype_policy("mixed_float16")
    vae = make(beta=tv.linear(10))
    history = vae.fit(x, epochs=12, verbose=0).history
    assert np.isfinite(history["loss"]).all() and history["nll"][-1] < history["nll"][0]
    assert {t.dtype.name for t in vae(x)} == {"float32"}


def test_xla_computes_the_same_loss():
    losses = []
    for jit in (False, True):
        keras.utils.set_random_seed(0)
        vae = text_vae(posterior=tv.PointPosterior(3), beta=0.0, run_eagerly=False)
        vae.compile(keras.optimizers.SGD(0.1), jit_compile=jit)
        losses.append(vae.fit(TOKENS, epochs=2, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-4)


def test_same_seed_same_run():
    runs = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        vae = text_vae(word_dropout=0.5, dropout=0.5)
        history = vae.fit(tv.batches(TOKENS, 2, seed=0), epochs=2, verbose=0).history
        runs.append((history, vae.get_weights()))
    assert runs[0][0] == runs[1][0] and same(runs[0][1], runs[1][1])


def test_predict_gives_one_row_per_example():
    vae = text_vae(objective=tv.ELBO(samples=5))
    draw = vae.predict(TOKENS, batch_size=3, verbose=0)
    assert draw.z.shape == (4, 5, 3)
    assert draw.log_px.shape == (4, 5) and draw.kl.shape == (4, 3)
