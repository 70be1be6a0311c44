"""The variational autoencoder, independent of what x is."""

from typing import NamedTuple

import keras
import tensorflow as tf
from keras import ops

from tutvae.distributions import StandardNormal
from tutvae.likelihoods import bernoulli
from tutvae.objectives import ELBO
from tutvae.schedules import TargetRate
from tutvae.training import BaseModel, check_one_per_example, refuse_unknown_shapes


class Draw(NamedTuple):
    """What one stochastic pass says about B examples, with K samples of D dimensions.

    Args:
        z: (B, K, D), samples of q(z|x).
        log_px: (B, K), log p(x|z) in nats.
        log_pz: (B, K), log p(z) in nats.
        log_qz: (B, K), log q(z|x) in nats.
        kl: (B, D), KL(q || p) in nats by dimension, or (B, 1) where it does not split.
        z_prior: (B, K, D), samples of p(z).
    """

    z: tf.Tensor
    log_px: tf.Tensor
    log_pz: tf.Tensor
    log_qz: tf.Tensor
    kl: tf.Tensor
    z_prior: tf.Tensor


@keras.saving.register_keras_serializable("tutvae")
class VAE(BaseModel):
    """A model p(x|z) p(z) with an approximate posterior q(z|x).

    Args:
        encoder: Model with known shapes (functional, or Sequential with an Input),
            x -> features (B, H).
        decoder: The same, z (B, D) -> the parameters that `likelihood` expects.
        posterior: Layer, features -> q(z|x).
        prior: Layer, z -> log p(z). Defaults to `StandardNormal()`.
        likelihood: Function, (x, decoder output) -> log p(x|z) in nats, one number per
            example, (B,). Register your own with
            `@keras.saving.register_keras_serializable()`, or it cannot be loaded again.
        objective: `Objective` to minimise.
        beta: Weight of the KL term: a number, a schedule of the training step, or a
            `TargetRate`.
        seed: Seed of the noise in z.

    `fit` logs means over examples, in nats: `loss` (the objective, and the second task of
    a `TextVAE` that has one), `nll` (-log p(x|z)), `kl` (the rate), `elbo` (-nll - kl,
    whatever beta is), and `beta`. A subclass whose constructor takes more adds the names to
    `parts`.

    Raises:
        ValueError: If a part does not fit another, or a net has no known shape; when
            the model is used, if its likelihood does not give (B,), or when it is trained,
            if its objective does not.

    Source: Kingma & Welling 2014, arXiv:1312.6114; Rezende et al. 2014, arXiv:1401.4082.

    Example:

    >>> vae = tv.VAE(encoder, decoder, tv.GaussianPosterior(2), beta=tv.linear(1000))
    >>> vae.compile("adam")
    >>> vae.fit(images)
    """

    parts = ("encoder", "decoder", "posterior", "prior", "likelihood", "objective", "beta")
    logged = ("nll", "kl", "elbo", "beta")

    def __init__(
        self,
        encoder,
        decoder,
        posterior,
        prior=None,
        likelihood=bernoulli,
        objective=ELBO(),
        beta=1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.encoder, self.decoder, self.posterior = encoder, decoder, posterior
        self.prior, self.likelihood = prior or StandardNormal(), likelihood
        self.objective, self.beta = objective, beta
        width = getattr(self.prior, "latent_dim", posterior.latent_dim)
        if width != posterior.latent_dim:
            raise ValueError(
                f"the prior has {width} dimensions, the posterior {posterior.latent_dim}: "
                "give both the same latent_dim"
            )
        if self.prior.support != posterior.support:
            raise ValueError(
                f"{type(posterior).__name__} puts z on the {posterior.support}, "
                f"{type(self.prior).__name__} on the {self.prior.support}: a "
                "VonMisesFisherPosterior goes with prior=UniformSphere(), and no other does"
            )
        self.build_parts()

    def build_parts(self):
        super().build_parts()
        shapes = getattr(self.encoder, "output_shape", None)
        if shapes is None:
            refuse_unknown_shapes(self.encoder)
        # Called, not built: this also builds the layers that a part of your own may hold.
        features = keras.tree.map_shape_structure(
            lambda shape: ops.zeros([n or 1 for n in shape]), shapes
        )
        self.posterior(features)
        self.prior(ops.zeros((1, 1, self.posterior.latent_dim)))

    def call(self, x, training=False):
        """x -> Draw, with as many samples as the objective asks for."""
        return self.draw(x, self.objective.samples, training)

    def draw(self, x, k, training=False):
        """x -> Draw, with k samples of z per example."""
        q = self.posterior(self.encoder(x, training=training), training=training)
        z = q.sample(k, self.noise)
        z_prior = self.prior.sample(ops.shape(z), self.noise)
        rows = ops.reshape(z, (-1, self.posterior.latent_dim))
        log_px = self.log_likelihood(ops.repeat(x, k, axis=0), rows, training)
        check_one_per_example(log_px, "a likelihood")
        return Draw(
            z,
            ops.reshape(log_px, (-1, k)),
            self.prior(z),
            q.log_prob(z),
            self.prior.kl(q, z),
            z_prior,
        )

    def log_likelihood(self, x, z, training=False):
        """log p(x|z) in nats, one number per row of x and of z."""
        return self.likelihood(x, self.decoder(z, training=training))

    def terms(self, x, training=False):
        draw = self(x, training=training)
        nll, kl = -ops.mean(draw.log_px, axis=1), ops.sum(draw.kl, axis=1)
        beta = self.kl_weight(kl, training)
        return {
            "loss": self.objective(draw, beta) + self.auxiliary(x, draw),
            "nll": nll,
            "kl": kl,
            "elbo": -nll - kl,
            "beta": ops.full_like(nll, beta),
        }

    def kl_weight(self, kl, training=False):
        """Beta at this training step: a number, scheduled, or learned from the KL."""
        if isinstance(self.beta, TargetRate):
            return self.beta(ops.stop_gradient(kl), training=training)
        return self.beta(self.optimizer.iterations) if callable(self.beta) else self.beta

    def auxiliary(self, x, draw):
        """What is added to the objective: a number, or one per example."""
        return 0.0

    def encode(self, x):
        """x -> the mean of q(z|x), (B, D)."""
        return self.posterior(self.encoder(x)).mean

    def decode(self, z):
        """z (B, D) -> what the decoder gives for it."""
        return self.decoder(z)

    def sample(self, n):
        """n latent vectors from the prior, (n, D)."""
        return self.prior.sample((n, self.posterior.latent_dim), self.noise)
