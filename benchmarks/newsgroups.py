"""The neural variational document model on 20 Newsgroups: test perplexity.

    python -m benchmarks.newsgroups [--seed 0]

It trains for 60 epochs, with a learning rate that falls along half a cosine and a decoder
that starts as the unigram model, and writes benchmarks/results/newsgroups.json. The
perplexity is exp of the mean over documents of -ELBO divided by the number of words.

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


def build(train, seed):
    words, steps = train.shape[1], EPOCHS * -(-len(train) // BATCH)
    counts = keras.Input((words,))
    features = tv.dense_encoder((words,), (UNITS,), "tanh")(keras.ops.log1p(counts))
    decoder = tv.dense_decoder(LATENT, (words,), ())
    share = (train.sum(axis=0) + 1) / (train.sum() + words)
    decoder.get_layer(index=1).bias.assign(np.log(share))
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


def perplexity(vae, counts):
    """exp of the mean over documents of -ELBO / words."""
    q = tv.evaluation.posteriors(vae, counts)
    log_px, kl, _ = tv.evaluation.log_weights(vae, counts, q, SAMPLES)
    return float(np.exp(np.mean((kl - log_px) / counts.sum(axis=1))))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    keras.utils.set_random_seed(seed)
    data = tv.load_data("20ng")
    vae = build(data.train, seed)
    seconds, _ = timed(
        lambda: vae.fit(
            tv.batches(data.train, BATCH, seed=seed),
            validation_data=(data.validation, None),
            epochs=EPOCHS,
            verbose=2,
        )
    )
    figures = {
        "seed": seed,
        "latent": LATENT,
        "samples": SAMPLES,
        "epochs": EPOCHS,
        "seconds": round(seconds),
        "validation_perplexity": perplexity(vae, data.validation),
        "perplexity": perplexity(vae, data.test),
        **tv.evaluation.report(vae, data.test, SAMPLES, verbose=0),
    }
    results.write("newsgroups", figures)
    print(figures)


if __name__ == "__main__":
    main()
