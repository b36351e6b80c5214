"""A strict script that trains nothing: the contract's forms, in plain Python.

It stores where it ran, what it was given and what it found beside it, as its model.
"""

import argparse
import json
import os
import sys

from rudder_autosearch.sdk.amaas_tools import AMaasTools


def main():
    """Save what there is to see, and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--output_dir", type=str, default="./output")
    parser.add_argument("--job_id", type=str, default="job-1234")
    parser.add_argument("--trial_id", type=str, default="0-0")
    parser.add_argument("--metric", type=str, default="acc")
    parser.add_argument("--data_sampling_scale", type=float, default=1.0)
    parser.add_argument("--x", type=float, default=0.5)
    args = parser.parse_args()
    folder = os.path.join(args.output_dir, args.job_id, args.trial_id)
    os.makedirs(folder, exist_ok=True)
    seen = {
        "cwd": os.getcwd(),
        "script": sys.argv[0],
        "x": args.x,
        "beside": sorted(os.listdir(".")),
        "layers": getattr(sys.modules.get("net"), "LAYERS", None),
        "baked": os.environ.get("BAKED", ""),
    }
    with open(os.path.join(folder, "model.json"), "w") as file:
        json.dump(seen, file)
    flag, message = AMaasTools(args.job_id, args.trial_id).report_final_result(
        metric={args.metric: args.x}, export_model_path=folder, checkpoint_path=""
    )
    assert flag, message


if __name__ == "__main__":
    main()
