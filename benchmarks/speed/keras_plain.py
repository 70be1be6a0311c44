"""Keras in the usual way: masks, a softmax on every position, `fit`."""

import keras
import tensorflow as tf
from keras import layers, ops

from benchmarks.speed.sizes import CLIP, DROPOUT, EMBED, LATENT, RATE, UNITS


class Sampling(layers.Layer):
    """Draws z, and adds the KL to the loss."""

    def call(self, mean, log_var):
        kl = 0.5 * ops.sum(mean**2 + ops.exp(log_var) - 1 - log_var, axis=-1)
        self.add_loss(ops.mean(kl))
        return mean + ops.exp(0.5 * log_var) * keras.random.normal(ops.shape(mean))


def contestant(words, batch_size):
    """Function, token ids (N, T) -> None: one pass over these sentences."""
    v = len(words)
    x = keras.Input((None,), dtype="int32")
    h = layers.Dropout(DROPOUT)(layers.Embedding(v, EMBED, mask_zero=True)(x))
    h = layers.LSTM(UNITS)(h)
    z = Sampling()(layers.Dense(LATENT)(h), layers.Dense(LATENT)(h))

    given = keras.Input((None,), dtype="int32")
    h = layers.Dropout(DROPOUT)(layers.Embedding(v, EMBED, mask_zero=True)(given))
    h = h + ops.expand_dims(layers.Dense(EMBED, use_bias=False)(z), 1)
    state = [layers.Dense(UNITS, "tanh")(z) for _ in range(2)]
    h = layers.LSTM(UNITS, return_sequences=True)(
        h, initial_state=state, mask=ops.not_equal(given, 0)
    )
    logits = layers.Dense(v)(layers.Dropout(DROPOUT)(h))
    vae = keras.Model([x, given], logits)
    nll = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=0, reduction="sum"
    )
    vae.compile(
        keras.optimizers.Adam(RATE, global_clipnorm=CLIP),
        lambda y, logits: nll(y, logits) / ops.cast(ops.shape(y)[0], "float32"),
    )

    def train(tokens):
        lengths = (tokens != 0).sum(axis=1)
        data = tf.data.Dataset.from_generator(
            lambda: (row[:n] for row, n in zip(tokens, lengths, strict=True)),
            output_signature=tf.TensorSpec([None], tf.int32),
        )
        data = data.shuffle(len(tokens)).padded_batch(batch_size)
        data = data.map(lambda t: ((t, t[:, :-1]), t[:, 1:])).prefetch(2)
        vae.fit(data, verbose=0)

    return train
