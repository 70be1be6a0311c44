"""What `grade.py` computes for each assignment, and how it judges that.

To add an assignment, give it an entry in each of the four tables: POINTS, GIVEN (what it is
tested on), RUN (what the process of a submission computes), JUDGE.
"""

import functools
import importlib.util
import math
import sys

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from perplexity import UPDATES, WEIGHTS

import tutvae as tv
from tutvae.distributions import log_normal

POINTS = {
    "kl": {"columns": 1, "zero": 1, "value": 4, "scale": 3, "trains": 1},
    "objective": {"shape": 1, "rate": 2, "information": 5, "bound": 2},
    "perplexity": {
        "file": 1,
        "tokenizer": 1,
        "probabilities": 1,
        "budget": 1,
        "perplexity": 3,
        "information": 3,
    },
}
GRAMMAR = tv.Grammar()
TOKENIZER = tv.Tokenizer.fit(GRAMMAR.sentences())


# What a submission is tested on: from a seed that its author does not know


def normals(seed):
    """Means and log-variances of eight normal distributions, (8, 3)."""
    rng = np.random.default_rng(seed)
    numbers = {"mean": rng.normal(size=(8, 3)), "log_var": rng.uniform(-2, 1, (8, 3))}
    return {name: array.astype("float32") for name, array in numbers.items()}


def hidden(seed):
    """Token ids (N, T) of sentences of the grammar."""
    return TOKENIZER.encode(GRAMMAR.sample(1000, seed)[0])


GIVEN = {  # to the process of a submission; foreign code gets no sentences
    "kl": normals,
    "objective": lambda seed: {},
    "perplexity": lambda seed: {"hidden": hidden(seed)},
}


# What the process of a submission computes: {name: function without arguments -> array}


def run_kl(path, given):
    """KLs (B, D) of the q that is given, of q = p, and of each dimension of q alone."""
    prior = load(path).WideNormal

    def kl(scale, mean, log_var):
        q = tv.Normal(tf.constant(mean), tf.constant(log_var))
        return prior(scale).kl(q, q.sample(2, keras.random.SeedGenerator(0)))

    def at_the_prior(scale):
        mean = np.zeros((1, 3), "float32")
        return kl(scale, mean, np.full_like(mean, 2.0 * math.log(scale)))

    def alone():
        columns = zip(given["mean"].T, given["log_var"].T, strict=True)
        return ops.concatenate([kl(2.0, m[:, None], v[:, None]) for m, v in columns], -1)

    def train():
        nets = tv.dense_encoder((4,), (8,)), tv.dense_decoder(3, (4,), (8,))
        parts = {"prior": prior(2.0), "likelihood": tv.gaussian}
        vae = tv.VAE(*nets, tv.GaussianPosterior(3), **parts)
        vae.compile("adam")
        return vae.fit(np.ones((64, 4), "float32"), verbose=0).history["loss"]

    scales = (1.0, 0.5, 2.0)
    here = given["mean"], given["log_var"]
    return {
        **{f"kl {s}": functools.partial(kl, s, *here) for s in scales},
        **{f"zero {s}": functools.partial(at_the_prior, s) for s in scales},
        "alone": alone,
        "train": train,
    }


class AsMean(tv.Objective):
    """The mean of what another objective returns, of whatever shape, for each example."""

    def __init__(self, other):
        self.other, self.samples = other, other.samples

    def __call__(self, draw, beta):
        mean = ops.mean(self.other(draw, beta))
        return ops.broadcast_to(mean, ops.shape(draw.log_px)[:1])


def small_vae(objective, seed=0):
    """A `tv.TextVAE` of 4 dimensions that trains in seconds."""
    keras.utils.set_random_seed(seed)
    words, posterior = len(TOKENIZER), tv.GaussianPosterior(4)
    nets = tv.gru_encoder(words, 16, 32), tv.gru_decoder(words, 4, 32, 16)
    return tv.TextVAE(*nets, posterior, TOKENIZER, objective=objective, seed=seed)


def trained(objective, seed=0, updates=300):
    """The weights of the small VAE after training, one after the other in one vector."""
    vae = small_vae(AsMean(objective), seed)
    vae.compile(tv.Adam(1e-2))
    sentences, _ = GRAMMAR.sample(64 * updates, seed=seed)
    x = tv.batches(TOKENIZER.encode(sentences), 64, seed=seed, by_length=False)
    vae.fit(x, verbose=0)
    return np.concatenate([w.ravel() for w in vae.get_weights()])


def run_objective(path, given):
    """Losses of a made-up `Draw` of 5 and of 7 examples, and the weights after training."""
    module = load(path)

    def losses(b):
        own, rng, d = module.Remedy(), np.random.default_rng(0), 4
        k = own.samples
        shapes = (b, k, d), (b, k), (b, k), (b, k), (b, d), (b, k, d)
        fields = [tf.constant(rng.uniform(0.1, 1.0, s), "float32") for s in shapes]
        return own(tv.Draw(*fields), 1.0)

    return {
        "losses 5": lambda: losses(5),
        "losses 7": lambda: losses(7),
        "weights": lambda: trained(module.Remedy()),
    }


def run_perplexity(path, given):
    """Sizes of the model, log p of every sentence of the grammar, and I(x; z)."""
    model = tv.load_model(path)
    if type(model) is not tv.TextVAE:
        raise ValueError(f"the file holds a {type(model).__name__}, not a tv.TextVAE")

    def log_p():
        x = TOKENIZER.encode(GRAMMAR.sentences())
        return tv.evaluation.log_likelihood(model, x, samples=10)

    def information():
        q = tv.evaluation.posteriors(model, given["hidden"])
        return tv.evaluation.mutual_information(q)

    def updates():
        if model.optimizer is None:
            raise ValueError("the model was saved without its optimizer")
        return model.optimizer.iterations

    sizes = {
        "model": lambda: True,
        "tokenizer": lambda: model.tokenizer.get_config() == TOKENIZER.get_config(),
        "weights": model.count_params,
        "updates": updates,
    }
    if model.tokenizer.get_config() != TOKENIZER.get_config():
        return sizes  # its perplexity would be that of other tokens
    return {**sizes, "log_p": log_p, "information": information}


def load(path):
    """The module in a file."""
    spec = importlib.util.spec_from_file_location("submission", path)
    if spec is None:
        raise ValueError("the submission must be a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["submission"] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


RUN = {"kl": run_kl, "objective": run_objective, "perplexity": run_perplexity}


# Judging: {criterion: function without arguments that raises `Lost`, or nothing}


class Found(dict):
    """What a submission computed; asked for what failed, it raises `Lost`."""

    def __getitem__(self, key):
        value = self.get(key, self.get("failed", f"{key} is missing"))
        if isinstance(value, str):
            raise Lost(value)
        return value


class Lost(Exception):
    """A criterion whose points are lost, and why."""


def need(holds, reason):
    """Lose the points unless something holds; NaN holds nowhere."""
    if not holds:
        raise Lost(reason)


class Wide(tv.Prior):
    """N(0, scale^2 I) without a closed form: `tv.Prior.kl` estimates the KL."""

    def __init__(self, scale):
        super().__init__()
        self.log_var = 2.0 * math.log(scale)

    def call(self, z):
        return log_normal(z, 0.0, ops.full_like(z, self.log_var))


def judge_kl(found, seed):
    given = normals(seed)
    q = tv.Normal(tf.constant(given["mean"]), tf.constant(given["log_var"]))
    z = q.sample(20_000, keras.random.SeedGenerator(0))

    def columns():
        kl, want = found["kl 2.0"], given["mean"].shape
        need(kl.shape == want, f"the shape is {kl.shape}; (B, D) is {want}")
        same = np.allclose(kl, found["alone"], atol=1e-4, equal_nan=True)
        need(same, "a column is not the KL of its dimension alone")

    def zero():
        for scale in (1.0, 0.5, 2.0):
            kl = found[f"zero {scale}"]
            need(np.abs(kl).max() < 1e-4, f"{kl.ravel()} where q is p, scale {scale}")

    def value(*scales):
        for scale in scales:
            kl, prior = found[f"kl {scale}"], Wide(scale)
            b = len(given["mean"])
            need(kl.shape[:1] == (b,), f"the shape is {kl.shape}, for {b} examples")
            kl = kl.reshape(b, -1).sum(axis=1)
            near = np.array(prior.kl(q, z))[:, 0]
            noise = np.std(q.log_prob(z) - prior(z), axis=1) / math.sqrt(z.shape[1])
            off = np.nan_to_num(np.abs(kl - near) / noise, nan=np.inf)
            i = int(np.argmax(off))
            text = f"scale {scale}: {kl[i]:.3f} nats, by samples {near[i]:.3f}"
            need(off[i] < 5, f"{text} +- {noise[i]:.3f}")

    def trains():
        need(np.isfinite(found["train"]).all(), "the loss is not finite")

    return {
        "columns": columns,
        "zero": zero,
        "value": lambda: value(1.0),
        "scale": lambda: value(0.5, 2.0),
        "trains": trains,
    }


def measured(weights, seed):
    """`tv.evaluation.report` of the small VAE with these weights."""
    vae = small_vae(tv.ELBO())
    old = vae.get_weights()
    parts = np.split(weights, np.cumsum([w.size for w in old])[:-1])
    vae.set_weights([p.reshape(w.shape) for p, w in zip(parts, old, strict=True)])
    return tv.evaluation.report(vae, hidden(seed), samples=4, verbose=0)


@functools.cache
def free_bits(seed):
    """What `measured` says of the small VAE trained with free bits."""
    return measured(trained(tv.FreeBits()), seed)


def judge_objective(found, seed):
    @functools.cache
    def numbers():
        weights = found["weights"]
        need(np.isfinite(weights).all(), "training ended in weights that are not finite")
        return measured(weights, seed)

    def shape():
        for b in (5, 7):
            losses = found[f"losses {b}"]
            need(losses.shape == (b,), f"{b} examples give {losses.shape}, not {(b,)}")
            need(np.isfinite(losses).all(), "a loss is not finite")

    def rate():
        kl = numbers()["kl"]
        need(kl >= 0.5, f"a KL of {kl:.2f} nats per sentence; 0.5 are asked for")

    def information():
        own, other = numbers()["mi"], free_bits(seed)["mi"]
        text = f"I(x; z) is {own:.2f} nats, with free bits {other:.2f}"
        need(own > other + 0.1, f"{text}; over 0.1 more is asked for")

    def bound():
        own, other = numbers()["elbo_nll"], free_bits(seed)["elbo_nll"]
        text = f"-ELBO is {own:.2f} nats, with free bits {other:.2f}"
        need(own <= other + 1, f"{text}; at most 1 more is allowed")

    return {"shape": shape, "rate": rate, "information": information, "bound": bound}


def judge_perplexity(found, seed):
    sentences = GRAMMAR.sentences()
    truth = np.exp([GRAMMAR.log_prob(s) for s in sentences])
    predicted = truth @ np.sum(TOKENIZER.encode(sentences)[:, 1:] != 0, axis=1)

    def file():
        need(found["model"], "no model")

    def tokenizer():
        need(found["tokenizer"], "its vocabulary or length is not that of the assignment")

    def probabilities():
        tokenizer()
        total = np.exp(found["log_p"]).sum()
        need(total <= 1.1, f"they sum to {total:.4g}: the decoder sees what it predicts")

    def budget():
        for what, most in ("updates", UPDATES), ("weights", WEIGHTS):
            need(found[what] <= most, f"{found[what]:.0f} {what}; {most} are allowed")

    def perplexity():
        probabilities()
        own = math.exp(-truth @ found["log_p"] / predicted)
        most = 1.1 * math.exp(GRAMMAR.entropy() / predicted)
        need(own <= most, f"{own:.2f} per token; at most {most:.2f} is asked for")

    def information():
        tokenizer()
        mi = float(found["information"])
        need(mi >= 1, f"I(x; z) is {mi:.2f} nats per sentence; 1 is asked for")

    checks = file, tokenizer, probabilities, budget, perplexity, information
    return {check.__name__: check for check in checks}


JUDGE = {"kl": judge_kl, "objective": judge_objective, "perplexity": judge_perplexity}
