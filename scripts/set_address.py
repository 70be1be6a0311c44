"""Set where the repository lives, everywhere at once: make address TO=https://github.com/me/x

`_config.yml` holds the address; these files repeat it, and so does the cell of every page
that installs the package on Colab. No page has to be executed again.
"""

import re
import sys

from pages import ROOT, address, notebooks

FILES = [
    "_config.yml",
    "pyproject.toml",
    "CITATION.cff",
    "README.md",
    "CONTRIBUTING.md",
]


def main():
    if len(sys.argv) != 2 or not re.fullmatch(r"https://[\w.-]+(/[\w.-]+){2}", sys.argv[1]):
        sys.exit(
            "give the new address, as in make address TO=https://github.com/me/my-book"
        )
    old, new = address(), sys.argv[1].removesuffix(".git")
    for path in [*(ROOT / name for name in FILES), *notebooks()]:
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(old, new), encoding="utf-8", newline="\n")
    print(f"{old} is now {new}")


if __name__ == "__main__":
    main()
