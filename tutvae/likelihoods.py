"""Likelihoods: log p(x|z) in nats per example, summed over all that makes up the example.

Each is a function (x, decoder output) -> (B,). A sum, not a mean: a mean over n pixels or
tokens weighs the KL n times too heavily, and the model collapses.
"""

import math

import keras
from keras import ops

register = keras.saving.register_keras_serializable("tutvae")


def sum_per_example(t):
    return ops.sum(ops.reshape(t, (ops.shape(t)[0], -1)), axis=-1)


def float32(t):
    return ops.cast(t, "float32")  # likelihoods are sums of many terms: never in float16


def same_shape(x, output):
    if len(x.shape) != len(output.shape) or x.shape[1:] != output.shape[1:]:
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
    nll = ops.sparse_categorical_crossentropy(tokens, float32(logits), from_logits=True)
    return -ops.sum(nll * float32(ops.not_equal(tokens, 0)), axis=-1)


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
