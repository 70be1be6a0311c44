"""What the pages of the book share: tables that read well, and glued numbers."""

import random
import re
import time

import keras
import numpy as np
import pytest

from tutvae import notebook


def cells(table):
    """(tag, attributes, text) of every cell, heads first."""
    return re.findall(r"<(th|td)\b([^>]*)>([^<]*)<", table.data)


def test_columns_of_numbers_stand_on_the_right_with_their_heads():
    table = notebook.table(
        [["a", 1234, 0.5, "12 %"], ["b", -2, -1.25, "–"]],
        ["x", "n", "y", "z"],
        "C.",
        digits=1,
    )
    sides = [re.search("text-align: (left|right)", a)[1] for _, a, _ in cells(table)]
    assert sides == ["left", "right", "right", "right"] * 3
    assert [text for *_, text in cells(table)][4:] == [
        *("a", "1,234", "0.5", "12 %"),
        *("b", "−2", "−1.2", "–"),
    ]


def test_a_minus_is_no_hyphen_and_a_hyphen_no_minus():
    table = notebook.table([["-log p(x)", "well-known"]], ["-ELBO", "a - b"], "C.")
    assert [text for *_, text in cells(table)] == [
        "−ELBO",
        "a - b",
        "−log p(x)",
        "well-known",
    ]


def test_nothing_stands_before_a_zero():
    table = notebook.table([[-0.001, -0.01]], ["a", "b"], "C.")
    assert [text for *_, text in cells(table)][2:] == ["0.00", "−0.01"]


def test_text_is_escaped_and_its_language_marked():
    table = notebook.table([["<b>", "你好"]], ["a", "b"], "x < y", lang={"b": "zh"})
    assert "&lt;b&gt;" in table.data and "<caption>x &lt; y</caption>" in table.data
    assert re.search(r'<td lang="zh"[^>]*>你好</td>', table.data)
    assert table.data.count("lang=") == 1


def test_a_table_without_rows_has_its_head():
    assert len(cells(notebook.table([], ["a", "b"], "C."))) == 2


@pytest.mark.parametrize(
    ("rows", "lang", "message"),
    [
        ([[1]], None, "1 cells, the header 2"),
        ([[1, 2]], {"c": "zh"}, r"lang names \['c'\]"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(rows, lang, message):
    with pytest.raises(ValueError, match=message):
        notebook.table(rows, ["a", "b"], "C.", lang=lang)


def test_the_seed_of_a_page_can_be_changed_from_outside(monkeypatch):
    monkeypatch.setenv("TUTVAE_SEED", "2")
    assert notebook.start(5) == 7
    drawn = np.random.random(), random.random(), float(keras.random.normal(()))
    keras.utils.set_random_seed(7)
    assert drawn == (np.random.random(), random.random(), float(keras.random.normal(())))


def test_seconds_are_those_of_one_call():
    def wait():
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass

    assert 0.019 < notebook.cpu_seconds(wait, least=0.1) < 0.04


def test_results_are_read_from_the_repository_and_a_wrong_name_says_where_it_looked():
    assert notebook.results("decoding")["median_ratio"] > 1
    assert notebook.results("earlier")["speed"] == notebook.results("earlier/speed")
    with pytest.raises(FileNotFoundError, match=r"no absent.json in .*results"):
        notebook.results("absent")
