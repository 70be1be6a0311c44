"""python -m benchmarks.speed.parts: what each part of the engine brings.

The same training as in the race, each time with one part taken out, or with one idea that
was rejected put in. It writes benchmarks/results/speed-parts.json: the seconds of each
variant over those of the engine as it is. What was expected of them is in LOG.md.
"""

import os
import sys
from types import SimpleNamespace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import results
from benchmarks.speed.race import ROUNDS, Contestant, race, ratio, sentences

BATCH_SIZES, SENTENCES = (32, 128), 800  # a round


def contestant(words, batch_size, variant=None):
    """`ours` changed in one point: a key of `VARIANTS`, or None."""
    if variant is not None:
        VARIANTS[variant]()
    from benchmarks.speed import ours

    return ours.contestant(words, batch_size)


def without_lstm():
    """Keras' LSTM."""
    import keras

    from tutvae import decoders, encoders

    encoders.LSTM = decoders.LSTM = keras.layers.LSTM


def without_adam():
    """Keras' Adam."""
    import keras

    import tutvae

    tutvae.Adam = keras.optimizers.Adam


def without_softmax():
    """TensorFlow's cross-entropy."""
    import tensorflow as tf

    from tutvae import likelihoods

    def log_softmax_at(logits, token):
        return -tf.nn.sparse_softmax_cross_entropy_with_logits(token, logits)

    likelihoods.log_softmax_at = log_softmax_at


def without_real_tokens():
    """The softmax runs over the padding too."""
    from tutvae import text
    from tutvae.likelihoods import categorical

    def log_likelihood(self, x, z, training=False):
        features = self.decoder([x[:, :-1], z], training=training)
        return categorical(x[:, 1:], self.readout(features))

    text.SentenceModel.log_likelihood = log_likelihood


def without_buckets():
    """Batches in random order, each trimmed to its longest sentence."""
    import numpy as np

    from tutvae.batches import Batches

    def order(self, epoch):
        rows = np.random.default_rng([self.seed, epoch]).permutation(len(self.x))
        return [rows[i : i + self.batch_size] for i in self.starts()]

    Batches.order = order


def without_memory():
    """The C library gives memory back, as it does by default."""
    sys.modules["tutvae.memory"] = SimpleNamespace(keep_freed_memory=lambda: None)


def with_chunks():
    """Projection and softmax in four chunks, computed again for the gradient."""
    import tensorflow as tf

    from tutvae import text
    from tutvae.likelihoods import categorical
    from tutvae.tokenizer import PAD

    def log_likelihood(self, x, z, training=False):
        features = self.decoder([x[:, :-1], z], training=training)
        real = tf.where(x[:, 1:] != PAD)
        features, tokens = tf.gather_nd(features, real), tf.gather_nd(x[:, 1:], real)

        @tf.recompute_grad
        def chunk(features, tokens):
            logits = tf.expand_dims(self.readout(features), 1)
            return categorical(tf.expand_dims(tokens, 1), logits)

        n = tf.shape(tokens)[0]
        quarters = [slice(i * n // 4, (i + 1) * n // 4) for i in range(4)]
        log_p = tf.concat([chunk(features[q], tokens[q]) for q in quarters], 0)
        return tf.math.unsorted_segment_sum(log_p, real[:, 0], tf.shape(x)[0])

    text.SentenceModel.log_likelihood = log_likelihood


def with_one_thread():
    """One core in place of two."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


VARIANTS = {
    f.__name__: f
    for f in (
        *(without_lstm, without_adam, without_softmax, without_real_tokens),
        *(without_buckets, without_memory, with_chunks, with_one_thread),
    )
}


def main():
    words, tokens = sentences()
    module = "benchmarks.speed.parts"
    contestants = {"all": Contestant(module, "contestant")} | {
        name: Contestant(module, "contestant", {"variant": name}) for name in VARIANTS
    }
    figures = {"rounds": ROUNDS, "sentences_a_round": SENTENCES, "batch_sizes": {}}
    for batch_size in BATCH_SIZES:
        seconds = race(contestants, words, tokens, batch_size, SENTENCES)
        whole = seconds.pop("all")
        line = {name: ratio(theirs, whole) for name, theirs in seconds.items()}
        figures["batch_sizes"][batch_size] = line
        print(batch_size, line)
    results.write("speed-parts", figures)


if __name__ == "__main__":
    main()
