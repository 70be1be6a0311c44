"""Batches of examples in an order that a resumed run can repeat."""

import numpy as np
import tensorflow as tf


class Batches:
    """Batches of the rows of an array, shuffled anew each epoch if a seed is given.

    The order depends on the seed and the number of the epoch alone, so `Resume` can find
    its place again. Batches of token ids (integers, padded with 0 on the right) are trimmed
    to their longest sentence, and hold sentences of like length: less padding to compute.
    Counts of words are no token ids: give them as floats.

    Args:
        x: Array (N, ...).
        batch_size: Examples per batch; the last batch may be smaller.
        seed: Seed of the order; None keeps the order of x.
        by_length: Whether shuffled sentences are put with others of like length. False
            for a part that takes a batch for a sample of the data, `BatchNormPosterior`
            or `MMD`: it would be blind to what the sentences of a batch have in common.
            The last batch should not be tiny then.

    Raises:
        ValueError: If x is empty or sparse, or `batch_size` is below 1.
    """

    def __init__(self, x, batch_size=64, seed=None, by_length=True):
        refuse_sparse(x)
        self.x, self.batch_size, self.seed = np.asarray(x), batch_size, seed
        if len(self.x) == 0:
            raise ValueError("no examples to batch: x is empty")
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
        self.is_tokens = self.x.ndim == 2 and self.x.dtype.kind in "iu"
        self.by_length = by_length
        self.epoch = 0  # of the next pass

    def __len__(self):
        return -(-len(self.x) // self.batch_size)

    def __iter__(self):
        """One pass, as arrays. The next pass has another order, unless there is no seed."""
        return self.dataset().as_numpy_iterator()

    def order(self, epoch):
        """The row numbers of each batch of an epoch."""
        rows = np.arange(len(self.x))
        if self.seed is None:
            return [rows[i : i + self.batch_size] for i in self.starts()]
        rng = np.random.default_rng([self.seed, epoch])
        rng.shuffle(rows)
        if self.is_tokens and self.by_length:
            pool = 50 * self.batch_size  # sort within pools: batches stay random
            lengths = (self.x != 0).sum(axis=1)
            pools = [rows[i : i + pool] for i in range(0, len(rows), pool)]
            rows = np.concatenate([p[np.argsort(lengths[p], kind="stable")] for p in pools])
        batches = [rows[i : i + self.batch_size] for i in self.starts()]
        return [batches[i] for i in rng.permutation(len(batches))]

    def starts(self):
        return range(0, len(self.x), self.batch_size)

    def dataset(self):
        """As a tf.data.Dataset; each iteration of it is one pass.

        Not `from_generator`: in TensorFlow 2.21 that undoes `keep_freed_memory`.
        """
        x = tf.constant(self.x)

        def order(_):
            rows = tf.numpy_function(self.next_order, [], tf.int64)
            return tf.ensure_shape(rows, (len(self), self.batch_size))

        def batch(rows):
            batch = tf.gather(x, rows[rows >= 0])
            if not self.is_tokens:
                return batch
            used = tf.where(tf.reduce_any(batch != 0, axis=0))
            return batch[:, : tf.maximum(tf.reduce_max(used) + 1, 1)]

        data = tf.data.Dataset.from_tensors(0).map(order).unbatch().map(batch)
        data = data.apply(tf.data.experimental.assert_cardinality(len(self)))
        return without_autotune(data.prefetch(2))

    def next_order(self):
        """The rows of all batches of the next pass, -1 where a batch is short."""
        epoch, self.epoch = self.epoch, self.epoch + 1
        rows = np.full((len(self), self.batch_size), -1)
        for row, batch in zip(rows, self.order(epoch), strict=True):
            row[: len(batch)] = batch
        return rows


def refuse_sparse(x):
    if hasattr(x, "toarray"):
        raise ValueError("x is a sparse matrix; pass x.toarray()")


def without_autotune(data):
    """The same tf.data.Dataset; its tuning thread can hold up the end of a pass."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return data.with_options(options)


def trim(tokens):
    """Drop the columns that hold nothing but padding."""
    used = np.flatnonzero((tokens != 0).any(axis=0))
    return tokens[:, : used[-1] + 1 if len(used) else 1]


def batches(x, batch_size=64, seed=None, by_length=True):
    """`Batches` of the same arguments, which `fit` and `evaluate` take for an array."""
    return Batches(x, batch_size, seed, by_length)
