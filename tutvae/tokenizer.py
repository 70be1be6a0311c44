"""Sentences <-> token ids, by words or by characters."""

import collections
import os
import re

import keras
import numpy as np

PAD, UNK, START, END = range(4)
SPECIAL = ("<pad>", "<unk>", "<s>", "</s>")
MARKERS = set(SPECIAL) - {SPECIAL[UNK]}  # added here; `<unk>` may be a word of the text
WORD = re.compile(
    r"<unk>|\w+(?:['’.,-]\w+)*|[^\w\s]"
)  # don't, 3.5 and well-known are words
register = keras.saving.register_keras_serializable("tutvae")


@register
class Tokenizer:
    """Words <-> ids. A sentence becomes START, its words, END, and padding on the right.

    Text is lower-cased and punctuation marks are words of their own; `decode` joins commas,
    stops and brackets to their words again (quotation marks stay apart). Ids 0 to 3 are
    padding, unknown word, START and END.

    Args:
        words: The vocabulary, in the order of the ids; it begins with the four above.
        length: Tokens a sentence is padded to, START and END included.

    Raises:
        ValueError: If the vocabulary does not begin with these four or has a word twice, or
            `length` is below 3.

    Example:

    >>> tokenizer = tv.Tokenizer.fit(["A cat sat.", "A dog sat."], length=8)
    >>> tokenizer.decode(tokenizer.encode(["a dog sat."]))
    ['a dog sat.']
    """

    def __init__(self, words, length):
        if tuple(words[:4]) != SPECIAL:
            raise ValueError(
                f"a vocabulary begins with {SPECIAL}; use {type(self).__name__}.fit"
            )
        if length < 3:
            raise ValueError(f"length is {length}; START, a word and END need at least 3")
        self.words, self.length = list(words), length
        self.ids = {word: i for i, word in enumerate(self.words)}
        if len(self.ids) < len(self.words):
            twice = next(word for i, word in enumerate(self.words) if self.ids[word] != i)
            raise ValueError(f"{twice!r} is in the vocabulary twice; leave one out")

    @staticmethod
    def split(sentence):
        """A sentence -> its tokens."""
        return WORD.findall(sentence.lower())

    @staticmethod
    def join(tokens):
        """Tokens -> a sentence, with no blank before a closing mark."""
        text = " ".join(tokens)
        text = re.sub(r" ([.,!?;:)\]}%…])", r"\1", text)
        return re.sub(r"([(\[{$]) ", r"\1", text)

    @classmethod
    def fit(cls, sentences, size=10_000, length=None):
        """Learn a vocabulary.

        Args:
            sentences: Strings; any iterable of them, here and in `encode`.
            size: Entries at most, the four special ones included. The most frequent tokens
                are kept, ties in alphabetical order.
            length: Tokens a sentence is padded to; by default, what the longest needs.

        Raises:
            ValueError: If there are no sentences, one of them is empty, no string or (for a
                `WhitespaceTokenizer`, where it would be one token) has a marker such as
                `</s>`, or `size` leaves no room for a word.
        """
        if size <= len(SPECIAL):
            raise ValueError(
                f"size is {size}; four entries are special, so it must be over 4"
            )
        tokens = cls.split_all(sentences)
        counts = collections.Counter(token for sentence in tokens for token in sentence)
        common = sorted(
            set(counts) - set(SPECIAL), key=lambda token: (-counts[token], token)
        )
        longest = max(len(sentence) for sentence in tokens) + 2
        return cls(
            [*SPECIAL, *common[: size - len(SPECIAL)]],
            longest if length is None else length,
        )

    @classmethod
    def split_all(cls, sentences):
        """Split each sentence, and refuse what is no sentence."""
        sentences = as_list(sentences)
        for i, sentence in enumerate(sentences):
            if not isinstance(sentence, str) or not sentence.strip():
                raise ValueError(
                    f"sentence {i} is {sentence!r}; each must be a string with at least "
                    "one token. Drop empty lines first."
                )
        tokens = [cls.split(sentence) for sentence in sentences]
        for i, sentence in enumerate(tokens):
            if found := sorted(MARKERS.intersection(sentence)):
                raise ValueError(
                    f"sentence {i} contains {found}. Take such markers out of the text: "
                    "`encode` adds its own"
                )
        return tokens

    def encode(self, sentences, truncate=False):
        """Sentences -> ids (N, length), int32.

        Args:
            sentences: Strings.
            truncate: Cut sentences that are too long (they keep their END), instead of
                raising.

        Raises:
            ValueError: If there are no sentences, one is empty or too long, or not one word
                of all of them is known.
        """
        sentences = as_list(sentences)
        out = self.encode_any(sentences, truncate)
        if not (out > END).any():
            raise ValueError(
                f"not one token of these {len(out)} sentences is in the vocabulary, "
                f"{self.split(sentences[0])[:5]} for example. Is it the right language and "
                "tokenizer?"
            )
        return out

    def encode_any(self, sentences, truncate=False):
        """As `encode`, even if no word is known."""
        tokens = self.split_all(sentences)
        room = self.length - 2
        long = [i for i, sentence in enumerate(tokens) if len(sentence) > room]
        if long and not truncate:
            raise ValueError(
                f"{len(long)} of {len(tokens)} sentences have more than {room} tokens, the "
                f"first is number {long[0]} with {len(tokens[long[0]])}. Filter them with "
                "`tokenizer.fits`, fit a tokenizer with a greater length, or pass "
                "truncate=True."
            )
        out = np.full((len(tokens), self.length), PAD, "int32")
        for row, sentence in zip(out, tokens, strict=True):
            ids = [START, *(self.ids.get(token, UNK) for token in sentence[:room]), END]
            row[: len(ids)] = ids
        return out

    def fits(self, sentence):
        """Whether a sentence is short enough, and all its tokens are known."""
        tokens = self.split(sentence)
        known = all(t in self.ids and t not in MARKERS for t in tokens)
        return known and 0 < len(tokens) <= self.length - 2

    def decode(self, tokens):
        """Ids (N, T) -> sentences, up to the first END.

        Raises:
            ValueError: If the ids have another shape, or are not of the vocabulary.
        """
        tokens, sentences = np.asarray(tokens), []
        if tokens.ndim != 2:
            raise ValueError(
                f"tokens have shape {tokens.shape}; expected (N, T). Pass one row as "
                "tokens[:1], not tokens[0]."
            )
        for row in tokens.tolist():
            row = row[: row.index(END)] if END in row else row
            if not all(0 <= i < len(self) for i in row):
                raise ValueError(
                    f"token ids run from {min(row)} to {max(row)}, but the vocabulary has "
                    f"{len(self)} entries"
                )
            sentences.append(self.join(self.words[i] for i in row if i not in (PAD, START)))
        return sentences

    def __len__(self):
        return len(self.words)

    def get_config(self):
        return {"words": self.words, "length": self.length}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@register
class CharTokenizer(Tokenizer):
    """As `Tokenizer`, but a token is a character: for Chinese, which writes no blanks."""

    @staticmethod
    def split(sentence):
        return [c for c in sentence.lower() if not c.isspace()]

    @staticmethod
    def join(tokens):
        return "".join(tokens)


@register
class WhitespaceTokenizer(Tokenizer):
    """As `Tokenizer`, but for text that has been split already: blanks part the tokens.

    Letters stay as they are. The Penn Treebank comes like this, and its published
    perplexities count its own tokens.
    """

    @staticmethod
    def split(sentence):
        return sentence.split()

    @staticmethod
    def join(tokens):
        return " ".join(tokens)


def as_list(sentences):
    """Any iterable of sentences -> a list of them, at least one."""
    if isinstance(sentences, str):
        raise ValueError("got one string; pass a list of sentences, [sentence]")
    sentences = list(sentences)
    if not sentences:
        raise ValueError("got no sentences; the list is empty")
    return sentences


def read_lines(path):
    """The non-empty lines of a UTF-8 text file, stripped.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not UTF-8, or holds no line.
    """
    try:
        with open(os.path.expanduser(path), encoding="utf-8-sig") as file:
            lines = [line.strip() for line in file if line.strip()]
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 (byte {error.start}). Convert it, for example with "
            "`iconv -f GB18030 -t UTF-8`."
        ) from error
    if not lines:
        raise ValueError(f"{path} holds no text")
    return lines
