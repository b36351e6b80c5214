"""A PBT trial in the contract's form: its weights are a step counter and the list of all trials that trained them."""

import argparse
import json
from pathlib import Path

from rudder_autosearch.sdk.amaas_tools import AMaasTools


def get_arguments():
    """Read the contract's flags; an undeclared one is an error."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--output_dir", default="./output")
    parser.add_argument("--job_id", default="job-1234")
    parser.add_argument("--trial_id", default="0-0")
    parser.add_argument("--metric", default="acc")
    parser.add_argument("--data_sampling_scale", type=float, default=1.0)
    parser.add_argument("--resume_checkpoint_path", default="")
    parser.add_argument("--x", type=float, required=True)
    return parser.parse_args()


def main():
    """Train one step from the inherited weights, save, report."""
    args = get_arguments()
    weights = {"steps": 0, "quality": -1.0, "trained_by": []}
    if args.resume_checkpoint_path:
        weights = json.loads(Path(args.resume_checkpoint_path).read_text())
    weights["steps"] += 1
    weights["quality"] += 0.3 * (-((args.x - 0.3) ** 2) - weights["quality"])
    weights["trained_by"].append(args.trial_id)
    folder = Path(args.output_dir) / args.job_id / args.trial_id
    folder.mkdir(parents=True)
    path = folder / "model.pkl"
    path.write_text(json.dumps(weights))
    accepted, message = AMaasTools(args.job_id, args.trial_id).report_final_result(
        metric={args.metric: weights["quality"]}, export_model_path=str(folder), checkpoint_path=str(path)
    )
    assert accepted, message


if __name__ == "__main__":
    main()
