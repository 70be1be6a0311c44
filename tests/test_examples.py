"""The programs of examples/, each started as a user starts it."""

import pathlib
import random
import subprocess
import sys
import time

import pytest
from models import same
from test_distribute import free_ports

import tutvae as tv

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"


def start(name, *arguments):
    command = [sys.executable, EXAMPLES / name, *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    out, error = process.communicate(timeout=300)
    assert process.returncode == 0, error[-2000:]
    return out


def test_several_devices(tmp_path):
    out = tmp_path / "vae.keras"
    said = finish(start("several_devices.py", "--epochs", 1, "--out", out))
    assert "replicas on" in said
    assert len(tv.load_model(out).generate(3)) == 3


def test_several_machines(tmp_path):
    addresses = [f"localhost:{port}" for port in free_ports(2)]
    outs = [tmp_path / f"{i}.keras" for i in range(2)]
    processes = [
        start("several_machines.py", *addresses, "--index", i, "--epochs", 1, "--out", out)
        for i, out in enumerate(outs)
    ]
    try:
        said = [finish(process) for process in processes]
    finally:
        for process in processes:
            process.kill()
    epochs = [[s for s in text.splitlines() if s.startswith("epoch")] for text in said]
    assert epochs[0] == epochs[1] and len(epochs[0]) == 1  # both report the same means
    assert len(tv.load_model(outs[0]).generate(3)) == 3 and not outs[1].exists()


@pytest.fixture
def shards(tmp_path):
    lines = tv.load_data("grammar", size=1920).train
    for i in range(3):
        text = "\n".join(["", *lines[i::3], " "])  # blank lines are left out
        (tmp_path / f"shard-{i}.txt").write_text(text, "utf-8")
    return sorted(tmp_path.glob("shard-*.txt"))


def test_streaming_killed_at_random_steps_ends_with_the_same_weights(shards, tmp_path):
    whole, killed = tmp_path / "whole.keras", tmp_path / "killed.keras"
    short = "--epochs", 10, "--every", 1, "--units", 32
    finish(start("streaming.py", *shards, *short, "--out", whole))

    process = start("streaming.py", *shards, *short, "--out", killed)
    state = killed.with_suffix(".npz")
    while not state.exists():
        assert process.poll() is None, process.communicate()[1][-2000:]
        time.sleep(0.05)
    written = state.stat().st_mtime_ns
    while state.stat().st_mtime_ns == written:  # the first state is that of no step
        assert process.poll() is None, process.communicate()[1][-2000:]
        time.sleep(0.01)
    time.sleep(random.uniform(0, 1))
    process.kill()
    process.communicate()
    assert state.exists() and not killed.exists(), "it was to be killed before its end"
    finish(start("streaming.py", *shards, *short, "--out", killed))
    weights = [tv.load_model(path).get_weights() for path in (whole, killed)]
    assert same(*weights) and not state.exists()
