"""Trains a VAE of sentences on text files of any size, and survives being killed.

    python examples/streaming.py shards/*.txt [--epochs 3] [--out vae.keras]

One sentence a line, UTF-8. The files are never in memory as a whole. When the program is
killed and started again it goes on where it was, and ends with the same weights, bit for
bit, as if nothing had happened; its state is in OUT.npz until the model is written.
"""

import argparse
import glob
import itertools
from pathlib import Path

import keras

import tutvae as tv

SAMPLE = 100_000  # lines from which the vocabulary is taken


def vocabulary(files, length=16):
    """The tokenizer: the commonest words of the first lines."""
    lines = (line for file in files for line in open(file, encoding="utf-8-sig"))
    sample = list(itertools.islice(filter(str.strip, lines), SAMPLE))
    return tv.Tokenizer.fit(sample, size=6000, length=length)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--every", type=int, default=500, help="steps between two states")
    parser.add_argument("--units", type=int, default=384)
    parser.add_argument("--out", default="vae.keras")
    options = parser.parse_args()
    # Not every shell expands a pattern.
    files = sorted(path for name in options.files for path in glob.glob(name) or [name])

    keras.utils.set_random_seed(0)
    recipe = tv.RECIPES["tatoeba-en-fluent"]._replace(
        epochs=options.epochs, units=options.units
    )
    tokenizer = vocabulary(files)
    data = tv.TextStream(files, tokenizer, recipe.batch_size, seed=0)
    vae = recipe.build(tokenizer, len(data))
    state = Path(options.out).with_suffix(".npz")
    resume = tv.Resume(state, data, every=options.every)
    vae.fit(data, epochs=recipe.epochs, callbacks=[resume], verbose=2)
    vae.save(options.out)
    state.unlink()
    print("wrote", options.out)


if __name__ == "__main__":
    main()
