"""Write the examples' data sets, taken from scikit-learn itself: nothing is downloaded.

    python examples/make_data.py DIR

`DIR/<name>/train` and `DIR/<name>/test` are what a search is given with `--train-data` and `--test-data`. Each file is
written once: a second call leaves what is there, so that a running search never sees a file change.
"""

import argparse
import os
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.model_selection import train_test_split

TEST_SHARE = 0.25
SEED = 0


def digits() -> tuple[np.ndarray, np.ndarray]:
    """1,797 handwritten digits of 8 x 8 pixels, scaled to 0..1."""
    x, y = datasets.load_digits(return_X_y=True)
    return x / 16.0, y


def breast_cancer() -> tuple[np.ndarray, np.ndarray]:
    """569 tumours, 30 measurements each, malignant or benign."""
    return datasets.load_breast_cancer(return_X_y=True)


def diabetes() -> tuple[np.ndarray, np.ndarray]:
    """442 patients, 10 standardised measurements, and how the illness went on a year later, in hundreds."""
    x, y = datasets.load_diabetes(return_X_y=True)
    return x * np.sqrt(len(x)), y / 100.0


def save_npz(path: Path, x: np.ndarray, y: np.ndarray) -> None:
    """Save arrays `x` and `y`."""
    with path.open("wb") as file:
        np.savez(file, x=x, y=y)


def save_csv(path: Path, x: np.ndarray, y: np.ndarray) -> None:
    """Save rows of numbers, the last one of each row being the target: for programs that are not Python."""
    np.savetxt(path, np.column_stack([x, y]), fmt="%.6g", delimiter=",")


SETS = {
    "digits": (digits, "digits.npz", save_npz),
    "breast-cancer": (breast_cancer, "breast-cancer.npz", save_npz),
    "diabetes": (diabetes, "diabetes.csv", save_csv),
}


def write(directory: Path, name: str) -> None:
    """Split a set, always in the same way, and write both parts."""
    load, file_name, save = SETS[name]
    x, y = load()
    train_x, test_x, train_y, test_y = train_test_split(x, y, test_size=TEST_SHARE, random_state=SEED)
    for part, part_x, part_y in (("train", train_x, train_y), ("test", test_x, test_y)):
        path = directory / name / part / file_name
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{file_name}.{os.getpid()}")
        save(unfinished, part_x, part_y)
        unfinished.replace(path)


def main() -> None:
    """Write all sets, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(SETS)} (default: all)")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.names) - set(SETS)):
        parser.error(f"no such data set: {', '.join(unknown)}; there are {', '.join(SETS)}")
    for name in arguments.names or SETS:
        write(arguments.directory, name)


if __name__ == "__main__":
    main()
