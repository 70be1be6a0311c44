"""python -m benchmarks.quality.train NAME: trains one of the shipped models.

NAME is one of `tv.RECIPES`: tatoeba-en-faithful, say, or tatoeba-en-lm for the language
model that the others are compared with. It can be stopped at any time, and goes on when it
is started again.
"""

import argparse
import os
import zlib
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import tutvae as tv
from benchmarks import results
from benchmarks.quality.corpus import load

CACHE = Path("~/.cache/tutvae/quality").expanduser()


def train(name):
    """Train, or go on with it, and return the model with its best weights, and its data."""
    recipe, corpus = tv.RECIPES[name], load(language_of(name))
    keras.utils.set_random_seed(0)
    x = corpus.tokenizer.encode(corpus.train)
    data = tv.batches(x, recipe.batch_size, seed=0)
    model = recipe.build(corpus.tokenizer, len(data))
    print(f"{name}: {model.count_params():,} weights, {len(x):,} sentences")
    stop = keras.callbacks.EarlyStopping(
        monitor="val_loss",
        patience=5,
        restore_best_weights=True,
        start_from_epoch=recipe.warm_up,
    )
    mark = zlib.crc32(repr(recipe).encode())  # a changed recipe does not go on with it
    resume = tv.Resume(CACHE / f"{name}-{mark:08x}.npz", data, [stop], every=500)
    validation = tv.batches(corpus.tokenizer.encode(corpus.validation), 128)
    model.fit(
        data,
        validation_data=validation,
        epochs=recipe.epochs,
        callbacks=[stop, resume],
        verbose=2,
    )
    return model, corpus


def language_of(name):
    return name.split("-")[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=list(tv.RECIPES))
    name = parser.parse_args().name
    model, corpus = train(name)
    if tv.RECIPES[name].latent == 0:
        figures = language_model(model, corpus)
        results.write(f"quality-lm-{language_of(name)}", figures)
        return
    path = CACHE / f"{name}.keras"
    print(f"wrote {path}; SHA-256 {tv.save_compact(model, path)}")


def language_model(model, corpus):
    """Nats per test sentence of the language model and of a Kneser-Ney trigram."""
    words = corpus.tokenizer

    def known(sentences):
        split = map(words.split, sentences)
        return [[w if w in words.ids else "<unk>" for w in s] for s in split]

    trigram = tv.KneserNey(order=3).fit(known(corpus.train))
    test = tv.batches(words.encode(corpus.test), 128)
    scores = [trigram.log_prob(s) for s in known(corpus.test)]
    return {
        "lm_nll": float(model.evaluate(test, verbose=0, return_dict=True)["loss"]),
        "kneser_ney_nll": -sum(scores) / len(scores),
        "weights": model.count_params(),
    }


if __name__ == "__main__":
    main()
