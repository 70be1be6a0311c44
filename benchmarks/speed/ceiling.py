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
    batches, h, gates = len(tokens) / batch_size, UNITS, 4 * UNITS
    read = int((tokens != 0).sum())  # by the encoder
    told = read - len(tokens)  # by the decoder, all but END; and as many are predicted
    needed = []
    for total in (read, told):  # an LSTM
        rows, steps = round(total / batches), total / batch_size
        needed += with_gradients(rows, EMBED, gates, batches)  # its inputs
        needed += [((batch_size, h, gates), steps), ((batch_size, gates, h), steps)]
        needed += [((h, rows, gates), batches)]  # the gradient of its recurrent weights
    return needed + with_gradients(round(told / batches), h, vocabulary, batches)


def with_gradients(m, k, n, times):
    """A product (m, k) x (k, n), and the two products of its gradients."""
    return [((m, k, n), times), ((m, n, k), times), ((k, m, n), times)]


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


def contestant(words, batch_size):
    """Function, token ids (N, T) -> seconds of all products that one pass needs."""

    def train(tokens):
        needed = products(tokens, batch_size, len(words))
        return sum(each * seconds(shape, 3) for shape, each in needed)

    return train
