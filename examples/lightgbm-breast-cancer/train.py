"""Malignant or benign: LightGBM on the breast cancer set, one training run of a search.

A boolean parameter arrives as the text `True` or `False`; argparse's `type=bool` would take both for true.
"""

import argparse
import os
import pickle

import numpy as np
from lightgbm import LGBMClassifier
from sklearn.metrics import roc_auc_score

from rudder_autosearch.sdk.amaas_tools import AMaasTools


def get_arguments():
    """Declare the contract's seven flags and the searched parameters."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train_dir", type=str, default="./train_data")
    parser.add_argument("--test_dir", type=str, default="./test_data")
    parser.add_argument("--output_dir", type=str, default="./output")
    parser.add_argument("--job_id", type=str, default="job-1234")
    parser.add_argument("--trial_id", type=str, default="0-0")
    parser.add_argument("--metric", type=str, default="auc")
    parser.add_argument("--data_sampling_scale", type=float, default=1.0)
    parser.add_argument("--learning_rate", type=float, default=0.1)
    parser.add_argument("--num_leaves", type=int, default=31)
    parser.add_argument("--min_child_samples", type=int, default=20)
    parser.add_argument("--extra_trees", type=lambda text: text == "True", default=False)
    return parser.parse_args()


def load(folder, share=1.0):
    """Read a data folder; `share` is the part of it to use."""
    with np.load(os.path.join(folder, "breast-cancer.npz")) as data:
        count = max(10, int(share * len(data["y"])))
        return data["x"][:count], data["y"][:count]


def save(model, folder):
    """Save the model where the platform looks for it: output/<job_id>/<trial_id>/clf.pickle."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "clf.pickle"), "wb") as file:
        pickle.dump(model, file)


def main():
    """Train once with the given parameters and report the area under the ROC curve on the held-out data."""
    args = get_arguments()
    train_x, train_y = load(args.train_dir, args.data_sampling_scale)
    test_x, test_y = load(args.test_dir)
    model = LGBMClassifier(
        n_estimators=60,
        learning_rate=args.learning_rate,
        num_leaves=args.num_leaves,
        min_child_samples=args.min_child_samples,
        extra_trees=args.extra_trees,
        n_jobs=1,
        verbose=-1,
    )
    model.fit(train_x, train_y)
    folder = os.path.join(args.output_dir, args.job_id, args.trial_id)
    save(model, folder)
    auc = roc_auc_score(test_y, model.predict_proba(test_x)[:, 1])
    flag, message = AMaasTools(args.job_id, args.trial_id).report_final_result(
        metric={args.metric: auc}, export_model_path=folder, checkpoint_path=""
    )
    print(f"{args.metric}: {auc:.4f} ({message})")
    assert flag, message


if __name__ == "__main__":
    main()
