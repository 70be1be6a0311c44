"""From latent vectors to token ids: greedy, sampled, nucleus and beam decoding.

All of them feed the decoder one token at a time, carry its state from step to step, and
stop when every sentence has ended. They run inside a compiled function of `TextVAE`.
"""

import tensorflow as tf

from tutvae.tokenizer import END, PAD, START, UNK

NEVER = -1e9  # the logit of a token that must not be written


def sample(decoder, readout, z, length, temperature, top_p, seed, first=0):
    """Token by token, each drawn from softmax(logits / temperature).

    Args:
        decoder: `TextDecoder`.
        readout: Layer, features (B, H) -> logits (B, V).
        z: (B, D).
        length: Tokens at most, END included.
        temperature: Scalar tensor; 0 takes the likeliest token (greedy).
        top_p: Python float; below 1, draws only from the likeliest tokens that together
            have this probability (Holtzman et al. 2020, arXiv:1904.09751).
        seed: Scalar int tensor.
        first: The number of the first row, where z is a part of many: other draws for it.

    Returns:
        ids (B, length), END included, PAD after it.
    """

    def choose(logits, t):
        if top_p < 1.0:
            logits = nucleus(logits, temperature, top_p)
        # Below 0: a SeedGenerator, from which z may come, counts upwards from [seed, 0].
        key = [seed, -1 - t - first * length]
        u = tf.random.stateless_uniform(tf.shape(logits), key, 1e-9, 1.0)
        gumbel = -tf.math.log(
            -tf.math.log(u)
        )  # argmax of logits + noise draws from softmax
        return tf.argmax(logits + temperature * gumbel, axis=-1, output_type=tf.int32)

    def body(ids, done, token, *state):
        logits, state = next_logits(decoder, readout, token, z, state)
        token = tf.where(done, PAD, choose(logits, tf.shape(ids)[1]))
        return (append(ids, token), done | (token == END), token, *state)

    ids, *_ = run(body, (*nothing_yet(tf.shape(z)[0]), *decoder.begin(z)), length)
    return ids


def beam(decoder, readout, z, length, width):
    """The likeliest sentence that a beam search of `width` hypotheses finds.

    Args:
        decoder, readout, z, length: As for `sample`.
        width: Python int, hypotheses kept per z. No bonus for length: hypotheses are ranked
            by log p(x|z), and a finished sentence comes before any that has no END.

    Returns:
        ids (B, length), and log p(x|z) of each in nats, (B,): among the sentences that can
        be written, since padding, START and the unknown word are never chosen. Where no
        hypothesis has an END, -1e9 or less.
    """
    batch, w = tf.shape(z)[0], width
    z = tf.repeat(z, w, axis=0)
    first_row = tf.range(batch)[:, None] * w  # of each example

    def body(ids, done, token, score, *state):
        logits, state = next_logits(decoder, readout, token, z, state)
        log_p = tf.nn.log_softmax(logits)
        vocab = tf.shape(log_p)[1]
        only_pad = tf.one_hot(tf.fill([batch * w], PAD), vocab, 0.0, NEVER)
        log_p = tf.where(done[:, None], only_pad, log_p)  # a finished one stays as it is
        total = tf.reshape(score[:, None] + log_p, [batch, w * vocab])
        score, best = tf.math.top_k(total, w)
        rows = tf.reshape(first_row + best // vocab, [-1])
        token = tf.reshape(best % vocab, [-1])
        done = tf.gather(done, rows) | (token == END)
        ids = append(tf.gather(ids, rows), token)
        return (
            ids,
            done,
            token,
            tf.reshape(score, [-1]),
            *(tf.gather(s, rows) for s in state),
        )

    score = tf.tile([0.0] + [NEVER] * (w - 1), [batch])  # at first there is one hypothesis
    begin = (*nothing_yet(batch * w), score, *decoder.begin(z))
    ids, done, _, score, *_ = run(body, begin, length)
    score = tf.where(done, score, score + NEVER)  # a finished sentence before a fragment
    best = tf.argmax(tf.reshape(score, [batch, w]), axis=1, output_type=tf.int32)
    best += first_row[:, 0]
    return tf.gather(ids, best), tf.gather(score, best)


def next_logits(decoder, readout, token, z, state):
    """One step: the logits of the next token, and the state after it."""
    features, *state = decoder.step([token[:, None], z, *state], training=False)
    logits = tf.cast(readout(features[:, 0]), tf.float32)
    banned = tf.reduce_sum(tf.one_hot([PAD, UNK, START], tf.shape(logits)[1]), axis=0)
    return logits + NEVER * banned, state


def nucleus(logits, temperature, top_p):
    """Keep the likeliest tokens whose probabilities first add up to `top_p`."""
    scaled = logits / tf.maximum(temperature, 1e-6)
    ordered = tf.sort(scaled, direction="DESCENDING")
    before = tf.cumsum(tf.nn.softmax(ordered), axis=-1, exclusive=True)
    kept = tf.where(before < top_p, ordered, tf.float32.max)
    return tf.where(scaled < tf.reduce_min(kept, axis=-1, keepdims=True), NEVER, logits)


def nothing_yet(n):
    """No ids, no sentence done, and START as the last token of each of n sentences."""
    return tf.zeros([n, 0], tf.int32), tf.zeros([n], tf.bool), tf.fill([n], START)


def append(ids, token):
    return tf.concat([ids, token[:, None]], axis=1)


def run(body, begin, length):
    """Repeat `body` until all are done or have `length` tokens; pad to `length`."""

    def unfinished(ids, done, *_):
        return (tf.shape(ids)[1] < length) & ~tf.reduce_all(done)

    shapes = tuple(tf.TensorShape([None] * (len(v.shape) - 1) + [width(v)]) for v in begin)
    ids, *rest = tf.while_loop(unfinished, body, begin, shape_invariants=shapes)
    return tf.pad(ids, [[0, 0], [0, length - tf.shape(ids)[1]]]), *rest


def width(v):
    """The last axis of features is fixed; the other axes (batch, time) may grow."""
    return v.shape[-1] if len(v.shape) > 1 and v.dtype.is_floating else None
