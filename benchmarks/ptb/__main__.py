"""python -m benchmarks.ptb [RECIPE]: train and evaluate one row of the table, or all."""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

import tutvae as tv
from benchmarks import results
from benchmarks.ptb.recipes import EPOCHS, RECIPES, WARM_UP, build, compiled

BATCH, SAMPLES = 32, 100
CACHE = Path("~/.cache/tutvae/ptb").expanduser()


class Clock(keras.callbacks.Callback):
    """Seconds of training, over all interruptions."""

    def __init__(self):
        super().__init__()
        self.seconds, self.last = 0.0, 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self.last = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        self.seconds, self.last = self.seconds + now - self.last, now


def pretrain(recipe, model, data, path):
    """Train as an autoencoder, without KL; then start anew but for the encoder."""
    writer = [model.decoder, model.readout]
    fresh = [part.get_weights() for part in writer]
    objective, beta = model.objective, model.beta
    model.objective, model.beta = tv.ELBO(), 0.0
    clock = Clock()
    resume = tv.Resume(path, data, [clock], every=500)
    model.fit(data, epochs=recipe.pretrained, callbacks=[clock, resume], verbose=2)
    model.objective, model.beta = objective, beta
    for part, weights in zip(writer, fresh, strict=True):
        part.set_weights(weights)
    compiled(model)
    return clock.seconds


def train(name, seed, epochs):
    """The model with its best weights, its test tokens, seconds and the curve."""
    recipe, corpus = RECIPES[name], tv.load_data("ptb")
    tokenizer = tv.WhitespaceTokenizer.fit(corpus.train, 20_000)  # keeps all words
    splits = corpus.train, corpus.validation, corpus.test
    train, valid, test = map(tokenizer.encode, splits)
    keras.utils.set_random_seed(seed)
    data, validation = tv.batches(train, BATCH, seed=seed), tv.batches(valid, 128)
    model = build(recipe, tokenizer, len(data), seed)
    run, seconds = CACHE / f"{name}-{seed}-{epochs}", 0.0
    if recipe.pretrained:
        seconds = pretrain(recipe, model, data, run.with_suffix(".pretrained.npz"))
    watch = dict(monitor="val_elbo", mode="max") if recipe.posterior else {}
    clock = Clock()
    callbacks = [
        keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=2, **watch),
        keras.callbacks.EarlyStopping(
            patience=epochs,
            restore_best_weights=True,
            start_from_epoch=WARM_UP - 1,
            **watch,
        ),
        clock,
    ]
    if recipe.aggressive:
        budget = recipe.aggressive * len(data)
        callbacks.append(tv.Aggressive(train, valid, budget, seed=seed))
    resume = tv.Resume(run.with_suffix(".npz"), data, callbacks, every=500)
    history = model.fit(
        data,
        validation_data=validation,
        epochs=epochs - recipe.pretrained - recipe.aggressive,
        callbacks=[*callbacks, resume],
        verbose=2,
    ).history
    curve = {k[4:]: v for k, v in history.items() if k.startswith("val_")}
    return model, test, seconds + clock.seconds, curve


def evaluate(model, test):
    """The figures of the test set, by the definitions of `tv.evaluation.report`."""
    if isinstance(model, tv.TextVAE):
        return tv.evaluation.report(model, test, SAMPLES, verbose=2)
    nll = model.evaluate(tv.batches(test, 128), verbose=0, return_dict=True)["loss"]
    exact = {"elbo_nll": nll, "iw_nll": nll, "iw_samples": 0, "kl": 0.0, "mi": 0.0, "au": 0}
    ppl = tv.evaluation.perplexity(nll, test)
    return {**exact, "ppl_elbo": ppl, "ppl_iw": ppl}


def row(name, seed, epochs):
    """Train and evaluate a row, and write its file."""
    model, test, seconds, curve = train(name, seed, epochs)
    config = {
        "source": RECIPES[name].source,
        "epochs": epochs,
        "warm_up": WARM_UP,
        "batch_size": BATCH,
        "weights": model.count_params(),
    }
    figures = evaluate(model, test)
    head = {"recipe": name, "seed": seed, "config": config, "seconds": round(seconds)}
    results.write(f"ptb/{name}-{seed}", {**head, **figures, "curve": curve})
    print({k: round(float(v), 3) for k, v in figures.items()})


def missing(seed):
    """The recipes that have no result yet."""
    folder = results.FOLDER / "ptb"
    return [name for name in RECIPES if not (folder / f"{name}-{seed}.json").exists()]


def run_all(seed, epochs, jobs):
    """Every missing row in a process of its own, `jobs` at a time, one core each."""
    one_core = {"TF_NUM_INTRAOP_THREADS": "1", "OMP_NUM_THREADS": "1"}
    CACHE.mkdir(parents=True, exist_ok=True)

    def start(name):
        command = [sys.executable, "-m", "benchmarks.ptb", name]
        command += ["--seed", str(seed), "--epochs", str(epochs)]
        with open(CACHE / f"{name}-{seed}.log", "a") as log:
            done = subprocess.run(
                command, env={**os.environ, **one_core}, stdout=log, stderr=log
            )
        print(
            name, "done" if done.returncode == 0 else f"FAILED, see {log.name}", flush=True
        )

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(start, missing(seed)))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", nargs="?", choices=list(RECIPES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--jobs", type=int, default=2, help="rows at a time")
    options = parser.parse_args()
    if options.recipe is None:
        run_all(options.seed, options.epochs, options.jobs)
    else:
        row(options.recipe, options.seed, options.epochs)


if __name__ == "__main__":
    main()
