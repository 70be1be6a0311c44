"""How much faster is decoding that carries its state than running the whole prefix again?

    python -m benchmarks.decoding

Writes 1,000 sentences of up to 12 tokens, greedily, from the same z and weights, in
two ways that alternate: `TextVAE.decode`, and the plain loop that runs the decoder on the
whole prefix for every token, outside of a compiled function. Then it writes them by beam
search with five hypotheses. It writes benchmarks/results/decoding.json.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import statistics

import keras
import numpy as np

import tutvae as tv
from benchmarks import results
from benchmarks.measure import timed
from tutvae.tokenizer import PAD, SPECIAL, START, UNK

SENTENCES, LENGTH, VOCABULARY, PAIRS, BEAMS = 1000, 12, 2000, 5, 5


def model():
    """An untrained model of the size that the book's pages train."""
    keras.utils.set_random_seed(0)
    words = [f"w{i}" for i in range(VOCABULARY - len(SPECIAL))]
    tokenizer = tv.Tokenizer([*SPECIAL, *words], LENGTH + 1)
    encoder = tv.lstm_encoder(VOCABULARY, 96, 128)
    decoder = tv.lstm_decoder(VOCABULARY, 32, 192, 128)
    return tv.TextVAE(encoder, decoder, tv.GaussianPosterior(32), tokenizer)


def plain_decode(vae, z):
    """Greedy; the decoder runs on all words so far at every step."""
    tokens = np.full((len(z), LENGTH + 1), PAD, "int32")
    tokens[:, 0] = START
    for t in range(1, LENGTH + 1):
        features = vae.decoder([tokens[:, :t], z])
        logits = np.array(vae.readout(features[:, -1]))
        logits[:, [PAD, UNK, START]] = -np.inf
        tokens[:, t] = logits.argmax(axis=-1)
    return vae.tokenizer.decode(tokens)


def main():
    vae = model()
    z = np.random.default_rng(0).normal(size=(SENTENCES, 32)).astype("float32")
    vae.decode(z), vae.decode(z, beams=BEAMS)  # compiles
    ratios, beam, same = [], [], True
    for _ in range(PAIRS):
        fast, written = timed(lambda: vae.decode(z))
        slow, plain = timed(lambda: plain_decode(vae, z))
        ratios.append(round(slow / fast, 1))
        beam.append(timed(lambda: vae.decode(z, beams=BEAMS))[0] / fast)
        same = same and written == plain
        print(f"plain {slow:.2f} s, carried {fast:.2f} s, ratio {slow / fast:.1f}")
    figures = {
        "sentences": SENTENCES,
        "tokens": LENGTH,
        "vocabulary": VOCABULARY,
        "ratios": ratios,
        "same_sentences": same,
        "median_ratio": round(statistics.median(ratios), 1),
        "beams": BEAMS,
        "beam_over_greedy": round(statistics.median(beam), 1),
    }
    print(figures)
    results.write("decoding", figures)


if __name__ == "__main__":
    main()
