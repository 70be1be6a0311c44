"""The README's examples run as they are printed; what is cited is what is installed."""

import re
from importlib.metadata import version
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def test_the_version_to_cite():
    citation = README.with_name("CITATION.cff").read_text()
    assert f"\nversion: {version('tutvae')}\n" in citation


def test_the_examples_run(capsys):
    examples = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    fast = "".join(examples).replace("[:5000]", "[:300]")
    fast = fast.replace("epochs=2", "epochs=1, verbose=0")
    assert fast.count("[:300]") == fast.count("verbose=0") == 1
    names = {}
    exec(fast, names)
    assert len(names["vae"].generate(3)) == 3
    assert capsys.readouterr().out.startswith("[")
