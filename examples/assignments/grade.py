"""Grades the assignments of this folder: points for each criterion, and why one is lost.

    python grade.py kl SUBMISSION.py [...] [--json points.json]
    python grade.py objective SUBMISSION.py [...]
    python grade.py perplexity MODEL.keras [...]

The tasks are in kl.py, objective.py and perplexity.py, the criteria in criteria.py. The
grader has no secret but its seed (--seed; without it another each time, which is printed),
so students may run it at home; what they need is this folder and the package. The file of
points is written anew after each submission. What solves nothing can have up to 5 points
of 10: a KL of 0 and a plain ELBO have 3, an untrained model has 4, free bits itself 5.

To grade is to run foreign code. A submission runs in a process of its own, without an
NVIDIA GPU, with a time limit, and hands over numbers, which are judged outside; but that
process may do whatever you may, read other submissions and write a result of its own, and
nothing limits its memory or disk: look at the code, and grade in a container, without the
tests of this repository, which hold solutions. A
`.keras` file is read without running code of its author: parts that are not of the package
or of Keras are refused. Its number of updates is what it says, and compiling anew resets
that: where it matters, run the author's program.
"""

import argparse
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
if __name__ == "__main__":
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # TensorFlow takes all memory of a GPU

import numpy as np
from criteria import GIVEN, JUDGE, POINTS, RUN, Found, Lost

from tutvae.resume import write_atomically


def compute(name, path, given):
    """Name of an assignment, submission, arrays -> {name: array, or a str: what failed}."""
    try:
        functions = RUN[name](path, given)
    except (Exception, SystemExit) as error:
        return {"failed": said(error)}
    found = {}
    for key, function in functions.items():
        try:
            found[key] = np.asarray(function(), "float32")
        except (Exception, SystemExit) as error:
            found[key] = said(error)
    return found


def said(error):
    """An exception in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}"


def isolated(name, path, given, seconds):
    """As `compute`, in a process of its own that is ended after so many seconds."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryFile() as errors,
    ):
        there, back = Path(folder, "given.npz"), Path(folder, "found.npz")
        np.savez(there, **given)
        program, path = Path(__file__).resolve(), Path(path).resolve()
        command = [sys.executable, program, "--compute", name, path, there, back]
        quiet = dict.fromkeys(("stdin", "stdout"), subprocess.DEVNULL)
        process = subprocess.Popen(
            command, cwd=folder, stderr=errors, start_new_session=True, **quiet
        )
        try:
            process.wait(seconds)
            with np.load(back) as file:  # without pickle, which could hold code
                return {key: as_found(file[key]) for key in file.files}
        except subprocess.TimeoutExpired:
            return {"failed": f"not done after {seconds:g} seconds"}
        except Exception:  # no file, or one that the submission wrote itself
            end(process)  # before its errors are read
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - 2000))
            last = errors.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            return {"failed": " ".join(["its process ended without a result.", *last])}
        finally:
            end(process)


def end(process):
    """End a process and, where the system has groups of them, those in its group."""
    if os.name == "posix":  # macOS forbids it where nothing but zombies is left
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()


def as_found(array):
    """What failed was saved as an array of one string."""
    return str(array) if array.dtype.kind == "U" else array


def grade(name, path, seed, seconds):
    """One submission -> {"file", "points", "of", "criteria"}."""
    found = Found(isolated(name, path, GIVEN[name](seed), seconds))
    checks, criteria = JUDGE[name](found, seed), []
    for criterion, points in POINTS[name].items():
        reason = ""
        try:
            checks[criterion]()
        except Lost as lost:
            reason = str(lost)
        except Exception as error:  # a result that nobody foresaw
            reason = said(error)
        got = 0 if reason else points
        criteria.append({"name": criterion, "points": got, "of": points, "reason": reason})
    points, of = (sum(c[key] for c in criteria) for key in ("points", "of"))
    return {"file": str(path), "points": points, "of": of, "criteria": criteria}


def show(graded):
    """Print the points of one submission."""
    print(f"{graded['file']}: {graded['points']} of {graded['of']} points")
    for c in graded["criteria"]:
        print(f"    {c['name']:14s}{c['points']}/{c['of']}  {c['reason']}".rstrip())


def main(arguments=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("assignment", choices=POINTS)
    parser.add_argument("submissions", nargs="+")
    parser.add_argument("--seed", type=int, help="of what is tested on, known to you alone")
    parser.add_argument("--seconds", type=float, default=300, help="for one submission")
    parser.add_argument("--json", help="file to write the points to")
    options = parser.parse_args(arguments)
    for path in options.submissions:
        if not Path(path).is_file():
            parser.error(f"there is no file {path}; nothing was graded")

    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    results = []
    for path in options.submissions:
        results.append(grade(options.assignment, path, seed, options.seconds))
        show(results[-1])
        if options.json:
            all_of_it = {"assignment": options.assignment, "seed": seed, "results": results}
            text = json.dumps(all_of_it, indent=1)
            write_atomically(Path(options.json), text.encode("utf-8"))
    print("seed", seed)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--compute"]:  # the process of one submission
        name, path, there, back = sys.argv[2:]
        np.savez(back, **compute(name, path, dict(np.load(there))))
    else:
        for name in {"SIGTERM", "SIGHUP"} & {*dir(signal)}:  # end the submission, too
            signal.signal(getattr(signal, name), lambda *_: sys.exit(1))
        main()
