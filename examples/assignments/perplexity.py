"""Assignment "perplexity": a VAE whose perplexity is low and whose posterior informs.

Fill in `build`, run this program, and hand in the model that it writes:

    python perplexity.py model.keras
    python grade.py perplexity model.keras

Any `tv.TextVAE` counts whose parts are of the package and of Keras; parts of one's own
cannot be read by the grader. Sentences for training are free, updates and weights are not:
both are the same on every machine, seconds are not. Points:

    file          1   it is a saved `tv.TextVAE`
    tokenizer     1   its tokenizer is the one below
    probabilities 1   those of all sentences of the grammar sum to 1 at most, but for noise
    budget        1   at most UPDATES updates and WEIGHTS weights
    perplexity    3   at most 1.1 times that of the grammar itself
    information   3   I(x; z) under the posterior is at least 1 nat per sentence
"""

import argparse

import keras

import tutvae as tv

UPDATES = 600
WEIGHTS = 30_000
BATCH = 64


def build(tokenizer):
    """A compiled `tv.TextVAE` of sentences of this tokenizer."""
    raise NotImplementedError("build the model here")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    options = parser.parse_args()

    keras.utils.set_random_seed(0)
    grammar = tv.Grammar()
    tokenizer = tv.Tokenizer.fit(grammar.sentences())
    sentences, _ = grammar.sample(UPDATES * BATCH, seed=1)
    vae = build(tokenizer)
    vae.fit(tv.batches(tokenizer.encode(sentences), BATCH, seed=0), verbose=2)
    vae.save(options.out)
    print("wrote", options.out)


if __name__ == "__main__":
    main()
