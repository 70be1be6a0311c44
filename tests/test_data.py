"""Corpora: the right files, splits without leakage, and errors that name cause and cure."""

import functools
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutvae.data import (
    CORPORA,
    Dataset,
    load_data,
    purity,
    reviews,
    tatoeba,
)
from tutvae.data.dataset import SPLITS, divide, split_of

load_once = functools.cache(load_data)  # for tests that only look

EXCLUDED = Path(tatoeba.__file__).with_name("tatoeba_excluded_ids.txt")


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TUTVAE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def needs_folder(name):
    base = os.environ.get("TUTVAE_DATA")
    present = base and (Path(base) / name).is_dir()
    reason = f"set TUTVAE_DATA to a folder that holds {name}/ (see tutvae.data.folder)"
    return pytest.mark.skipif(not present, reason=reason)


def texts(examples):
    """All sentences of a split, pairs taken apart."""
    return [t for e in examples for t in ([e] if isinstance(e, str) else e)]


def assert_disjoint(data, key):
    sets = [{key(t) for t in texts(getattr(data, split))} for split in SPLITS]
    assert all(sets)
    assert not sets[0] & sets[1] and not sets[0] & sets[2] and not sets[1] & sets[2]


# What every corpus has in common


@pytest.mark.parametrize("name", ["tatoeba", "scripture", "reviews_zh", "digits", "mnist"])
def test_states_origin_and_aligns_labels(name):
    data = load_once(name)
    assert isinstance(data, Dataset) and data.licence and data.attribution
    package = re.match(r"(\S+)==\S+ \S+ sha256 [0-9a-f]{64}", data.source)
    assert package and metadata.version(package[1])
    for split in SPLITS:
        for values in data.labels[split].values():
            assert len(values) == len(getattr(data, split)) > 0
    for part in (name, data.licence, f"train={len(data.train):,}"):
        assert part in repr(data)


def test_dataset_cannot_be_changed():
    data = load_once("digits")
    with pytest.raises(AttributeError):
        data.train = []


def test_unknown_names_and_options_are_explained():
    with pytest.raises(ValueError, match=r"'imdb'.*tatoeba.*captions"):
        load_data("imdb")
    with pytest.raises(ValueError, match=r"language='fr'.*'en', 'zh', 'both'"):
        load_data("tatoeba", language="fr")
    with pytest.raises(ValueError, match=r"version='bbe'.*'kjv', 'web', 'both'"):
        load_data("scripture", version="bbe")
    with pytest.raises(ValueError, match=r"vocabulary=7.*100, 10000"):
        load_data("topics", vocabulary=7)
    with pytest.raises(ValueError, match="at least 10, not 3"):
        load_data("grammar", size=3)
    with pytest.raises(TypeError, match="colour"):
        load_data("digits", colour="red")


def test_importing_the_subpackage_imports_no_corpus_and_no_framework():
    # a stand-in for the parent package, which does import Keras
    package = Path(tatoeba.__file__).parents[1]
    code = (
        "import sys, types; p = types.ModuleType('tutvae'); "
        f"p.__path__ = [{str(package)!r}]; sys.modules['tutvae'] = p; import tutvae.data; "
        "print(*sorted({m.split('.')[0] for m in sys.modules}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    heavy = "keras tensorflow opencc sklearn mlxtend pysenti pythonbible hsg scipy pandas"
    assert "numpy" in out.stdout.split()
    assert not set(heavy.split()) & set(out.stdout.split())


# Splits


@given(st.lists(st.integers(0, 50), min_size=1, max_size=200))
@settings(deadline=None)
def test_a_group_is_in_one_split_and_nothing_is_lost(groups):
    fields = divide(list(range(len(groups))), groups, {"group": groups})
    found = sorted(i for split in SPLITS for i in fields[split])
    assert found == list(range(len(groups)))
    for split in SPLITS:
        assert all(split_of(g) == split for g in fields["labels"][split]["group"])


def test_shares_of_the_splits():
    splits = [split_of(i) for i in range(20_000)]
    for split, share in {"train": 0.9, "validation": 0.05, "test": 0.05}.items():
        # four standard errors of a share
        error = 4 * (share * (1 - share) / 20_000) ** 0.5
        assert abs(splits.count(split) / 20_000 - share) < error


@given(st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=3), max_size=15))
@settings(deadline=None)
def test_components_are_the_reachable_sets(rows):
    rows = [tuple(map(str, row)) for row in rows]
    found = tatoeba.components(rows)
    for row, group in zip(rows, found, strict=True):
        reached = set(row)
        while True:
            more = {k for other in rows if reached & set(other) for k in other} - reached
            if not more:
                break
            reached |= more
        assert group == min(reached)


@pytest.mark.parametrize("language", ["en", "zh", "both"])
def test_tatoeba_splits_share_no_words(language):
    assert_disjoint(load_once("tatoeba", language=language), tatoeba.words)


def test_tatoeba_splits_share_no_translation_group():
    split_of_sentence = {}
    for language in ("en", "zh"):
        data = load_once("tatoeba", language=language)
        for split in SPLITS:
            split_of_sentence |= dict.fromkeys(getattr(data, split), split)
    both = load_once("tatoeba", language="both")
    for split in SPLITS:
        assert {split_of_sentence[t] for t in texts(getattr(both, split))} == {split}


def test_scripture_splits_share_no_chapter_and_no_verse():
    data = load_once("scripture", version="both")
    chapters = [set(data.labels[split]["id"] // 1000) for split in SPLITS]
    assert (
        not chapters[0] & chapters[1]
        | chapters[0] & chapters[2]
        | chapters[1] & chapters[2]
    )
    assert_disjoint(data, lambda verse: " ".join(re.findall(r"\w+", verse.lower())))


def test_reviews_are_unique():
    data = load_once("reviews_zh")
    keys = [reviews.characters(r) for split in SPLITS for r in getattr(data, split)]
    assert len(keys) == len(set(keys)) == 17_321
    assert {*data.labels["test"]["polarity"]} == {"positive", "negative"}


@pytest.mark.parametrize("name, side, n", [("digits", 8, 1797), ("mnist", 28, 5000)])
def test_images(name, side, n):
    data = load_once(name)
    sets = [{image.tobytes() for image in getattr(data, split)} for split in SPLITS]
    assert not sets[0] & sets[1] | sets[0] & sets[2] | sets[1] & sets[2]
    images = np.concatenate([getattr(data, split) for split in SPLITS])
    digits = np.concatenate([data.labels[split]["digit"] for split in SPLITS])
    assert images.shape == (n, side, side) and images.dtype == "float32"
    assert (images.min(), images.max()) == (0.0, 1.0)
    # a one has less ink than a zero: labels and images belong together
    ink = images.sum((1, 2))
    assert (
        set(digits) == set(range(10)) and ink[digits == 1].mean() < ink[digits == 0].mean()
    )


# Content


def test_tatoeba_leaves_out_the_excluded_sentences():
    excluded = {int(number) for number in EXCLUDED.read_text().split()}
    data = load_once("tatoeba")
    ids = {i for split in SPLITS for i in data.labels[split]["id"]}
    assert len(excluded) > 200 and not ids & excluded
    # 53,868 different English sentences are in the file
    assert 53_868 - len(excluded) - 50 < len(ids) < 53_868 - 200


def test_tatoeba_is_clean():
    en, zh = load_once("tatoeba"), load_once("tatoeba", language="zh")
    assert not any("\ufeff" in t or t != t.strip() for t in texts(en.train + zh.train))
    assert "我们试试看！" in zh.train and "Let's try something." in en.train
    # characters that only traditional script has
    assert not any(set("們這個說來時對學") & set(t) for t in zh.train)
    assert "CC BY 2.0 FR" in en.attribution
    assert "https://tatoeba.org/en/sentences/show/" in en.attribution


def test_tatoeba_pairs_are_translations():
    data = load_once("tatoeba", language="both")
    assert ("Let's try something.", "我们试试看！") in data.train
    assert ("I'm not a good swimmer.", "我不擅长游泳。") in data.train
    assert data.labels["train"]["id_zh"].shape == data.labels["train"]["id"].shape


@pytest.mark.parametrize(
    "sentence, mood, negated",
    [
        ("Where is it?", "question", False),
        ('He asked: "Why?"', "question", False),
        ("Stop!", "exclamation", False),
        ("I do n't know .", "statement", True),
        ("Nobody came.", "statement", True),
        ("Don’t go!", "exclamation", True),
        ("I know the notes.", "statement", False),
    ],
)
def test_rules_for_mood_and_negation(sentence, mood, negated):
    assert tatoeba.mood(sentence) == mood
    assert tatoeba.negated(sentence) is negated


def test_rules_for_chinese():
    assert tatoeba.mood("你是谁？") == "question" and tatoeba.mood("走！") == "exclamation"
    for sentence in ("我不知道。", "他没来。", "别说话！"):
        assert tatoeba.negated(sentence, "zh")
    for sentence in ("别人来了。", "他特别好。"):
        assert not tatoeba.negated(sentence, "zh")


def test_scripture_is_aligned_and_clean():
    data = load_once("scripture", version="both")
    ids = list(data.labels["train"]["id"])
    kjv, web = data.train[ids.index(1001001)]
    assert kjv == "In the beginning God created the heaven and the earth."
    assert web == "In the beginning God created the heavens and the earth."
    assert not any(c in verse for verse in texts(data.train) for c in "`’[]\n\t")
    assert not any("  " in verse for verse in texts(data.train))
    single = [load_once("scripture", version=v) for v in ("kjv", "web")]
    assert all(len(texts(s.train)) > 27_000 for s in single)


# Topics


@pytest.mark.parametrize(
    "vocabulary, length, share, nats",
    [(100, 15.0, 0.818, 41.75), (10_000, 50.1, 0.512, 266.9)],
)
def test_topics_reach_the_figures_of_the_audit(vocabulary, length, share, nats):
    """Words per document, purity, and code length under independent words (nats).

    Tolerances: 2 %, 0.03 and 2 %, several times what three seeds differed by.
    """
    data = load_data("topics", vocabulary=vocabulary, seed=1)
    p = np.clip(data.train.mean(0, dtype="float64"), 1e-5, 1 - 1e-5)
    code = -(data.test @ np.log(p) + (1 - data.test) @ np.log(1 - p)).mean()
    assert data.train.sum(1).mean() == pytest.approx(length, rel=0.02)
    assert purity(data.test, data.extras["topic_of_word"]) == pytest.approx(share, abs=0.03)
    assert code == pytest.approx(nats, rel=0.02)


def test_topics_labels_counts_and_seeds():
    data, again = (load_data("topics", size=200, counts=True, seed=4) for _ in range(2))
    other = load_data("topics", size=200, counts=True, seed=5)
    assert np.array_equal(data.train, again.train)
    assert not np.array_equal(data.train, other.train)
    assert not np.array_equal(data.train[:40], data.test)
    assert (data.train.sum(1) == 20).all()
    owner, labels = data.extras["topic_of_word"], data.labels["train"]
    per_topic = np.stack([data.train[:, owner == k].sum(1) for k in range(5)], 1)
    # the main topic by proportion is nearly always the main topic by words
    assert (per_topic.argmax(1) == labels["topic"]).mean() > 0.9
    assert np.allclose(labels["proportions"].sum(1), 1)
    binary = load_data("topics", size=200, seed=4)
    assert np.array_equal(binary.train, data.train > 0)


def test_purity_by_hand():
    owner = np.array([0, 0, 1, 1, -1])
    bags = np.array([[1, 1, 1, 0, 5], [0, 0, 2, 2, 0], [0, 0, 0, 0, 3]])
    assert purity(bags, owner) == pytest.approx((2 / 3 + 1) / 2)
    assert np.isnan(purity(bags[2:], owner))
    with pytest.raises(ValueError, match=r"\(3, 5\).*\(4,\)"):
        purity(bags, owner[:4])


# Corpora that stay outside


@needs_folder("ptb")
def test_ptb():
    data = load_data("ptb")
    assert [len(getattr(data, s)) for s in SPLITS] == [42_068, 3_370, 3_761]
    tokens = [w for s in data.train for w in s.split()]
    assert len(tokens) == 887_521 and len(set(tokens)) == 9_999


@needs_folder("20ng")
def test_20ng():
    data = load_data("20ng")
    assert len(data.train) + len(data.validation) == 11_268 and len(data.test) == 7_505
    assert data.train.shape[1] == len(data.extras["vocabulary"]) == 2_000
    assert set(data.labels["test"]["group"]) == set(range(20))
    assert data.test.min() == 0 and data.test.sum(1).min() >= 1


@needs_folder("captions")
def test_captions():
    data = load_data("captions")
    assert [len(getattr(data, s)) for s in SPLITS] == [12_000, 400, 600]
    assert len(data.extras["neutral"]) == 600
    for split in SPLITS:
        styles = list(data.labels[split]["style"])
        assert styles.count("humorous") == styles.count("romantic")
    assert not set(data.validation) & (set(data.train) | set(data.test))


def test_every_corpus_is_tested_here_or_next_door():
    here = "tatoeba scripture reviews_zh digits mnist topics ptb 20ng captions"
    assert set(CORPORA) == {*here.split(), "grammar"}
