"""What a trained model has learned, in numbers: likelihood, use of z, quality of text."""

import math
import warnings

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from tutvae.batches import trim
from tutvae.distributions import Normal, Point
from tutvae.sphere import VonMisesFisher
from tutvae.tokenizer import Tokenizer, as_list

# Likelihood and use of the latent variable


def report(vae, x, samples=100, batch_size=64, rows=640, verbose=1):
    """How well a VAE fits the examples x, and how much of z it uses.

    Encodes x once, draws the samples in chunks (memory does not grow with `samples`), and
    shows progress.

    Args:
        vae: `VAE` or `TextVAE`.
        x: Array (N, ...), token ids for a `TextVAE`; sentences in the order of their
            lengths take less time.
        samples: Importance samples per example.
        batch_size: Examples at a time.
        rows: Latent vectors decoded at a time, `batch_size` times the samples of a chunk.
        verbose: 0 shows no progress.

    Returns:
        A dict, in nats per example:
        `elbo_nll`, -ELBO with beta 1, the bound on -log p(x);
        `iw_nll`, the tighter bound with `iw_samples` (Burda et al. 2016, arXiv:1509.00519);
        `nll`, -E log p(x|z), the distortion; `kl`, the rate, KL(q(z|x) || p(z));
        `mi`, mutual information of x and z under q (`mutual_information`);
        `au`, active units (`active_units`). For token ids also `ppl_elbo` and `ppl_iw`,
        perplexity per token with END counted. A `PointPosterior` has no bound and no
        mutual information: these are nan. So is `mi` for a posterior of your own that is
        neither `Normal` nor `VonMisesFisher`.

    Of text, numbers can be compared between models with the same tokenizer only: all words
    that it does not know are one token, which is easy to predict.

    Raises:
        ValueError: If the model has no posterior, x is no array of examples, is empty, or
            holds what `fit` refuses, or `samples` is below 1.
    """
    x = checked(vae, x, samples)
    q = posteriors(vae, x, batch_size)
    estimates = log_weights(vae, x, q, samples, batch_size, rows, verbose)
    return figures(vae, x, q, estimates, samples)


def figures(vae, x, q, estimates, samples):
    """The figures of `report`, in nats per example, from samples that have been drawn.

    Args:
        vae, x, samples: As in `report`.
        q: The posteriors of x, with fields (N, D).
        estimates: Three arrays (N,), as `log_weights` returns them.
    """
    log_px, kl, log_w = estimates
    nll, kl, iw_nll = -float(np.mean(log_px)), float(np.mean(kl)), -float(np.mean(log_w))
    bounded = 1.0 if not isinstance(q, Point) else math.nan
    numbers = {
        "elbo_nll": bounded * (nll + kl),
        "iw_nll": bounded * iw_nll,
        "iw_samples": samples,
        "nll": nll,
        "kl": kl,
        "mi": mutual_information(q),
        "au": active_units(q.mean, 0.01 * prior_variance(q)),
    }
    if hasattr(vae, "tokenizer"):
        numbers["ppl_elbo"] = perplexity(numbers["elbo_nll"], x)
        numbers["ppl_iw"] = perplexity(numbers["iw_nll"], x)
    return numbers


def log_likelihood(vae, x, samples=100, batch_size=64):
    """log p(x) of each example in nats (N,), as far as importance samples tell it.

    In expectation it is a lower bound, the tighter the more samples (Burda et al. 2016,
    arXiv:1509.00519). The mean is -`iw_nll` of `report`; scikit-learn has the name
    `score_samples` for it. The least likely examples are the outliers.

    Args:
        vae, x, samples, batch_size: As in `report`.

    Raises:
        ValueError: As `report`, and for a `PointPosterior`, which has no bound.
    """
    x = checked(vae, x, samples)
    q = posteriors(vae, x, batch_size)
    if isinstance(q, Point):
        raise ValueError("a PointPosterior has no density, and so no bound on log p(x)")
    return log_weights(vae, x, q, samples, batch_size)[2]


def checked(vae, x, samples):  # x as an array, if all three can be used
    if not hasattr(vae, "posterior"):
        raise ValueError(
            f"a {type(vae).__name__} has no posterior q(z|x). For a LanguageModel: nll = "
            'model.evaluate(tokens, return_dict=True)["loss"], and then '
            "tv.evaluation.perplexity(nll, tokens). An autoencoder has no p(x), and "
            "model.evaluate(x) gives its -log p(x|code)."
        )
    if samples < 1:
        raise ValueError(f"samples is {samples}; it must be at least 1")
    x = np.asarray(x)
    if x.ndim == 0:
        raise ValueError("x must be an array of examples, not batches or a dataset")
    if len(x) == 0:
        raise ValueError("no examples to evaluate: x is empty")
    vae.check(x)
    return x


def posteriors(vae, x, batch_size=64):
    """q(z|x) of every example: a distribution whose fields are arrays (N, D)."""
    encode = tf.function(lambda x: vae.posterior(vae.encoder(x)), reduce_retracing=True)
    parts = [encode(batch) for batch in in_batches(vae, x, batch_size)]
    return type(parts[0])(*(np.concatenate(field) for field in zip(*parts, strict=True)))


def log_weights(vae, x, q, samples, batch_size=64, rows=640, verbose=0, seed=None):
    """Monte Carlo log-likelihoods of each example, in nats.

    Args:
        seed: Of the samples, by default that of the model.

    Returns:
        The mean over the samples of log p(x|z) and of the KL (N,) each, and the
        importance-weighted log mean of p(x, z) / q(z|x) (N,).
    """
    noise = keras.random.SeedGenerator(vae.seed if seed is None else seed)
    chunk = max(1, min(samples, rows // batch_size))

    @tf.function(reduce_retracing=True)
    def score(x, q, k):
        z = q.sample(k, noise)
        log_px = vae.log_likelihood(
            ops.repeat(x, k, axis=0), ops.reshape(z, (-1, z.shape[-1]))
        )
        log_px = ops.reshape(log_px, (-1, k))
        log_w = log_px + vae.prior(z) - q.log_prob(z)
        kl = ops.sum(vae.prior.kl(q, z), axis=1)
        return ops.sum(log_px, axis=1), kl * k, ops.logsumexp(log_w, axis=1)

    bar = keras.utils.Progbar(len(x), verbose=verbose)
    means, rates, totals = [], [], []
    for i, batch in enumerate(in_batches(vae, x, batch_size)):
        here = slice(i * batch_size, i * batch_size + len(batch))
        q_here = type(q)(*(tf.constant(field[here]) for field in q))
        total, rate, log_total = 0.0, 0.0, np.full(len(batch), -np.inf)
        for done in range(0, samples, chunk):
            k = min(chunk, samples - done)
            s, kl, log_s = (t.numpy() for t in score(tf.constant(batch), q_here, k))
            total, rate, log_total = total + s, rate + kl, np.logaddexp(log_total, log_s)
        means.append(total / samples)
        rates.append(rate / samples)
        totals.append(log_total - math.log(samples))
        bar.add(len(batch))
    return np.concatenate(means), np.concatenate(rates), np.concatenate(totals)


def in_batches(vae, x, batch_size):
    for i in range(0, len(x), batch_size):
        batch = x[i : i + batch_size]
        yield trim(batch) if hasattr(vae, "tokenizer") else batch


def mutual_information(q, samples=10_000, block=1000, seed=0):
    """I(x; z) under q in nats: mean of log q(z|x) - log q(z), with q(z) the mean of q(z|x).

    q(z) is the aggregate posterior of all N examples; z comes from `samples` of them at
    most. It is computed as matrix products over blocks of rows, of 80 MB at most. The
    result is at most log N; when it is near 0, noise may make it negative.

    Args:
        q: `Normal` or `VonMisesFisher`, with fields of N rows. For any other family the
            result is nan: its densities of all pairs are not known as a matrix product.

    Source: Hoffman & Johnson 2016; as evaluated by He et al. 2019, arXiv:1901.05534.
    """
    if not isinstance(q, (Normal, VonMisesFisher)):
        return math.nan
    n, rng = len(q.mean), np.random.default_rng(seed)
    rows = rng.permutation(n)[:samples]
    log_q = pairwise_log_prob(q)
    if isinstance(q, VonMisesFisher):
        chosen = VonMisesFisher(*(tf.constant(field[rows]) for field in q))
        z = chosen.sample(1, keras.random.SeedGenerator(seed)).numpy()[:, 0]
    else:
        mean, log_var = (np.asarray(field, "float64")[rows] for field in q)
        z = mean + np.exp(0.5 * log_var) * rng.normal(size=mean.shape)

    total, block = 0.0, max(1, min(block, 10_000_000 // n))
    for i in range(0, len(rows), block):
        table = log_q(z[i : i + block])
        own = table[np.arange(len(table)), rows[i : i + block]]
        top = table.max(axis=1)
        log_aggregate = top + np.log(np.exp(table - top[:, None]).mean(axis=1))
        total += (own - log_aggregate).sum()
    return float(total / len(rows))


def pairwise_log_prob(q):
    """A function, z (M, D) -> log q(z_m | x_n) of all pairs, (M, N)."""
    mean = np.asarray(q.mean, "float64")
    if isinstance(q, VonMisesFisher):
        return lambda z: z @ (q.kappa[:, None] * mean).T + q.log_c
    log_var = np.asarray(q.log_var, "float64")
    precision = np.exp(-log_var)
    constant = -0.5 * (log_var + mean**2 * precision + math.log(2 * math.pi)).sum(axis=1)
    return lambda z: -0.5 * z**2 @ precision.T + z @ (mean * precision).T + constant


def prior_variance(q):
    """The variance of one dimension of z before anything is known: 1, on a sphere 1 / D."""
    return 1.0 / q.mean.shape[-1] if isinstance(q, VonMisesFisher) else 1.0


def active_units(means, threshold=0.01):
    """How many dimensions of the posterior mean (N, D) vary by more than `threshold`.

    Source: Burda, Grosse & Salakhutdinov 2016, arXiv:1509.00519.
    """
    return int((np.var(np.asarray(means), axis=0) > threshold).sum())


def perplexity(nll, tokens):
    """exp of the mean NLL per predicted token: END counted, START and padding not.

    It can be compared between models with the same tokenizer only: all words that it does
    not know are one token, which is easy to predict.

    Args:
        nll: Mean NLL in nats per sentence.
        tokens: ids (N, T) of those sentences.
    """
    predicted = np.sum(np.asarray(tokens)[:, 1:] != 0)
    return float(np.exp(nll * len(tokens) / predicted))


# Quality of text. Sentences are strings; they are compared as lists of tokens.


def bleu(references, hypotheses, split=Tokenizer.split):
    """Corpus BLEU-4 without smoothing, in [0, 1] (Papineni et al. 2002), by NLTK.

    Args:
        references, hypotheses: N sentences each, one reference per hypothesis.
        split: Function, sentence -> tokens; `CharTokenizer.split` for Chinese.

    Raises:
        ValueError: If there are no sentences, one string in place of them, or not as many
            hypotheses as references.
        ModuleNotFoundError: If NLTK is not installed.
    """
    references, hypotheses = pairs(references, hypotheses)
    with (
        warnings.catch_warnings()
    ):  # that no 4-gram matches at all is a fact, not an accident
        warnings.simplefilter("ignore")
        score = nltk_bleu().corpus_bleu(
            [[split(r)] for r in references], [split(h) for h in hypotheses]
        )
    return float(score)


def exact_match(references, hypotheses, split=Tokenizer.split):
    """Share of hypotheses whose tokens are those of their reference.

    Raises:
        ValueError: As `bleu`.
    """
    both = zip(*pairs(references, hypotheses), strict=True)
    return float(np.mean([split(r) == split(h) for r, h in both]))


def pairs(references, hypotheses):  # both as lists, if they go together
    references, hypotheses = as_list(references), as_list(hypotheses)
    if len(references) != len(hypotheses):
        raise ValueError(f"{len(references)} references for {len(hypotheses)} hypotheses")
    return references, hypotheses


def nltk_bleu():
    try:
        from nltk.translate import bleu_score
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("BLEU needs NLTK: pip install nltk") from error
    return bleu_score


def reconstruction(model, sentences, **how):
    """BLEU-4 and exact match of what a model says back, greedily by default.

    Args:
        model: `TextVAE` (decodes from the posterior mean) or `TextAutoencoder`.
        sentences: Strings.

    Returns:
        {"bleu4": ..., "exact_match": ...}, both in [0, 1].

    Raises:
        ValueError: If there are no sentences, or the model's tokenizer refuses one.
        ModuleNotFoundError: If NLTK is not installed.
    """
    sentences = as_list(sentences)
    said, split = model.reconstruct(sentences, **how), model.tokenizer.split
    return {
        "bleu4": bleu(sentences, said, split),
        "exact_match": exact_match(sentences, said, split),
    }


def distinct(sentences, n=2, split=Tokenizer.split):
    """Distinct n-grams over all n-grams.

    After Li et al. 2016, arXiv:1510.03055, who divide by the number of tokens.

    Raises:
        ValueError: If there are no sentences, or one string in place of them.
    """
    grams = [g for s in as_list(sentences) for g in ngrams(split(s), n)]
    return len(set(grams)) / max(1, len(grams))


def ngrams(tokens, n):
    return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]


def self_bleu(sentences, limit=200, split=Tokenizer.split):
    """Mean BLEU-4 of each sentence against all others: high means little variety.

    Source: Zhu et al. 2018, arXiv:1802.01886. Smoothed by method 1 of Chen & Cherry 2014 in
    NLTK: where no n-gram of a length matches, 0.1 of one does.

    Args:
        sentences: Strings; the first `limit` are used, as the cost grows with their square.

    Raises:
        ValueError: If there are fewer than two sentences, or one string in place of them.
        ModuleNotFoundError: If NLTK is not installed.
    """
    tokens = [split(s) for s in as_list(sentences)[:limit]]
    if len(tokens) < 2:
        raise ValueError("self-BLEU compares sentences with each other: pass at least two")
    nltk = nltk_bleu()
    smooth = nltk.SmoothingFunction().method1
    scores = [
        nltk.sentence_bleu(tokens[:i] + tokens[i + 1 :], t, smoothing_function=smooth)
        for i, t in enumerate(tokens)
    ]
    return float(np.mean(scores))
