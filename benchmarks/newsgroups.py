"""The neural variational document model on 20 Newsgroups: test perplexity.

    python -m benchmarks.newsgroups [--seed 0]

It trains for 60 epochs, with a learning rate that falls along half a cosine and a decoder
that starts as the unigram model, and writes benchmarks/results/newsgroups.json, or for
another seed newsgroups-SEED.json. The perplexity is exp of the mean over documents of -ELBO
divided by the number of words; that of all words, in which a long document counts for more,
stands beside it.

Source: Miao, Yu & Blunsom 2016, arXiv:1511.06038.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import tutvae as tv
from benchmarks import results
from benchmarks.measure import timed

LATENT, UNITS, DROPOUT, SAMPLES, EPOCHS, BATCH = 50, 500, 0.2, 20, 60, 64
SPLITS = ("train", "validation", "test")


def unigram(train):
    """log p(w) of each word (V,), with one more of each than were counted."""
    return np.log((train.sum(axis=0) + 1) / (train.sum() + train.shape[1]))


def build(train, seed):
    words, steps = train.shape[1], EPOCHS * -(-len(train) // BATCH)
    counts = keras.Input((words,))
    features = tv.dense_encoder((words,), (UNITS,), "tanh")(keras.ops.log1p(counts))
    decoder = tv.dense_decoder(LATENT, (words,), ())
    decoder.get_layer(index=1).bias.assign(unigram(train))
    vae = tv.VAE(
        keras.Model(counts, keras.layers.Dropout(DROPOUT)(features)),
        decoder,
        tv.GaussianPosterior(LATENT),
        likelihood=tv.multinomial,
        beta=tv.linear(2000),
        seed=seed,
    )
    rate = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    vae.compile(tv.Adam(rate, global_clipnorm=5.0))
    return vae


def perplexities(loss, counts):
    """Of `loss` in nats per document (N,): the mean over documents, and over all words."""
    words = counts.sum(axis=1)
    return {
        "perplexity": float(np.exp(np.mean(loss / words))),
        "perplexity_of_all_words": float(np.exp(loss.sum() / words.sum())),
    }


def bounds(vae, counts):
    """-ELBO of each document in nats, with `SAMPLES` samples of z (N,)."""
    q = tv.evaluation.posteriors(vae, counts)
    log_px, kl, _ = tv.evaluation.log_weights(vae, counts, q, SAMPLES)
    return kl - log_px


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    keras.utils.set_random_seed(seed)
    data = tv.load_data("20ng")
    vae = build(data.train, seed)
    seconds, _ = timed(
        lambda: vae.fit(tv.batches(data.train, BATCH, seed=seed), epochs=EPOCHS, verbose=2)
    )
    figures = {
        "seed": seed,
        "latent": LATENT,
        "samples": SAMPLES,
        "epochs": EPOCHS,
        "seconds": round(seconds),
        "documents": {name: len(getattr(data, name)) for name in SPLITS},
        "vocabulary": data.train.shape[1],
        "unigram": perplexities(-data.test @ unigram(data.train), data.test),
        "validation": perplexities(bounds(vae, data.validation), data.validation),
        **perplexities(bounds(vae, data.test), data.test),
        **tv.evaluation.report(vae, data.test, SAMPLES, verbose=0),
    }
    results.write(f"newsgroups-{seed}" if seed else "newsgroups", figures)
    print(figures)


if __name__ == "__main__":
    main()
