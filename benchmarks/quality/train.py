"""python -m benchmarks.quality.train LANGUAGE POINT: trains one of the shipped models.

POINT is faithful, fluent, or lm, the language model that they are compared with. It can be
stopped at any time, and goes on when it is started again.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import tutvae as tv
from benchmarks import results
from benchmarks.quality import LANGUAGES
from benchmarks.quality.corpus import load

CACHE = Path("~/.cache/tutvae/quality").expanduser()


def train(language, point):
    """Train, or go on with it, and return the model with its best weights."""
    corpus, recipe = load(language), tv.RECIPES[point]
    keras.utils.set_random_seed(0)
    x = corpus.tokenizer.encode(corpus.train)
    data = tv.batches(x, recipe.batch_size, seed=0)
    model = recipe.build(corpus.tokenizer, len(data))
    print(f"{language} {point}: {model.count_params():,} weights, {len(x):,} sentences")
    stop = keras.callbacks.EarlyStopping(
        *("val_loss", 0.0, 5), restore_best_weights=True, start_from_epoch=recipe.warm_up
    )
    resume = tv.Resume(CACHE / f"{language}-{point}.npz", data, [stop], every=500)
    validation = tv.batches(corpus.tokenizer.encode(corpus.validation), 128)
    model.fit(
        data,
        validation_data=validation,
        epochs=recipe.epochs,
        callbacks=[stop, resume],
        verbose=2,
    )
    return model, corpus


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("language", choices=LANGUAGES)
    parser.add_argument("point", choices=list(tv.RECIPES))
    arguments = parser.parse_args()
    model, corpus = train(arguments.language, arguments.point)
    if arguments.point == "lm":
        results.write(f"quality-lm-{arguments.language}", language_model(model, corpus))
        return
    path = CACHE / f"tatoeba-{arguments.language}-{arguments.point}.keras"
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
