"""How do time and memory of a text VAE grow with its sizes?

    python -m benchmarks.growth

One size at a time is doubled again and again, the others stay. Each setting has a process
of its own: it measures the seconds of a training step (for samples: of an evaluation of 64
sentences, less those of an evaluation with one sample) and how much its memory grew. The
exponent b of seconds = a size^b is fitted to the largest three sizes. It writes
benchmarks/results/growth.json.
"""

import multiprocessing
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks import results
from benchmarks.measure import peak_megabytes, timed

BASE = {"batch": 64, "length": 12, "vocabulary": 5000, "latent": 32, "units": 256}
SIZES = {
    "batch": [16, 32, 64, 128, 256, 512],
    "length": [6, 12, 24, 48, 96],
    "vocabulary": [1250, 2500, 5000, 10_000, 20_000, 40_000],
    "latent": [8, 16, 32, 64, 128, 256],
    "units": [64, 128, 256, 512, 1024],
    "samples": [10, 20, 40, 80, 160, 320],
}
STEPS = 15


def measure(batch, length, vocabulary, latent, units, samples=None):
    """Seconds of one step (median), and the growth of memory in megabytes."""
    import tensorflow as tf

    import tutvae as tv

    before = peak_megabytes()
    words = ["<pad>", "<unk>", "<s>", "</s>", *(f"w{i}" for i in range(vocabulary - 4))]
    tokenizer = tv.Tokenizer(words, length + 1)
    encoder = tv.lstm_encoder(vocabulary, units, 128, bidirectional=False)
    decoder = tv.lstm_decoder(vocabulary, latent, units, 128)
    vae = tv.TextVAE(encoder, decoder, tv.GaussianPosterior(latent), tokenizer)
    vae.compile("adam")
    x = np.random.default_rng(0).integers(4, vocabulary, (batch, length + 1), "int32")
    x[:, 0], x[:, -1] = 2, 3  # START, END: `length` tokens are predicted
    tokens = tf.constant(x)
    step = tf.function(vae.train_step)

    if samples is None:
        times = [timed(lambda: step(tokens))[0] for _ in range(STEPS)][1:]  # one compiles
    else:
        q = tv.evaluation.posteriors(vae, x, batch)

        def evaluate(samples):
            return timed(lambda: tv.evaluation.log_weights(vae, x, q, samples, batch))[0]

        times = [evaluate(samples) - evaluate(1) for _ in range(3)]  # each call compiles
    return float(np.median(times)), peak_megabytes() - before


def exponent(sizes, seconds):
    """b in seconds = a size^b, from the largest three."""
    return float(np.polyfit(np.log(sizes[-3:]), np.log(seconds[-3:]), 1)[0])


def main():
    figures = {"base": BASE, "sizes": {}}
    context = multiprocessing.get_context("spawn")
    for name, sizes in SIZES.items():
        rows = []
        for size in sizes:
            with context.Pool(1) as pool:
                rows.append(pool.apply(measure, kwds={**BASE, name: size}))
            print(name, size, rows[-1], flush=True)
        times, memory = zip(*rows, strict=True)
        figures["sizes"][name] = {
            "size": sizes,
            "seconds": [round(s, 5) for s in times],
            "megabytes": [round(m) for m in memory],
            "exponent_seconds": round(exponent(sizes, times), 2),
            "exponent_megabytes": round(exponent(sizes, memory), 2),
        }
    results.write("growth", figures)


if __name__ == "__main__":
    main()
