"""python -m benchmarks.speed.parts: what each part of the engine brings.

The same training as in the race, each time with one part taken out. It writes
benchmarks/results/speed-parts.json: seconds without the part over seconds with all parts.
"""

import os
import sys
from types import SimpleNamespace

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import results
from benchmarks.speed.race import ROUNDS, SENTENCES, Contestant, race, ratio, sentences

BATCH_SIZES = 32, 128


def contestant(words, batch_size, without=None):
    """`ours` without one part: a key of `WITHOUT`, or None."""
    if without is not None:
        WITHOUT[without]()
    from benchmarks.speed import ours

    return ours.contestant(words, batch_size)


def lstm():
    """Keras' LSTM."""
    import keras

    from tutvae import decoders, encoders

    encoders.LSTM = decoders.LSTM = keras.layers.LSTM


def adam():
    """Keras' Adam."""
    import keras

    import tutvae

    tutvae.Adam = keras.optimizers.Adam


def softmax():
    """TensorFlow's cross-entropy."""
    import tensorflow as tf

    from tutvae import likelihoods

    def log_softmax_at(logits, token):
        return -tf.nn.sparse_softmax_cross_entropy_with_logits(token, logits)

    likelihoods.log_softmax_at = log_softmax_at


def real_tokens():
    """The softmax runs over the padding too."""
    from tutvae import text
    from tutvae.likelihoods import categorical

    def log_likelihood(self, x, z, training=False):
        features = self.decoder([x[:, :-1], z], training=training)
        return categorical(x[:, 1:], self.readout(features))

    text.SentenceModel.log_likelihood = log_likelihood


def buckets():
    """Batches in random order, each trimmed to its longest sentence."""
    import numpy as np

    from tutvae.batches import Batches

    def order(self, epoch):
        rows = np.random.default_rng([self.seed, epoch]).permutation(len(self.x))
        return [rows[i : i + self.batch_size] for i in self.starts()]

    Batches.order = order


def memory():
    """The C library gives memory back, as it does by default."""
    sys.modules["tutvae.memory"] = SimpleNamespace(keep_freed_memory=lambda: None)


WITHOUT = {
    part.__name__: part for part in (lstm, adam, softmax, real_tokens, buckets, memory)
}


def main():
    words, tokens = sentences()
    module = "benchmarks.speed.parts"
    contestants = {"all": Contestant(module, "contestant")} | {
        part: Contestant(module, "contestant", {"without": part}) for part in WITHOUT
    }
    figures = {"rounds": ROUNDS, "sentences_a_round": SENTENCES, "batch_sizes": {}}
    for batch_size in BATCH_SIZES:
        seconds = race(contestants, words, tokens, batch_size)
        whole = seconds.pop("all")
        line = {f"without_{part}": ratio(s, whole) for part, s in seconds.items()}
        figures["batch_sizes"][batch_size] = line
        print(batch_size, line)
    results.write("speed-parts", figures)


if __name__ == "__main__":
    main()
