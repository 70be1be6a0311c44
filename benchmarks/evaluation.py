"""How long does evaluation with 500 importance samples take on the Penn Treebank?

    python -m benchmarks.evaluation [--sentences 3761]

It evaluates the test set, sorted by length so that a batch holds little padding; the
weights are untrained, which changes nothing in the time.
With fewer sentences (every n-th is taken) the seconds are scaled to all. It writes
benchmarks/results/evaluation.json.
"""

import argparse
import os
import resource
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tutvae as tv
from benchmarks import results
from benchmarks.speed.sizes import EMBED, LATENT, UNITS

SAMPLES = 500


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=3761)
    wanted = parser.parse_args().sentences
    data = tv.load_data("ptb")
    tokenizer = tv.WhitespaceTokenizer.fit(data.train, 20_000)  # keeps all words
    by_length = sorted(data.test, key=lambda s: len(s.split()))
    chosen = by_length[:: max(1, len(by_length) // wanted)][:wanted]
    vae = tv.TextVAE(
        tv.lstm_encoder(len(tokenizer), UNITS, EMBED, bidirectional=False),
        tv.lstm_decoder(len(tokenizer), LATENT, UNITS, EMBED),
        tv.GaussianPosterior(LATENT),
        tokenizer,
    )
    start = time.perf_counter()
    tv.evaluation.report(vae, tokenizer.encode(chosen), SAMPLES)
    seconds = (time.perf_counter() - start) * len(data.test) / len(chosen)
    figures = {
        "samples": SAMPLES,
        "sentences_measured": len(chosen),
        "sentences": len(data.test),
        "minutes_for_all": round(seconds / 60, 1),
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(figures)
    results.write("evaluation", figures)


if __name__ == "__main__":
    main()
