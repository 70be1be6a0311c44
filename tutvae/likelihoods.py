"""Likelihoods: log p(x|z) in nats per example, summed over all that makes up the example.

Each is a function (x, decoder output) -> (B,). A sum, not a mean: a mean over n pixels or
tokens weighs the KL n times too heavily, and the model collapses.
"""

import math

import keras
import tensorflow as tf
from keras import ops

register = keras.saving.register_keras_serializable("tutvae")


def sum_per_example(t):
    return ops.sum(ops.reshape(t, (ops.shape(t)[0], -1)), axis=-1)


def float32(t):
    return ops.cast(t, "float32")  # likelihoods are sums of many terms: never in float16


def same_shape(x, output):
    if not tf.TensorShape(x.shape[1:]).is_compatible_with(output.shape[1:]):
        raise ValueError(
            f"x has shape {tuple(x.shape)} but the decoder gives {tuple(output.shape)}; "
            "end the decoder with a Reshape to the shape of x"
        )


@register
def bernoulli(x, logits):
    """log p(x) of pixels or words that are 0 or 1 (or grey, in between), from logits.

    Args:
        x: (B, ...) in [0, 1].
        logits: the same shape.
    """
    same_shape(x, logits)
    x, logits = float32(x), float32(logits)
    return -sum_per_example(ops.binary_crossentropy(x, logits, from_logits=True))


@register
def gaussian(x, mean):
    """log N(x; mean, I): squared error / 2, and a constant.

    Args:
        x: (B, ...).
        mean: the same shape.
    """
    same_shape(x, mean)
    return -0.5 * sum_per_example((float32(x) - float32(mean)) ** 2 + math.log(2 * math.pi))


@register
def categorical(tokens, logits):
    """log p of token ids, one softmax per token. Token 0 is padding and costs nothing.

    Args:
        tokens: (B, T) ids.
        logits: (B, T, V).
    """
    rows = ops.reshape(float32(logits), (-1, logits.shape[-1]))
    log_p = ops.reshape(log_softmax_at(rows, ops.reshape(tokens, (-1,))), ops.shape(tokens))
    return ops.sum(log_p * float32(ops.not_equal(tokens, 0)), axis=-1)


@tf.custom_gradient
def log_softmax_at(logits, token):
    """log softmax(logits)[token], (N, V), (N,) -> (N,).

    The gradient is written out because it can use the exponentials of the forward pass:
    with a large vocabulary this takes two thirds of the time of TensorFlow's cross-entropy.
    """
    top = tf.reduce_max(logits, axis=1, keepdims=True)
    exp = tf.exp(logits - top)
    total = tf.reduce_sum(exp, axis=1, keepdims=True)
    place = tf.stack([tf.range(tf.shape(token)[0]), tf.cast(token, tf.int32)], axis=1)
    log_p = tf.gather_nd(logits, place) - tf.squeeze(top + tf.math.log(total), 1)

    def gradient(d_log_p):
        d_logits = exp * (tf.expand_dims(-d_log_p, 1) / total)
        return tf.tensor_scatter_nd_add(d_logits, place, d_log_p), None

    return log_p, gradient


@register
def multinomial(counts, logits):
    """log p of the words of a bag, in their order: one softmax for the whole document.

    Args:
        counts: (B, V) word counts.
        logits: (B, V).

    Source: Miao, Yu & Blunsom 2016, arXiv:1511.06038.
    """
    same_shape(counts, logits)
    return ops.sum(float32(counts) * ops.log_softmax(float32(logits), axis=-1), axis=-1)
