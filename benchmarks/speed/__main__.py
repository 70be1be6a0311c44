"""python -m benchmarks.speed: the race, and benchmarks/results/speed.json."""

import importlib
import multiprocessing
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

BATCH_SIZES, ROUNDS, SENTENCES = (32, 128), 5, 3200
KEEP_MEMORY = {  # as tv.keep_freed_memory, which a process can only be told at its start
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1),
    "MALLOC_ARENA_MAX": "1",
}
CONTESTANTS = {  # name: (module, function, environment)
    "tutvae": ("ours", "contestant", {}),
    "pytorch_plain": ("pytorch", "plain", {}),
    "pytorch_tuned": ("pytorch", "tuned", KEEP_MEMORY),
    "keras_plain": ("keras_plain", "contestant", {}),
    "ceiling": ("ceiling", "contestant", {}),
}


def work(name, tokenizer, batch_size, pipe):
    """A contestant in its own process: trains on what it is sent, answers with seconds."""
    module, function, _ = CONTESTANTS[name]
    module = importlib.import_module(f"benchmarks.speed.{module}")
    train = getattr(module, function)(tokenizer, batch_size)
    while (tokens := pipe.recv()) is not None:
        start = time.perf_counter()
        computed = train(tokens)
        pipe.send(time.perf_counter() - start if computed is None else computed)


def race(tokenizer, tokens, batch_size):
    """{name: seconds of each round}; every round trains on other sentences."""
    context, pipes, seconds = multiprocessing.get_context("spawn"), {}, {}
    for name in CONTESTANTS:
        pipes[name], theirs = context.Pipe()
        setting = (name, tokenizer, batch_size, theirs)
        environment = CONTESTANTS[name][2]
        os.environ.update(environment)
        context.Process(target=work, args=setting, daemon=True).start()
        for key in environment:
            del os.environ[key]
        pipes[name].send(tokens[: 5 * batch_size])  # to compile and to warm up
        pipes[name].recv()
        seconds[name] = []
    for i in range(ROUNDS):
        for name, pipe in pipes.items():
            pipe.send(tokens[i * SENTENCES : (i + 1) * SENTENCES])
            seconds[name].append(pipe.recv())
            print(batch_size, i, name, f"{seconds[name][-1]:.1f} s", flush=True)
    for pipe in pipes.values():
        pipe.send(None)
    return seconds


def ratio(theirs, ours):
    """The median over the rounds of their seconds over ours."""
    return round(statistics.median(t / o for t, o in zip(theirs, ours, strict=True)), 2)


def main():
    import numpy as np

    import tutvae as tv
    from benchmarks import results

    train = tv.load_data("ptb").train
    tokenizer = tv.WhitespaceTokenizer.fit(train, 20_000)  # keeps all words
    rows = np.random.default_rng(0).permutation(len(train))[: ROUNDS * SENTENCES]
    tokens = tokenizer.encode([train[i] for i in rows])
    figures = {"rounds": ROUNDS, "sentences_a_round": SENTENCES, "batch_sizes": {}}
    for batch_size in BATCH_SIZES:
        seconds = race(tokenizer, tokens, batch_size)
        ours = seconds.pop("tutvae")
        rate = statistics.median(SENTENCES / s for s in ours)
        line = {"tutvae_sentences_a_second": round(rate, 1)}
        line["of_ceiling"] = ratio(seconds.pop("ceiling"), ours)
        line |= {f"vs_{name}": ratio(theirs, ours) for name, theirs in seconds.items()}
        figures["batch_sizes"][batch_size] = line
        print(batch_size, line)
    results.write("speed", figures)


if __name__ == "__main__":
    main()
