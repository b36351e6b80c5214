"""A trial in the contract's form: strict arguments, train, save, report; its value is its parameter x."""

import argparse
import os
import time
from pathlib import Path

from rudder_autosearch.sdk.amaas_tools import AMaasTools


def get_arguments():
    """Read the contract's flags; an undeclared one is an error."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--train_dir", default="./train_data")
    parser.add_argument("--test_dir", default="./test_data")
    parser.add_argument("--output_dir", default="./output")
    parser.add_argument("--job_id", default="job-1234")
    parser.add_argument("--trial_id", default="0-0")
    parser.add_argument("--metric", default="acc")
    parser.add_argument("--data_sampling_scale", type=float, default=1.0)
    parser.add_argument("--x", type=float, default=0.0)
    if os.environ.get("WITH_PBT"):
        parser.add_argument("--resume_checkpoint_path", default="")
        parser.add_argument("--perturb_interval", type=int, default=1)
    args = parser.parse_args()
    args.output_dir = f"{args.output_dir}/{args.job_id}/{args.trial_id}"
    return args


def train(args):
    """Give the number of steps that the weights have seen."""
    resume = getattr(args, "resume_checkpoint_path", "")
    steps = int(Path(resume).read_text().split()[0]) if resume else 0
    return steps + getattr(args, "perturb_interval", 1)


def save(args, steps):
    """Save model and checkpoint; give the checkpoint's path."""
    folder = Path(args.output_dir)
    folder.mkdir(parents=True)
    (folder / "clf.pickle").write_text(repr(args.x))
    (folder / "model.pkl").write_text(f"{steps} steps")
    return f"{args.output_dir}/model.pkl"


def report(args, checkpoint):
    """Report as the vendor's own scripts do."""
    for _ in range(3):
        flag, message = AMaasTools(args.job_id, args.trial_id).report_final_result(
            metric={args.metric: args.x}, export_model_path=args.output_dir, checkpoint_path=checkpoint
        )
        print(f"End Report, metric:{args.x}, flag:{flag}, {message}")
        if flag:
            break
        time.sleep(1)
    assert flag, "Report final result to manager failed!"


if __name__ == "__main__":
    arguments = get_arguments()
    report(arguments, save(arguments, train(arguments)))
