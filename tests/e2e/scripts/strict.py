"""A strict script of the published contract, with scikit-learn: any flag that it does not declare ends it with code 2.

It prints what it was given, and where the SDK that it found is from.
"""

import argparse
import json
import os
import pickle
import sys

import numpy as np
from sklearn.svm import SVC

from rudder_autosearch.sdk.amaas_tools import AMaasTools


def get_arguments():
    """Declare the contract's seven flags and the two searched parameters."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train_dir", type=str, default="./train_data")
    parser.add_argument("--test_dir", type=str, default="./test_data")
    parser.add_argument("--output_dir", type=str, default="./output")
    parser.add_argument("--job_id", type=str, default="job-1234")
    parser.add_argument("--trial_id", type=str, default="0-0")
    parser.add_argument("--metric", type=str, default="f1_score")
    parser.add_argument("--data_sampling_scale", type=float, default=1.0)
    parser.add_argument("--kernel", type=str, default="linear")
    parser.add_argument("--C", type=float, default=1.0)
    return parser.parse_args()


def load(folder):
    """Read a data folder."""
    with np.load(os.path.join(folder, "digits.npz")) as data:
        return data["x"], data["y"]


def main():
    """Get arguments, load, define, train, save, evaluate, report."""
    args = get_arguments()
    sdks = [folder for folder in sys.path if os.path.isdir(os.path.join(folder, "rudder_autosearch"))]
    x, y = load(args.train_dir)
    rows = int(args.data_sampling_scale * len(y))
    model = SVC(kernel=args.kernel, C=args.C).fit(x[:rows], y[:rows])
    folder = os.path.join(args.output_dir, args.job_id, args.trial_id)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "clf.pickle"), "wb") as file:
        pickle.dump(model, file)
    accuracy = model.score(*load(args.test_dir))
    flag, message = AMaasTools(args.job_id, args.trial_id).report_final_result(
        metric={args.metric: accuracy}, export_model_path=folder, checkpoint_path=""
    )
    print(json.dumps({"argv": sys.argv[1:], "sdks": sdks, "rows": rows, "accuracy": accuracy, "user": os.getuid()}))
    assert flag, message


if __name__ == "__main__":
    main()
