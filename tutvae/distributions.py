"""Posteriors q(z|x) and priors p(z).

A distribution is a NamedTuple of tensors, so it passes through Keras, tf.function and
tf.distribute like any other tensors. A posterior is a layer that makes one.
Shapes: B batch, K samples, D latent dimensions, C mixture components. Densities in nats.
"""

import math
from typing import NamedTuple

import keras
import tensorflow as tf
from keras import ops

register = keras.saving.register_keras_serializable("tutvae")
LOG_2PI = math.log(2 * math.pi)


def log_normal(z, mean, log_var):
    """log N(z; mean, exp(log_var)) in nats, summed over the last axis."""
    return -0.5 * ops.sum(log_var + (z - mean) ** 2 * ops.exp(-log_var) + LOG_2PI, axis=-1)


def standard_normal(shape, seed):
    """Draws of N(0, 1) from a SeedGenerator, different on every replica of a strategy.

    Replicas share the state of the generator; its plain draws would be the same on all.
    """
    if not in_a_replica():
        return keras.random.normal(shape, seed=seed)
    return tf.random.stateless_normal(shape, stateless_key(seed))


def uniform(shape, seed):
    """Draws between 0 and 1 from a SeedGenerator, different on every replica."""
    if not in_a_replica():
        return keras.random.uniform(shape, seed=seed)
    return tf.random.stateless_uniform(shape, stateless_key(seed))


def in_a_replica():
    """Whether this is the step of one replica among several."""
    several = tf.distribute.get_strategy().num_replicas_in_sync > 1
    return several and not tf.distribute.in_cross_replica_context()


def stateless_key(seed):
    """A key for `tf.random.stateless_...`, another each time and on every replica."""
    key, context = tf.cast(seed.next(), "int32"), tf.distribute.get_replica_context()
    replica = 0 if context is None else context.replica_id_in_sync_group
    return tf.random.experimental.stateless_fold_in(key, replica)


class Normal(NamedTuple):
    """A Gaussian with diagonal covariance; the last axis holds its dimensions."""

    mean: tf.Tensor  # (B, D)
    log_var: tf.Tensor  # (B, D)

    def sample(self, k, seed):
        """k reparameterised draws, (B, K, D) (Kingma & Welling 2014, arXiv:1312.6114)."""
        b, d = ops.shape(self.mean)
        eps = standard_normal((b, k, d), seed)
        return self.mean[:, None] + ops.exp(0.5 * self.log_var[:, None]) * eps

    def log_prob(self, z):
        """log density in nats: (B, K, D) -> (B, K)."""
        return log_normal(z, self.mean[:, None], self.log_var[:, None])


class Point(NamedTuple):
    """All mass on one point: the posterior of an ordinary autoencoder."""

    mean: tf.Tensor  # (B, D)

    def sample(self, k, seed):
        """The point, k times: (B, K, D)."""
        return ops.repeat(self.mean[:, None], k, axis=1)

    def log_prob(self, z):
        """Zero: a point mass has no density, and this keeps it out of every sum."""
        return ops.zeros_like(z[..., 0])


class Posterior(keras.Layer):
    """features (B, H) -> q(z|x), the base of all posteriors.

    A posterior of one's own gives `call(features)`, which returns a NamedTuple of tensors:
    with a field `mean` (B, D), `sample(k, seed)` -> (B, K, D) and `log_prob(z)`,
    (B, K, D) -> (B, K) in nats. The names in `heads` become linear layers of width D;
    other layers are made in `__init__`. Register the class to load it again.

    Args:
        latent_dim: D, the number of dimensions of z.
    """

    heads = ()
    support = "space"  # where z lies; that of the prior must be the same

    def __init__(self, latent_dim, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)  # not float16, where exp(12) overflows
        if latent_dim < 1:
            raise ValueError(f"latent_dim is {latent_dim}; it must be at least 1")
        self.latent_dim = latent_dim
        for name in self.heads:
            setattr(self, name, keras.layers.Dense(latent_dim, dtype=dtype, name=name))

    def build(self, shape):
        if len(shape) != 2:
            raise ValueError(f"features must have the shape (B, H), not {tuple(shape)}")
        for name in self.heads:
            getattr(self, name).build(shape)

    def get_config(self):
        return {**super().get_config(), "latent_dim": self.latent_dim}


@register
class GaussianPosterior(Posterior):
    """q(z|x) = N(mean, diag exp(log_var)), both linear in the encoder's features.

    Args:
        latent_dim: D, the number of dimensions of z.
        log_var: What the log-variances start from. With -3, say, codes are as sharp at
            first as an autoencoder's, and the decoder learns early to listen to them.

    Source: Kingma & Welling 2014, arXiv:1312.6114.
    """

    heads = ("mean", "log_var")

    def __init__(self, latent_dim, log_var=0.0, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.start = log_var
        self.log_var.bias_initializer = keras.initializers.Constant(log_var)

    def call(self, features):
        return Normal(self.mean(features), self.log_var(features))

    def get_config(self):
        return {**super().get_config(), "log_var": self.start}


@register
class BatchNormPosterior(GaussianPosterior):
    """As `GaussianPosterior`, but the means of a batch have the standard deviation `gamma`.

    Each dimension of the mean is normalised over the batch and multiplied by `gamma`, so
    that the mean KL to N(0, I) cannot fall below D gamma^2 / 2 nats. After training the
    running mean and variance of those batches take their place, so a batch must be a random
    sample of the data: `tv.batches(x, seed=0, by_length=False)`.

    Args:
        latent_dim: D, the number of dimensions of z.
        gamma: Standard deviation of the means in training, above 0.

    Raises:
        ValueError: If `gamma` is not above 0.

    Source: Zhu et al. 2020, arXiv:2004.12585.
    """

    def __init__(self, latent_dim, gamma=0.6, **kwargs):
        super().__init__(latent_dim, **kwargs)
        if not gamma > 0:
            raise ValueError(f"gamma is {gamma}; it must be above 0")
        self.gamma = gamma
        # Means that spread less than an epsilon are not spread to gamma: with Keras' 1e-3 a
        # model collapses by shrinking them. Its momentum of 0.99 is for long trainings.
        self.norm = keras.layers.BatchNormalization(
            momentum=0.97,
            scale=False,
            epsilon=1e-8,
            # Else each replica would normalise by its share. Not for one: the synchronised
            # variance is a difference of two means, too rough for this epsilon.
            synchronized=tf.distribute.get_strategy().num_replicas_in_sync > 1,
            dtype=self.dtype_policy,
            name="norm",
        )

    def build(self, shape):
        super().build(shape)
        self.norm.build((None, self.latent_dim))

    def call(self, features, training=False):
        mean = self.norm(self.mean(features), training=training)
        return Normal(self.gamma * mean, self.log_var(features))

    def get_config(self):
        return {**super().get_config(), "gamma": self.gamma}


@register
class PointPosterior(Posterior):
    """q(z|x) = all mass on mean(x), linear in the encoder's features.

    With `beta=0` the model is a plain autoencoder (a point has an infinite KL, so what is
    logged as its `elbo` is no bound); with `beta > 0` the "KL" is -log p(z),
    a penalty on the size of the code (Ghosh et al. 2020, arXiv:1903.12436).

    Args:
        latent_dim: D, the number of dimensions of z.
    """

    heads = ("mean",)

    def call(self, features):
        return Point(self.mean(features))


class Prior(keras.Layer):
    """p(z), the base of all priors.

    A prior of one's own gives `call(z)`, log p(z) in nats summed over D, (B, K, D) ->
    (B, K), and `sample(shape, seed)`, where `seed` is a `keras.random.SeedGenerator`: see
    `tv.distributions.standard_normal` and `uniform`. With `kl` it may give a closed form;
    without, the KL is estimated. Register the class to load it again.
    """

    support = "space"

    def __init__(self, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)

    def call(self, z):
        """log p(z) in nats: (B, K, D) -> (B, K)."""
        raise NotImplementedError

    def sample(self, shape, seed):
        """Draws of the given shape, whose last axis is D."""
        raise NotImplementedError

    def kl(self, q, z):
        """KL(q || p) as columns that sum to it; here one Monte Carlo column, (B, 1)."""
        return ops.mean(q.log_prob(z) - self(z), axis=1, keepdims=True)


@register
class StandardNormal(Prior):
    """p(z) = N(0, I), with the KL to a Normal in closed form, one column per dimension."""

    def call(self, z):
        return log_normal(z, 0.0, ops.zeros_like(z))

    def sample(self, shape, seed):
        return standard_normal(shape, seed)

    def kl(self, q, z):
        if not isinstance(q, Normal):
            return super().kl(q, z)
        return 0.5 * (q.mean**2 + ops.exp(q.log_var) - 1.0 - q.log_var)


@register
class GaussianMixture(Prior):
    """p(z) = mean over c of N(z; mean_c, exp(log_var_c)), all learned.

    Args:
        components: C, the number of Gaussians, equally likely. Their means begin at the
            same draws of N(0, I) whatever the seed, their variances at 1.
        latent_dim: D, the number of dimensions of z.

    Source: Tomczak & Welling 2018, arXiv:1705.07120, whose components are posteriors of
    learned inputs; here they are free.
    """

    def __init__(self, components, latent_dim, **kwargs):
        super().__init__(**kwargs)
        if components < 1 or latent_dim < 1:
            raise ValueError(f"need sizes of at least 1, not {components} and {latent_dim}")
        self.components, self.latent_dim = components, latent_dim
        shape = (components, latent_dim)
        wide = keras.initializers.RandomNormal(stddev=1.0, seed=0)
        self.mean = self.add_weight(name="mean", shape=shape, initializer=wide)
        self.log_var = self.add_weight(name="log_var", shape=shape, initializer="zeros")
        self.built = True

    def call(self, z):
        log_n = log_normal(z[..., None, :], self.mean, self.log_var)  # (B, K, C)
        return ops.logsumexp(log_n, axis=-1) - math.log(self.components)

    def sample(self, shape, seed):
        key = stateless_key(seed)  # not the same components on every replica
        c = tf.random.stateless_uniform(shape[:-1], key, 0, self.components, "int32")
        mean, log_var = ops.take(self.mean, c, axis=0), ops.take(self.log_var, c, axis=0)
        return mean + ops.exp(0.5 * log_var) * standard_normal(shape, seed)

    def get_config(self):
        sizes = {"components": self.components, "latent_dim": self.latent_dim}
        return {**super().get_config(), **sizes}
