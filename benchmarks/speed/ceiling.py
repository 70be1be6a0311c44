"""The least time in which this machine could do the arithmetic of a training pass.

Only matrix products of real tokens count, forward and for both gradients, at the speed that
the machine's own product (the faster of TensorFlow's and numpy's) reaches on their shapes.
"""

import time

import numpy as np
import tensorflow as tf

from benchmarks.speed.sizes import EMBED, UNITS


def products(tokens, batch_size, vocabulary):
    """[(m, k, n), how often]: the products that one pass over the sentences needs."""
    real = int((tokens != 0).sum())
    total = 2 * real - len(tokens)  # read by the encoder, and all but one by the decoder
    batches = len(tokens) / batch_size
    rows = round(total / 2 / batches)  # tokens of a batch
    steps = total / batch_size
    needed = []
    for k, n, each in ((EMBED, 4 * UNITS, 2 * batches), (UNITS, vocabulary, batches)):
        needed += [((rows, k, n), each), ((rows, n, k), each), ((k, rows, n), each)]
    h, gates = UNITS, 4 * UNITS
    needed += [((batch_size, h, gates), steps), ((batch_size, gates, h), steps)]
    return [*needed, ((h, rows, gates), 2 * batches)]


def seconds(shape, repeats):
    """Of one product of this shape: the best of `repeats`, each of many in one go."""
    m, k, n = shape
    rng = np.random.default_rng(0)
    a = rng.normal(size=(m, k)).astype("float32")
    b = rng.normal(size=(k, n)).astype("float32")
    times = max(1, int(2e9 / (m * k * n)))
    x, y = tf.constant(a), tf.constant(b)

    @tf.function(autograph=False)
    def by_tensorflow():
        def product(i, _):
            return i + 1, tf.matmul(x, y)

        return tf.while_loop(
            lambda i, _: i < times, product, (0, tf.zeros([m, n])), parallel_iterations=1
        )

    def by_numpy():
        for _ in range(times):
            a @ b

    best = np.inf
    for work in (by_tensorflow, by_numpy):
        work()
        for _ in range(repeats):
            start = time.perf_counter()
            work()
            best = min(best, (time.perf_counter() - start) / times)
    return best


def contestant(tokenizer, batch_size):
    """Function, token ids (N, T) -> seconds of all products that one pass needs."""

    def train(tokens):
        needed = products(tokens, batch_size, len(tokenizer))
        return sum(each * seconds(shape, 3) for shape, each in needed)

    return train
