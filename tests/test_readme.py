"""The example of the README runs as it is printed."""

import re
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def test_the_example_runs(capsys):
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    fast = example.replace("[:5000]", "[:300]").replace("epochs=2", "epochs=1, verbose=0")
    assert fast.count("[:300]") == fast.count("verbose=0") == 1
    names = {}
    exec(fast, names)
    assert len(names["vae"].generate(3)) == 3
    assert capsys.readouterr().out.startswith("[")
