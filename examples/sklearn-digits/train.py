"""Handwritten digits with a support vector machine: one training run of a search.

The seven steps of every AutoSearch script: get arguments, load, define, train, save, evaluate, report. Try it by hand
with `python train.py --train_dir=... --test_dir=...`: outside AutoSearch it prints what it would report.
"""

import argparse
import os
import pickle

import numpy as np
from sklearn.svm import SVC

from rudder_autosearch.sdk.amaas_tools import AMaasTools


def get_arguments():
    """Declare the contract's seven flags and the searched parameters; any other flag is an error."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train_dir", type=str, default="./train_data")
    parser.add_argument("--test_dir", type=str, default="./test_data")
    parser.add_argument("--output_dir", type=str, default="./output")
    parser.add_argument("--job_id", type=str, default="job-1234")
    parser.add_argument("--trial_id", type=str, default="0-0")
    parser.add_argument("--metric", type=str, default="acc")
    parser.add_argument("--data_sampling_scale", type=float, default=1.0)
    parser.add_argument("--kernel", type=str, default="rbf", choices=["rbf", "poly", "sigmoid"])
    parser.add_argument("--C", type=float, default=1.0)
    parser.add_argument("--gamma", type=float, default=0.01)
    return parser.parse_args()


def load(folder, share=1.0):
    """Read a data folder; `share` is the part of it to use."""
    with np.load(os.path.join(folder, "digits.npz")) as data:
        count = max(10, int(share * len(data["y"])))
        return data["x"][:count], data["y"][:count]


def save(model, folder):
    """Save the model where the platform looks for it: output/<job_id>/<trial_id>/clf.pickle."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "clf.pickle"), "wb") as file:
        pickle.dump(model, file)


def main():
    """Train once with the given parameters and report the accuracy on the held-out data."""
    args = get_arguments()
    train_x, train_y = load(args.train_dir, args.data_sampling_scale)
    test_x, test_y = load(args.test_dir)
    model = SVC(kernel=args.kernel, C=args.C, gamma=args.gamma)
    model.fit(train_x, train_y)
    folder = os.path.join(args.output_dir, args.job_id, args.trial_id)
    save(model, folder)
    accuracy = model.score(test_x, test_y)
    flag, message = AMaasTools(args.job_id, args.trial_id).report_final_result(
        metric={args.metric: accuracy}, export_model_path=folder, checkpoint_path=""
    )
    print(f"{args.metric}: {accuracy:.4f} ({message})")
    assert flag, message


if __name__ == "__main__":
    main()
