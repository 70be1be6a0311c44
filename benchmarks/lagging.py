"""A lagging encoder, watched in one dimension.

    python -m benchmarks.lagging [--seed 0]

Two trainings of a VAE with a scalar z, for one pass over 16,000 sequences of a synthetic
language: all parts together, and with an encoder that catches up before each step. At every
50th step the means of the model's own posterior (by a sum over a grid) and of the encoder's
are compared. It writes benchmarks/results/lagging.json.

Source: He et al. 2019, arXiv:1901.05534. The language follows the generator in the history
of their repository (jxhe/vae-lagging-encoder, synthetic-data/generate.py at 34b8db6),
sizes and training its toy.py.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from scipy.special import expit

import tutvae as tv
from benchmarks import results
from benchmarks.measure import timed
from tutvae.tokenizer import END, SPECIAL, START

WORDS, LENGTH, HIDDEN = 1000, 10, 100
UNITS, BATCH, POINTS, EVERY = 50, 16, 200, 50
ALONE = 64  # batches of the encoder's own steps; of 16, as there, its means jump about
SPLITS = {"train": 16_000, "validation": 2_000}
GRID = np.arange(-20, 20.05, 0.1, dtype="float32")


def language(n, seed):
    """n sequences of `LENGTH` word numbers, from a point in the plane and a random LSTM."""
    rng = np.random.default_rng(seed)

    def uniform(*shape, limit=1.0):
        return rng.uniform(-limit, limit, shape).astype("float32")

    embedding, first_state = uniform(WORDS, HIDDEN), uniform(2, HIDDEN)
    from_input, from_state = uniform(HIDDEN + 2, 4 * HIDDEN), uniform(HIDDEN, 4 * HIDDEN)
    bias = uniform(4 * HIDDEN) + uniform(4 * HIDDEN)
    readout, from_point = uniform(HIDDEN, WORDS), uniform(2, WORDS, limit=3.0)
    point = rng.choice([-2.0, 2.0], (n, 2)) + rng.normal(size=(n, 2))
    point = point.astype("float32")
    word, c = rng.integers(WORDS, size=n), point @ first_state
    h, words = np.tanh(c), [word]
    for _ in range(LENGTH - 1):
        x = np.concatenate([embedding[word], point], axis=1)
        i, f, g, o = np.split(x @ from_input + h @ from_state + bias, 4, axis=1)
        c = expit(f) * c + expit(i) * np.tanh(g)
        h = expit(o) * np.tanh(c)
        scores = h @ readout + point @ from_point
        word = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)  # a draw of softmax
        words.append(word)
    return np.stack(words, axis=1)


class Unbiased(tv.GaussianPosterior):
    """Without biases, as there: a bias would carry the means of all sequences about."""

    def __init__(self, latent_dim, **kwargs):
        super().__init__(latent_dim, **kwargs)
        self.mean.use_bias = self.log_var.use_bias = False


def build(tokenizer, seed):
    """A model of the sizes of toy.py: a scalar z, and weights that start near zero."""
    keras.utils.set_random_seed(seed)  # of dropout
    vae = tv.TextVAE(
        tv.lstm_encoder(len(tokenizer), UNITS, UNITS, bidirectional=False),
        tv.lstm_decoder(len(tokenizer), 1, UNITS, UNITS, dropout=0.5),
        Unbiased(1),
        tokenizer,
        seed=seed,
    )
    rng = np.random.default_rng([seed, 1])  # not the numbers that made the language
    for w in vae.trainable_variables:
        limit = 0.1 if "embedding" in w.path else 0.01
        w.assign(rng.uniform(-limit, limit, w.shape))
    vae.compile(keras.optimizers.SGD(1.0, global_clipnorm=5.0))
    return vae


def model_means(vae, tokens):
    """E[z] under p(z|x) for each sequence, by a sum over the grid."""
    score = tf.function(vae.log_likelihood)
    z, means = tf.constant(GRID[:, None]), []
    for row in tokens:
        log_joint = score(tf.constant(np.tile(row, (len(GRID), 1))), z) - GRID**2 / 2
        weight = np.exp(log_joint - np.max(log_joint))
        means.append(weight @ GRID / weight.sum())
    return np.array(means)


class Watch(keras.callbacks.Callback):
    """Writes down both means of every point, the rate, and the mutual information."""

    def __init__(self, tokens):
        super().__init__()
        self.tokens, self.seen = tokens, []

    def on_train_batch_begin(self, batch, logs=None):
        if batch % EVERY == 0:
            self.look(batch)

    def on_train_end(self, logs=None):
        self.look(self.params["steps"])

    def look(self, step):
        q = tv.evaluation.posteriors(self.model, self.tokens)
        model, encoder = model_means(self.model, self.tokens), q.mean[:, 0]
        self.seen.append(
            {
                "step": step,
                "rate": float(np.mean(self.model.prior.kl(q, None))),
                "mi": tv.evaluation.mutual_information(q),
                "model_means": [round(float(m), 3) for m in model],
                "encoder_means": [round(float(m), 3) for m in encoder],
            }
        )
        spread = model.std(), encoder.std()
        print(step, "spread of model and encoder:", *np.round(spread, 3), flush=True)


def watched(x, validation, tokenizer, aggressive, seed):
    """What was seen in one training, and its seconds, those of the looks included."""
    vae, data = build(tokenizer, seed), tv.batches(x, BATCH, seed=seed)
    callbacks = [Watch(x[:POINTS])]
    if aggressive:
        every = len(data)  # the phase lasts for the whole pass
        budget = 100 * every
        callbacks.append(
            tv.Aggressive(x, validation, budget, every=every, batch_size=ALONE, seed=seed)
        )
    seconds, _ = timed(lambda: vae.fit(data, epochs=1, callbacks=callbacks, verbose=0))
    return {"seconds": round(seconds), "seen": callbacks[0].seen}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    words = [f"w{i}" for i in range(WORDS)]
    tokenizer = tv.Tokenizer([*SPECIAL, *words], LENGTH + 2)
    sequences = language(sum(SPLITS.values()), seed)
    ids = np.pad(sequences + len(SPECIAL), ((0, 0), (1, 1))).astype("int32")
    ids[:, 0], ids[:, -1] = START, END
    x, validation = np.split(ids, [SPLITS["train"]])
    runs = {
        name: watched(x, validation, tokenizer, aggressive, seed)
        for name, aggressive in (("together", False), ("aggressive", True))
    }
    results.write("lagging", {"seed": seed, **runs})


if __name__ == "__main__":
    main()
