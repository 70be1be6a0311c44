"""Two processes on this machine learn what one learns."""

import json
import pathlib
import socket
import subprocess
import sys

import keras
import numpy as np
import tensorflow as tf

import tutvae as tv

WORKER = pathlib.Path(__file__).with_name("worker.py")


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("localhost", 0))
    ports = [str(s.getsockname()[1]) for s in sockets]
    for s in sockets:
        s.close()
    return ports


def test_two_workers_learn_what_one_process_learns():
    ports = free_ports(2)
    workers = [
        subprocess.Popen(
            [sys.executable, WORKER, str(i), *ports],
            cwd=WORKER.parent.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in range(2)
    ]
    results = []
    try:
        for worker in workers:
            out, error = worker.communicate(timeout=300)
            lines = [s for s in out.splitlines() if s.startswith("RESULT")]
            assert lines, error[-2000:]
            results.append(json.loads(lines[0].removeprefix("RESULT")))
    finally:
        for worker in workers:
            worker.kill()
    np.testing.assert_array_equal(results[0]["weights"], results[1]["weights"])

    keras.utils.set_random_seed(0)
    alone = tv.VAE(
        tv.dense_encoder((4, 4), (6,)),
        tv.dense_decoder(3, (4, 4), (6,)),
        tv.PointPosterior(3),
        beta=0.0,
    )
    alone.compile(keras.optimizers.SGD(0.1))
    x = np.random.default_rng(0).uniform(size=(16, 4, 4)).astype("float32")
    data = tf.data.Dataset.from_tensor_slices(x).batch(8)
    history = alone.fit(data, epochs=2, verbose=0).history
    weights = np.concatenate([w.ravel() for w in alone.get_weights()])
    np.testing.assert_allclose(results[0]["weights"], weights, atol=1e-5)
    for worker in results:
        losses = [epoch["loss"] for epoch in worker["history"]]
        np.testing.assert_allclose(losses, history["loss"], rtol=1e-5)
