"""python -m benchmarks.ptb [RECIPE]: train and evaluate one row of the table, or all."""

import argparse
import hashlib
import io
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import tutvae as tv
from benchmarks import results
from benchmarks.ptb.recipes import RECIPES, build
from benchmarks.quality.corpus import load as load_tatoeba
from tutvae.resume import write_atomically

BATCH = 32
PART = 50  # importance samples that are drawn and kept at a time
EPOCHS = {"ptb": 12, "tatoeba": 4}
CACHE = Path("~/.cache/tutvae").expanduser()


def load(corpus):
    """The tokenizer, and the tokens of the three splits, those for the test by length."""
    if corpus == "tatoeba":
        data = load_tatoeba("en")
        tokenizer = data.tokenizer
    else:
        data = tv.load_data("ptb")
        tokenizer = tv.WhitespaceTokenizer.fit(data.train, 20_000)  # keeps all words
    splits = data.train, data.validation, data.test
    train, validation, test = map(tokenizer.encode, splits)
    by_length = np.argsort((test != 0).sum(axis=1), kind="stable")
    return tokenizer, train, validation, test[by_length]


class Clock(keras.callbacks.Callback):
    """Seconds of training, without those between a stop and the next start."""

    def __init__(self):
        super().__init__()
        self.seconds, self._last = 0.0, 0.0  # `Resume` keeps the first

    def on_epoch_begin(self, epoch, logs=None):
        self._last = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        self.seconds, self._last = self.seconds + now - self._last, now


class Budget(keras.callbacks.Callback):
    """The learning rate falls along half a cosine until the steps are used up, the end.

    Steps that the encoder takes alone count too.
    """

    def __init__(self, rate, steps, aggressive=None):
        super().__init__()
        self.rate, self.steps, self.aggressive = rate, steps, aggressive

    @property
    def used(self):
        alone = self.aggressive.steps if self.aggressive else 0
        return int(self.model.optimizer.iterations) + alone

    def on_train_batch_begin(self, batch, logs=None):
        rate = self.rate * (1 + np.cos(np.pi * self.used / self.steps)) / 2
        self.model.optimizer.learning_rate = rate

    def on_epoch_end(self, epoch, logs=None):
        if self.used + self.params["steps"] > self.steps:
            self.model.stop_training = True


def pretrain(model, recipe, data, epochs, path):
    """Let the encoder have been an autoencoder's; the seconds that took."""
    clock, budget = Clock(), Budget(recipe.rate, epochs * len(data))
    resume = tv.Resume(path, data, [clock], every=500)
    callbacks = [clock, budget, resume]
    tv.pretrain_encoder(model, data, epochs, callbacks=callbacks, verbose=2)
    return clock.seconds


def train(name, corpus, seed, epochs):
    """The model with its best weights, its test tokens, seconds and the curve."""
    recipe, (tokenizer, train, valid, test) = RECIPES[name], load(corpus)
    keras.utils.set_random_seed(seed)
    data = tv.batches(train, BATCH, seed=seed, by_length=recipe.by_length)
    validation = tv.batches(valid, 128)
    warm_up = max(1, epochs // 4)
    model = build(recipe, tokenizer, warm_up * len(data), seed)
    run, seconds = cached(name, corpus, seed, epochs), 0.0
    if recipe.pretrained:
        path = beside(run, "pretrained.npz")
        epochs, seconds = epochs - warm_up, pretrain(model, recipe, data, warm_up, path)
    steps, clock, aggressive = epochs * len(data), Clock(), None
    best = keras.callbacks.EarlyStopping(
        monitor=recipe.watch,
        mode="max" if "elbo" in recipe.watch else "min",
        patience=epochs,
        restore_best_weights=True,
        start_from_epoch=warm_up - 1,
    )
    callbacks = [best, clock]
    if recipe.aggressive:
        aggressive = tv.Aggressive(train, valid, steps // 2, seed=seed)
        callbacks.append(aggressive)
    callbacks.append(Budget(recipe.rate, steps, aggressive))
    resume = tv.Resume(beside(run, "npz"), data, callbacks, every=500)
    history = model.fit(
        data,
        validation_data=validation,
        epochs=epochs,
        callbacks=[*callbacks, resume],
        verbose=2,
    ).history
    curve = {k[4:]: v for k, v in history.items() if k.startswith("val_")}
    return model, test, seconds + clock.seconds, curve


def evaluate(model, test, samples, run):
    """The figures of the test set, by the definitions of `tv.evaluation.report`.

    The importance samples are drawn in parts, which are kept beside `run`: a later start
    goes on from there. `iw_curve` is the bound, in nats, after each of them.
    """
    if not isinstance(model, tv.TextVAE):
        batches = tv.batches(test, 128)
        nll = model.evaluate(batches, verbose=0, return_dict=True)["loss"]
        exact = {"elbo_nll": nll, "iw_nll": nll, "iw_samples": 0}
        ppl = tv.evaluation.perplexity(nll, test)
        return {**exact, "kl": 0.0, "mi": 0.0, "au": 0, "ppl_elbo": ppl, "ppl_iw": ppl}
    test = tv.evaluation.checked(model, test, samples)
    q = tv.evaluation.posteriors(model, test)
    sizes = [min(PART, samples - start) for start in range(0, samples, PART)]
    parts = [drawn(model, test, q, size, i, run) for i, size in enumerate(sizes)]
    log_px, kl = np.average([part[:2] for part in parts], axis=0, weights=sizes)
    sums = [part[2] + np.log(size) for part, size in zip(parts, sizes, strict=True)]
    counts = np.cumsum(sizes)
    log_w = np.logaddexp.accumulate(sums) - np.log(counts)[:, None]
    figures = tv.evaluation.figures(model, test, q, (log_px, kl, log_w[-1]), samples)
    curve = {"samples": counts.tolist(), "iw_nll": (-log_w.mean(axis=1)).tolist()}
    return {**figures, "iw_curve": curve}


def drawn(model, test, q, samples, part, run):
    """What `tv.evaluation.log_weights` returns, as an array (3, N), drawn once and kept.

    The file's name tells apart other weights, other sentences and other numbers of samples.
    """
    content = b"".join(array.tobytes() for array in (*model.get_weights(), test))
    digest = hashlib.sha256(content).hexdigest()[:12]
    path = beside(run, f"{digest}.{part}-{samples}.npy")
    if not path.exists():
        seed = model.seed + 1000 * part  # the rows' own seeds are small numbers
        estimates = tv.evaluation.log_weights(model, test, q, samples, verbose=2, seed=seed)
        file = io.BytesIO()
        np.save(file, np.stack(estimates))
        write_atomically(path, file.getvalue())
    return np.load(path)


def row(name, corpus, seed, epochs, samples):
    """Train and evaluate a row, and write its file."""
    model, test, seconds, curve = train(name, corpus, seed, epochs)
    recipe = RECIPES[name]._asdict().items()
    config = {
        "corpus": corpus,
        "epochs": epochs,
        "batch_size": BATCH,
        **{k: v for k, v in recipe if isinstance(v, (str, int, float))},
        "weights": model.count_params(),
    }
    if isinstance(model, tv.TextVAE):
        parts = model.posterior, model.prior
        config["objective"] = str(model.objective)
        config["posterior"], config["prior"] = (type(part).__name__ for part in parts)
    figures = evaluate(model, test, samples, cached(name, corpus, seed, epochs))
    head = {"recipe": name, "seed": seed, "config": config, "seconds": round(seconds)}
    path = f"{folder(corpus, epochs)}/{name}-{seed}"
    results.write(path, {**head, **figures, "curve": curve})
    print({k: round(float(v), 3) for k, v in figures.items() if k != "iw_curve"})


def cached(name, corpus, seed, epochs):
    """Where a row keeps its state: in files `beside` this path."""
    return CACHE / corpus / f"{name}-{seed}-{epochs}"


def beside(run, end):
    return run.with_name(f"{run.name}.{end}")  # `with_suffix` would cut "dropout-0.3-..."


def folder(corpus, epochs):
    """Where results are written: longer or shorter trainings have a place of their own."""
    return corpus if epochs == EPOCHS[corpus] else f"{corpus}-{epochs}"


def missing(corpus, seed, epochs):
    """The recipes that have no result yet."""
    done = results.FOLDER / folder(corpus, epochs)
    return [name for name in RECIPES if not (done / f"{name}-{seed}.json").exists()]


def run_all(corpus, seed, epochs, samples, jobs):
    """Every missing row in a process of its own, `jobs` at a time, one core each."""
    threads = "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"
    one_core = dict.fromkeys(threads, "1")
    logs = CACHE / corpus
    logs.mkdir(parents=True, exist_ok=True)

    def start(name):
        command = [sys.executable, "-m", "benchmarks.ptb", name]
        command += ["--corpus", corpus, "--seed", str(seed), "--epochs", str(epochs)]
        command += ["--samples", str(samples)]
        with open(logs / f"{name}-{seed}.log", "a") as log:
            done = subprocess.run(
                command, env={**os.environ, **one_core}, stdout=log, stderr=log
            )
        failed = done.returncode != 0
        print(name, f"FAILED, see {log.name}" if failed else "done", flush=True)
        return failed

    with ThreadPoolExecutor(jobs) as pool:
        failed = list(pool.map(start, missing(corpus, seed, epochs)))
    if any(failed):
        sys.exit("not all rows were made; the same command tries those again")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", nargs="?", choices=list(RECIPES))
    parser.add_argument("--corpus", choices=list(EPOCHS), default="ptb")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, help="12 for ptb, 4 for tatoeba")
    parser.add_argument("--samples", type=int, default=100, help="importance samples")
    parser.add_argument("--jobs", type=int, default=2, help="rows at a time")
    options = parser.parse_args()
    epochs = options.epochs or EPOCHS[options.corpus]
    if options.samples < 1:
        parser.error(f"--samples is {options.samples}; it must be at least 1")
    if options.recipe is None:
        run_all(options.corpus, options.seed, epochs, options.samples, options.jobs)
    else:
        row(options.recipe, options.corpus, options.seed, epochs, options.samples)


if __name__ == "__main__":
    main()
