"""Parts of one's own: they train, save and load, or are refused with a reason."""

import dataclasses
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from models import TOKENIZER, TOKENS, D, V, image_vae, images, same, text_vae

import tutvae as tv

register = keras.saving.register_keras_serializable("test_own_parts")


@register
class Deep(tv.GaussianPosterior):
    """With a layer besides its heads."""

    def __init__(self, latent_dim, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.hidden = keras.layers.Dense(6, "tanh", name="hidden")

    def call(self, features):
        return super().call(self.hidden(features))


@register
class Scaled(tv.Prior):
    """N(0, s^2 I), whose weight is made as Keras does it."""

    def build(self, shape):
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones")

    def call(self, z):
        return tv.distributions.log_normal(
            z, 0.0, ops.log(self.scale**2) * ops.ones_like(z)
        )

    def sample(self, shape, seed):
        return self.scale * keras.random.normal(shape, seed=seed)


class Laplace(NamedTuple):
    """Has no mutual information here, and a field of a misleading name."""

    mean: tf.Tensor
    log_var: tf.Tensor

    def sample(self, k, seed):
        shape = (ops.shape(self.mean)[0], k, ops.shape(self.mean)[1])
        u = keras.random.uniform(shape, -0.499, 0.499, seed=seed)
        return self.mean[:, None] - ops.sign(u) * ops.log(1 - 2 * ops.abs(u))

    def log_prob(self, z):
        return -ops.sum(ops.abs(z - self.mean[:, None]) + np.log(2.0), axis=-1)


@pytest.mark.parametrize("used_before", [False, True])
def test_all_weights_of_a_part_are_trained_and_loaded(used_before, tmp_path):
    posterior, prior = Deep(D), Scaled()
    if used_before:
        posterior(np.zeros((1, 6))), prior(np.zeros((1, 1, D)))
    vae = image_vae(posterior=posterior, prior=prior)
    before = [np.array(w) for w in (posterior.hidden.kernel, prior.scale)]
    vae.fit(images(), verbose=0)
    for old, new in zip(before, (posterior.hidden.kernel, prior.scale), strict=True):
        assert not np.array_equal(old, new)
    vae.save(tmp_path / "vae.keras")
    assert same(tv.load_model(tmp_path / "vae.keras").get_weights(), vae.get_weights())


def test_a_part_may_be_replaced_between_two_trainings():
    vae = image_vae()
    vae.posterior = Deep(D)
    vae.compile(keras.optimizers.SGD(0.1))
    before = np.array(vae.posterior.hidden.kernel)
    vae.fit(images(), verbose=0)
    assert not np.array_equal(before, vae.posterior.hidden.kernel)
    assert len(vae.weights) == len(image_vae(posterior=Deep(D)).weights)  # no old ones


def test_a_model_with_a_replaced_part_is_saved_whole(tmp_path):
    vae = image_vae(optimizer=keras.optimizers.Adam())
    vae.encoder = tv.dense_encoder((4, 4), (6,))
    vae.compile(keras.optimizers.Adam())
    vae.fit(images(), verbose=0)
    vae.save(tmp_path / "vae.keras")
    loaded = tv.load_model(tmp_path / "vae.keras")
    x = images()
    np.testing.assert_array_equal(loaded.encode(x), vae.encode(x))
    moments = [[np.array(v) for v in m.optimizer.variables] for m in (vae, loaded)]
    assert same(*moments)


def test_a_part_that_has_another_use_stays_a_part():
    vae = image_vae()
    vae.teacher = vae.encoder
    vae.encoder = tv.dense_encoder((4, 4), (6,))
    kept = {id(w) for w in vae.weights}
    assert all(id(w) in kept for w in (*vae.teacher.weights, *vae.encoder.weights))


def test_a_replaced_readout_is_built_or_tied():
    vae = text_vae()
    for readout in (keras.layers.Dense(V, dtype="float32"), tv.TiedReadout()):
        vae.readout = readout
        vae.compile(run_eagerly=True)
        vae.fit(TOKENS, verbose=0)
    assert vae.readout.embedding is vae.decoder.embedding
    with pytest.raises(ValueError, match="embedding of the old decoder"):
        vae.decoder = tv.lstm_decoder(V, D, 8, 8)


def test_a_tied_readout_takes_the_embedding_of_words_and_not_of_positions():
    z, tokens = keras.Input((D,)), keras.Input((None,), dtype="int32")

    class Both(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.words = keras.layers.Embedding(V, 8)
            self.positions = keras.layers.Embedding(10, 8)

        def call(self, tokens):
            places = ops.arange(ops.shape(tokens)[1])
            return self.words(tokens) + self.positions(places)

    both = Both()
    step = keras.Model([tokens, z, z], [both(tokens), z])
    assert tv.TextDecoder(keras.Model(z, z), step).embedding is both.words


def test_an_encoder_may_have_several_outputs():
    x = keras.Input((4,))
    heads = keras.layers.Dense(2)(x), keras.layers.Dense(2)(x)

    class Ready(tv.Posterior):
        def build(self, shape):
            pass

        def call(self, features):
            return tv.Normal(*features)

    vae = tv.VAE(keras.Model(x, heads), tv.dense_decoder(2, (4,), (3,)), Ready(2))
    vae.compile()
    vae.fit(np.ones((8, 4), "float32"), verbose=0)


def test_a_seed_may_be_an_integer_of_numpy():
    vae = text_vae()
    assert vae.generate(2, seed=np.int64(1)) == vae.generate(2, seed=1)


def test_a_replaced_decoder_writes():
    vae = text_vae()
    z = np.random.default_rng(0).normal(size=(20, D))
    before = vae.decode(z, temperature=1.0)
    vae.decoder = tv.lstm_decoder(V, D, 8, 8)
    after = vae.decode(z, temperature=1.0)
    fresh = tv.TextVAE(
        vae.encoder, vae.decoder, vae.posterior, TOKENIZER, readout=vae.readout
    )
    assert before != after == fresh.decode(z, temperature=1.0)


def mean_over_the_batch(x, output):
    return -ops.mean((x - output) ** 2)


def without_a_sum(x, output):
    return -((x - output) ** 2)


@pytest.mark.parametrize("likelihood", [mean_over_the_batch, without_a_sum])
def test_a_likelihood_gives_one_number_per_example(likelihood):
    with pytest.raises(ValueError, match=r"a likelihood gives one number per example"):
        image_vae(likelihood=likelihood).fit(images(), verbose=0)


@register
@dataclasses.dataclass(frozen=True)
class Pairs(tv.Objective):
    """Forgets the mean over the samples, so every example is added to every other."""

    def __call__(self, draw, beta):
        return -draw.log_px + beta * ops.sum(draw.kl, axis=-1)


@register
@dataclasses.dataclass(frozen=True)
class OneNumber(tv.Objective):
    def __call__(self, draw, beta):
        return -ops.mean(draw.log_px) + beta * ops.mean(draw.kl)


@pytest.mark.parametrize("objective", [Pairs(), OneNumber()])
def test_an_objective_gives_one_number_per_example(objective):
    with pytest.raises(ValueError, match=r"an objective gives one number per example"):
        image_vae(objective=objective).fit(images(), verbose=0)


class Forgetful(tv.VAE):
    def __init__(self, *args, gamma=2.0, **kwargs):
        super().__init__(*args, **kwargs)
        self.gamma = gamma


@register
class Remembering(Forgetful):
    parts = (*tv.VAE.parts, "gamma")

    def __init__(self, *args, gamma=2.0, **kwargs):
        super().__init__(*args, gamma=gamma, **kwargs)


def test_an_argument_that_would_be_lost_is_refused_on_saving(tmp_path):
    nets = tv.dense_encoder((4,)), tv.dense_decoder(2, (4,)), tv.GaussianPosterior(2)
    with pytest.raises(ValueError, match=r"does not save .*gamma.* in `parts`"):
        Forgetful(*nets, gamma=5.0).save(tmp_path / "vae.keras")
    Remembering(*nets, gamma=5.0).save(tmp_path / "vae.keras")
    assert tv.load_model(tmp_path / "vae.keras").gamma == 5.0

    class Named(tv.VAE):  # nothing of it is lost
        def __init__(self, *nets, name=None, **options):
            super().__init__(*nets, name=name, **options)

    assert Named(*nets, name="mine").get_config()["name"] == "mine"


class Watched(tv.VAE):
    """With a figure in `logged`, and a metric of Keras that it updates itself."""

    logged = (*tv.VAE.logged, "squared")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.steps = keras.metrics.Sum("steps")

    def terms(self, x, training=False):
        terms = super().terms(x, training)
        return {**terms, "squared": terms["nll"] ** 2}

    def train_step(self, data):
        self.steps.update_state(1.0)
        return super().train_step(data)


def test_figures_of_ones_own_are_logged():
    nets = tv.dense_encoder((4, 4), (6,)), tv.dense_decoder(D, (4, 4), (6,))
    vae = Watched(*nets, tv.GaussianPosterior(D))
    vae.compile()
    logs = vae.fit(images(8), batch_size=2, verbose=0).history
    assert logs["steps"] == [4.0]
    assert logs["squared"][0] >= logs["nll"][0] ** 2  # a mean of squares


def test_an_encoder_without_known_shapes_is_refused():
    class Net(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ValueError, match=r"known shapes.*keras\.Input"):
        tv.VAE(Net(), tv.dense_decoder(2, (4,)), tv.GaussianPosterior(2))


@pytest.mark.parametrize(
    "make",
    [
        lambda: tv.TextVAE(
            tv.gru_encoder(V, 4, 8),
            tv.gru_decoder(V, 4, 8),
            tv.GaussianPosterior(3),
            TOKENIZER,
        ),
        lambda: tv.TextAutoencoder(
            tv.code(tv.gru_encoder(V, 4, 8), 3), tv.gru_decoder(V, 4, 8), TOKENIZER
        ),
    ],
)
def test_a_decoder_of_another_latent_dim_is_refused(make):
    with pytest.raises(ValueError, match=r"takes 4 dimensions.*latent_dim=3"):
        make()


def test_a_language_model_has_a_decoder_without_z():
    with pytest.raises(ValueError, match=r"latent_dim=0"):
        tv.LanguageModel(tv.gru_decoder(V, 4, 8), TOKENIZER)


def test_interpolation_stays_on_the_sphere(monkeypatch):
    vae = text_vae(posterior=tv.VonMisesFisherPosterior(D), prior=tv.UniformSphere())
    seen = []
    monkeypatch.setattr(vae, "decode", lambda z, **how: seen.append(z))
    first, last = TOKENIZER.decode(TOKENS[:2])
    vae.interpolate(first, last, steps=5)
    np.testing.assert_allclose(np.linalg.norm(seen[0], axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(seen[0][[0, -1]], vae.codes([first, last]), rtol=1e-5)


def test_another_seed_writes_other_sentences_in_every_block():
    z = np.zeros((40, D), "float32")
    vae = text_vae()
    first, second = (
        vae.decode(z, temperature=1.0, seed=seed, batch_size=1) for seed in (0, 1)
    )
    assert first[1:] != second[:-1]
    assert vae.decode(z[:4], temperature=1.0, batch_size=4) == vae.decode(
        z[:4], temperature=1.0, batch_size=100
    )


@pytest.mark.parametrize("weight", [np.nan, np.inf, -1.0])
def test_weights_that_would_destroy_the_model_are_refused(weight):
    vae, weights = image_vae(), np.array([1.0, weight] + [1.0] * 6)
    with pytest.raises(ValueError, match="sample_weight holds"):
        vae.fit(images(), sample_weight=weights)
    with pytest.raises(ValueError, match="sample_weight holds"):
        vae.fit(images(), validation_data=(images(), None, weights))


def test_counts_are_no_sentences_and_not_negative():
    counts = np.array([[1, 2, 0, 0], [3, 1, 0, 0]])
    nets = tv.dense_encoder((4,)), tv.dense_decoder(2, (4,)), tv.GaussianPosterior(2)
    vae = tv.VAE(*nets, likelihood=tv.multinomial)
    vae.compile()
    with pytest.raises(ValueError, match="float32"):
        vae.fit(tv.batches(counts, 2))
    with pytest.raises(ValueError, match="counts of words are 0 or more"):
        vae.fit(counts - 3.0)
    vae.fit(tv.batches(counts.astype("float32"), 2), verbose=0)


def test_sparse_counts_are_refused():
    from scipy.sparse import csr_matrix

    for use in (tv.batches, image_vae().fit):
        with pytest.raises(ValueError, match="toarray"):
            use(csr_matrix(np.eye(4)))


def test_nested_nets_are_looked_into():
    inner = tv.gru_encoder(V - 1, 4, 8)
    encoder = keras.Sequential([keras.Input((None,), dtype="int32"), inner])
    with pytest.raises(ValueError, match=f"made for {V - 1} words"):
        tv.TextVAE(encoder, tv.gru_decoder(V, D, 8), tv.GaussianPosterior(D), TOKENIZER)


def test_replicas_hide_other_words(mirrored):
    with mirrored.scope():
        noise = keras.random.SeedGenerator(0)
    draws = mirrored.run(lambda: tv.distributions.uniform((50,), noise))
    one, other = mirrored.experimental_local_results(draws)
    assert not np.array_equal(one, other)


def test_replicas_normalise_the_means_of_the_whole_batch(mirrored):
    """Also where a replica has no example in the last batch."""
    x = images(9)
    with mirrored.scope():
        vae = image_vae(posterior=tv.BatchNormPosterior(D))
    log = vae.fit(x, batch_size=8, epochs=2, validation_data=x, verbose=0).history
    assert np.isfinite(log["val_loss"]).all()
    moments = vae.posterior.norm.moving_mean
    one, other = mirrored.experimental_local_results(moments.value)
    np.testing.assert_allclose(one, other, rtol=1e-5)
