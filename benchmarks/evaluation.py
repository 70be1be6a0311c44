"""How long does evaluation with 500 importance samples take on the Penn Treebank?

    python -m benchmarks.evaluation [--sentences 3761]

It evaluates the test set, sorted by length so that a batch holds little padding; the
weights are untrained, which changes nothing in the time. Fewer sentences are taken evenly
from the shortest to the longest, and the time is scaled to all. It writes
benchmarks/results/evaluation.json.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import tutvae as tv
from benchmarks import results
from benchmarks.measure import peak_megabytes, timed
from benchmarks.speed.sizes import EMBED, LATENT, UNITS

SAMPLES = 500


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=3761)
    wanted = parser.parse_args().sentences
    data = tv.load_data("ptb")
    tokenizer = tv.WhitespaceTokenizer.fit(data.train, 20_000)  # keeps all words
    by_length = sorted(data.test, key=lambda s: len(s.split()))
    rows = np.linspace(0, len(by_length) - 1, wanted).round().astype(int)
    chosen = [by_length[i] for i in rows]  # from the shortest to the longest
    vae = tv.TextVAE(
        tv.lstm_encoder(len(tokenizer), UNITS, EMBED, bidirectional=False),
        tv.lstm_decoder(len(tokenizer), LATENT, UNITS, EMBED),
        tv.GaussianPosterior(LATENT),
        tokenizer,
    )
    tokens = tokenizer.encode(chosen)
    seconds, _ = timed(lambda: tv.evaluation.report(vae, tokens, SAMPLES))
    minutes = seconds / 60 * len(data.test) / len(chosen)
    figures = {
        "samples": SAMPLES,
        "sentences_measured": len(chosen),
        "sentences": len(data.test),
        "minutes_for_all": round(minutes, 1),
        "peak_megabytes": round(peak_megabytes()),
    }
    print(figures)
    results.write("evaluation", figures)


if __name__ == "__main__":
    main()
