"""Malignant or benign: gradient-boosted trees on the breast cancer set, one training run of a search.

The lower the log loss, the better: the job says `direction: Minimize`.
"""

import argparse
import os

import joblib
import numpy as np
import xgboost as xgb

from rudder_autosearch.sdk.amaas_tools import AMaasTools


def get_arguments():
    """Declare the contract's seven flags and the searched parameters."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train_dir", type=str, default="./train_data")
    parser.add_argument("--test_dir", type=str, default="./test_data")
    parser.add_argument("--output_dir", type=str, default="./output")
    parser.add_argument("--job_id", type=str, default="job-1234")
    parser.add_argument("--trial_id", type=str, default="0-0")
    parser.add_argument("--metric", type=str, default="logloss")
    parser.add_argument("--data_sampling_scale", type=float, default=1.0)
    parser.add_argument("--max_depth", type=int, default=6)
    parser.add_argument("--eta", type=float, default=0.1)
    parser.add_argument("--gamma", type=float, default=0.1)
    parser.add_argument("--num_round", type=int, default=50)
    return parser.parse_args()


def load(folder, share=1.0):
    """Read a data folder; `share` is the part of it to use."""
    with np.load(os.path.join(folder, "breast-cancer.npz")) as data:
        count = max(10, int(share * len(data["y"])))
        return data["x"][:count], data["y"][:count]


def log_loss(truth, probability):
    """Mean cross-entropy of 0/1 labels, in nats."""
    p = np.clip(probability, 1e-7, 1 - 1e-7)
    return float(-np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p)))


def main():
    """Train once with the given parameters and report the log loss on the held-out data."""
    args = get_arguments()
    train_x, train_y = load(args.train_dir, args.data_sampling_scale)
    test_x, test_y = load(args.test_dir)
    settings = {
        "objective": "binary:logistic",
        "max_depth": args.max_depth,
        "eta": args.eta,
        "gamma": args.gamma,
        "nthread": 1,
    }
    model = xgb.train(settings, xgb.DMatrix(train_x, label=train_y), num_boost_round=args.num_round)
    folder = os.path.join(args.output_dir, args.job_id, args.trial_id)
    os.makedirs(folder, exist_ok=True)
    joblib.dump(model, os.path.join(folder, "clf.pkl"))
    loss = log_loss(test_y, model.predict(xgb.DMatrix(test_x)))
    flag, message = AMaasTools(args.job_id, args.trial_id).report_final_result(
        metric={args.metric: loss}, export_model_path=folder, checkpoint_path=""
    )
    print(f"{args.metric}: {loss:.4f} ({message})")
    assert flag, message


if __name__ == "__main__":
    main()
