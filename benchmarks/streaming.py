"""Training from files that do not fit in memory: does it keep up, and in how much memory?

    python -m benchmarks.streaming [--gigabytes 1.0]

Writes shards of sentences drawn from Tatoeba, with replacement, to a temporary folder;
reads, tokenises and batches all of them once; then trains a model on them for 1,000 steps.
It writes benchmarks/results/streaming.json.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import tutvae as tv
from benchmarks import results
from benchmarks.measure import peak_megabytes, timed

SHARDS, STEPS, BATCH = 10, 1000, 64


def write_shards(folder, sentences, size):
    """`SHARDS` files that together hold `size` bytes at least; how many sentences."""
    rng, written = np.random.default_rng(0), 0
    for i in range(SHARDS):
        with open(Path(folder) / f"{i}.txt", "w", encoding="utf-8") as file:
            while file.tell() < size / SHARDS:
                drawn = rng.integers(len(sentences), size=50_000)
                file.writelines(f"{sentences[i]}\n" for i in drawn)
                written += len(drawn)
    return written


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    size = parser.parse_args().gigabytes * 1e9
    train = tv.load_data("tatoeba", language="en").train
    tokenizer = tv.Tokenizer.fit(train, size=6000, length=16)
    vae = tv.TextVAE(
        tv.lstm_encoder(len(tokenizer), 128, 128),
        tv.lstm_decoder(len(tokenizer), 32, 256, 128),
        tv.GaussianPosterior(32),
        tokenizer,
    )
    vae.compile("adam")
    vae.fit(tv.batches(tokenizer.encode(train[:BATCH], truncate=True), BATCH), verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        sentences = write_shards(folder, train, size)
        figures = {"peak_megabytes_before": round(peak_megabytes())}
        files = sorted(Path(folder).glob("*.txt"))
        figures["gigabytes"] = round(sum(f.stat().st_size for f in files) / 1e9, 2)
        stream = tv.TextStream(files, tokenizer, BATCH, seed=0, sentences=sentences)
        figures["sentences"] = sentences
        seconds, read = timed(lambda: sum(map(len, stream)))
        assert read == sentences
        figures["seconds_one_pass"] = round(seconds, 1)
        figures["peak_megabytes_reading"] = round(peak_megabytes())
        seconds, _ = timed(lambda: vae.fit(stream, steps_per_epoch=STEPS, verbose=0))
        figures |= {"steps": STEPS, "batch_size": BATCH}
        figures["seconds_training"] = round(seconds, 1)
        figures["peak_megabytes"] = round(peak_megabytes())
    results.write("streaming", figures)
    print(figures)


if __name__ == "__main__":
    main()
