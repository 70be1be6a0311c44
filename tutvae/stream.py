"""Batches from text files of any size, which are never in memory as a whole."""

import functools
import glob
import os

import numpy as np
import tensorflow as tf

from tutvae.batches import Batches, without_autotune
from tutvae.tokenizer import PAD


class TextStream:
    """Batches of the sentences of text files, one a line, tokenised as they are read.

    `fit` and `evaluate` take it for an array, and `Resume` finds its place in it again.
    Blank lines are left out, and longer sentences than the tokenizer's are cut.

    Args:
        files: A path or a pattern such as "~/shards/*.txt", or a list of paths: UTF-8,
            perhaps compressed ("*.gz", all of them or none).
        tokenizer: `Tokenizer`.
        batch_size: Sentences per batch; the last batch may be smaller.
        seed: Seed of the order, which depends on it and on the number of the epoch alone:
            the files are shuffled, and then each `buffer` of lines as in `Batches`. None
            keeps the order.
        buffer: Lines in memory.
        sentences: How many there are, if that is known. Otherwise the first use counts
            them, which reads all files once.
        by_length: As in `Batches`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If `batch_size` or `sentences` is below 1, or only some of the files are
            compressed; when they are counted, if all lines are blank.
        tf.errors.InvalidArgumentError: From an iteration, if a line is not UTF-8, or not
            one word of the first lines is in the vocabulary.

    Example:

    >>> data = tv.TextStream("shards/*.txt", tokenizer, batch_size=64, seed=0)
    >>> vae.fit(data, epochs=2)
    """

    def __init__(
        self,
        files,
        tokenizer,
        batch_size=64,
        seed=None,
        buffer=20_000,
        sentences=None,
        by_length=True,
    ):
        if isinstance(files, (str, os.PathLike)):
            pattern = os.path.expanduser(files)
            files = sorted(glob.glob(pattern)) or [pattern]  # "a[1].txt" matches not itself
        self.files = [os.path.expanduser(path) for path in files]
        missing = [path for path in self.files if not os.path.isfile(path)]
        if missing or not self.files:
            raise FileNotFoundError(f"no file at {missing[0] if missing else files}")
        self.compression = "GZIP" if self.files[0].endswith(".gz") else None
        if len({path.endswith(".gz") for path in self.files}) > 1:
            raise ValueError("some files end in .gz and others do not; pass one kind")
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}; it must be at least 1")
        self.tokenizer, self.batch_size = tokenizer, batch_size
        self.seed, self.buffer, self.by_length = seed, buffer, by_length
        if sentences is not None:
            if sentences < 1:
                raise ValueError(f"sentences is {sentences}; it must be at least 1")
            self.sentences = sentences
        self.epoch = 0  # of the next pass

    @functools.cached_property
    def sentences(self):
        """How many there are."""
        sizes = self.pools(self.files, self.buffer).map(lambda s: tf.size(s, tf.int64))
        n = int(sizes.reduce(np.int64(0), lambda n, size: n + size))
        if n == 0:
            raise ValueError(
                f"{self.files[:3]} hold no sentence: all their lines are blank"
            )
        return n

    def __len__(self):
        return -(-self.sentences // self.batch_size)

    def __iter__(self):
        """One pass, as arrays. The next pass has another order, unless there is no seed."""
        return self.dataset().as_numpy_iterator()

    def dataset(self):
        """As a tf.data.Dataset of token ids (B, T); each iteration of it is one pass."""
        passes = tf.data.Dataset.from_tensors(0).map(
            lambda _: tf.ensure_shape(tf.numpy_function(self.next_epoch, [], tf.int64), ())
        )
        data = passes.flat_map(self.one_pass)
        data = data.apply(tf.data.experimental.assert_cardinality(len(self)))
        return without_autotune(data.prefetch(2))

    def next_epoch(self):
        self.epoch += 1
        return np.int64(self.epoch - 1)

    def one_pass(self, epoch):
        files = tf.constant(self.files)
        if self.seed is not None:
            files = tf.random.experimental.stateless_shuffle(files, [self.seed, epoch])
        size = max(1, self.buffer // self.batch_size) * self.batch_size
        pools = self.pools(files, size).enumerate()
        shape = (None, self.batch_size, self.tokenizer.length)

        def encode(number, lines):
            ids = tf.numpy_function(self.encode, [epoch, number, lines], tf.int32)
            return tf.ensure_shape(ids, shape)

        batches = pools.map(encode).prefetch(1)  # encoded while the last one is learned
        return batches.flat_map(tf.data.Dataset.from_tensor_slices).map(trimmed)

    def pools(self, files, size):
        """The lines that are not blank, `size` at a time: one by one they cost more."""
        lines = tf.data.TextLineDataset(files, self.compression).batch(size)
        blank = r"[\pZ\pC]*"
        lines = lines.map(lambda s: s[~tf.strings.regex_full_match(s, blank)])
        return lines.rebatch(size)

    def encode(self, epoch, number, lines):
        """Lines -> their batches (N, B, T), filled with PAD where a batch is short."""
        try:
            sentences = [line.decode("utf-8-sig") for line in lines]
        except UnicodeDecodeError as error:
            raise ValueError(
                f"a line of {self.files[:3]} ... is not UTF-8: {error.object[:50]!r}. "
                "Convert the file, for example with `iconv -f GB18030 -t UTF-8`."
            ) from error
        # Of the first lines some word is known in any corpus that fits the tokenizer.
        encode = self.tokenizer.encode if number == 0 else self.tokenizer.encode_any
        ids = encode(sentences, truncate=True)
        batches = Batches(ids, self.batch_size, self.seed, self.by_length)
        order = batches.order(epoch * 1_000_003 + number)
        shape = (len(order), self.batch_size, self.tokenizer.length)
        pool = np.full(shape, PAD, "int32")
        for batch, rows in zip(pool, order, strict=True):
            batch[: len(rows)] = ids[rows]
        return pool


def trimmed(batch):
    """(B, T) without the rows and the columns that hold nothing but padding."""
    used = batch != PAD
    rows = tf.reduce_any(used, axis=1)
    length = tf.reduce_sum(tf.cast(tf.reduce_any(used, axis=0), tf.int32))
    return tf.boolean_mask(batch, rows)[:, :length]
