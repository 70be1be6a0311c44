"""Contestants train in turns, each in a process of its own."""

import importlib
import multiprocessing
import os
import statistics
import time
from typing import NamedTuple

ROUNDS, SENTENCES = 5, 1600  # a round


class Contestant(NamedTuple):
    """A function (words, batch size) -> (function, token ids -> seconds or None).

    The words of the vocabulary are plain strings: a tokenizer would import tutvae, and with
    it its settings of the C library, into the process of every contestant.
    """

    module: str
    function: str
    options: dict | None = None  # further arguments of the function
    environment: dict | None = None  # of its process


def work(contestant, words, batch_size, pipe):
    """In its own process: trains on what it is sent, answers with seconds."""
    make = getattr(importlib.import_module(contestant.module), contestant.function)
    train = make(words, batch_size, **(contestant.options or {}))
    while (tokens := pipe.recv()) is not None:
        start = time.perf_counter()
        computed = train(tokens)
        pipe.send(time.perf_counter() - start if computed is None else computed)


def start(contestant, words, batch_size):
    """The pipe to a new process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    before = dict(os.environ)
    os.environ.update(contestant.environment or {})
    arguments = (contestant, words, batch_size, theirs)
    context.Process(target=work, args=arguments, daemon=True).start()
    theirs.close()  # if the process dies, `ours.recv` raises instead of waiting
    os.environ.clear()
    os.environ.update(before)
    return ours


def race(contestants, words, tokens, batch_size, size=SENTENCES):
    """{name: seconds of each round}; every round trains on `size` other sentences."""
    pipes = {}
    for name, contestant in contestants.items():
        pipes[name] = start(contestant, words, batch_size)
        pipes[name].send(tokens[: 5 * batch_size])  # to compile and to warm up
        pipes[name].recv()
    seconds = {name: [] for name in contestants}
    for i in range(ROUNDS):
        for name, pipe in pipes.items():
            pipe.send(tokens[i * size : (i + 1) * size])
            seconds[name].append(pipe.recv())
            print(batch_size, i, name, f"{seconds[name][-1]:.1f} s", flush=True)
    for pipe in pipes.values():
        pipe.send(None)
    return seconds


def ratio(theirs, ours):
    """The median over the rounds of their seconds over ours."""
    return round(statistics.median(t / o for t, o in zip(theirs, ours, strict=True)), 2)


def sentences():
    """The Penn Treebank: the words of its vocabulary, and the token ids of all rounds."""
    import numpy as np

    import tutvae as tv

    train = tv.load_data("ptb").train
    tokenizer = tv.WhitespaceTokenizer.fit(train, 20_000)  # keeps all words
    rows = np.random.default_rng(0).permutation(len(train))[: ROUNDS * SENTENCES]
    return tokenizer.words, tokenizer.encode([train[i] for i in rows])
