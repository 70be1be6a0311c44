"""Judges of fluency, which know nothing of our models: nats per token, END counted.

English: the trigram model of general English that comes with pocketsphinx. Chinese: a
Kneser-Ney trigram of characters, fitted to sentences that are too long for the models.
"""

import collections
import os
import re

import numpy as np

import tutvae as tv

WORST = -16.0  # nats, for a word that the judge does not know


def english():
    """Function, sentence -> mean log-probability per token in nats."""
    from pocketsphinx import Config, LogMath, NGramModel, get_model_path

    log_math = LogMath()
    path = os.path.join(get_model_path(), "en-us", "en-us.lm.bin")
    model = NGramModel(Config(), log_math, path)

    def score(sentence):
        words = ["<s>", *re.findall(r"[a-z']+", sentence.lower()), "</s>"]
        total = []
        for i in range(1, len(words)):
            newest_first = words[max(0, i - 2) : i + 1][::-1]
            total.append(max(WORST, log_math.log_to_ln(model.prob(newest_first))))
        return float(np.mean(total))

    return score


def chinese(longer):
    """As `english`; `longer` are the sentences that the judge learns from."""
    sentences = [tv.CharTokenizer.split(s) for s in longer]
    counts = collections.Counter(c for s in sentences for c in s)

    def known(characters):
        """What occurs once stands for all that never occurs."""
        return [c if counts[c] > 1 else "<unk>" for c in characters]

    model = tv.KneserNey(order=3).fit([known(s) for s in sentences])

    def score(sentence):
        characters = known(tv.CharTokenizer.split(sentence))
        return model.log_prob(characters) / (len(characters) + 1)

    return score
