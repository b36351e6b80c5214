"""Ten steps, each with a checkpoint that counts them; goes on from the one that it is given.

The first attempt goes no further than step six: it stays there, until it is evicted.
"""

import argparse
import json
import os
import time

from autosearch_sdk import report_progress
from rudder_autosearch.sdk.amaas_tools import AMaasTools

STEPS, HELD_AT = 10, 6


def get_arguments():
    """Declare the contract's flags, the one of resuming, and the searched parameter."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--output_dir", type=str, default="./output")
    parser.add_argument("--job_id", type=str, default="job-1234")
    parser.add_argument("--trial_id", type=str, default="0-0")
    parser.add_argument("--metric", type=str, default="acc")
    parser.add_argument("--data_sampling_scale", type=float, default=1.0)
    parser.add_argument("--resume_checkpoint_path", type=str, default="")
    parser.add_argument("--x", type=float, default=0.5)
    return parser.parse_args()


def start(path):
    """Give the steps that are done, each with the attempt that did it."""
    if not path:
        return []
    with open(path) as file:
        return json.load(file)


def main():
    """Go from step to step."""
    args = get_arguments()
    folder = os.path.join(args.output_dir, args.job_id, args.trial_id)
    os.makedirs(folder)
    done = start(args.resume_checkpoint_path)
    checkpoint = ""
    while len(done) < STEPS:
        done.append(args.trial_id)
        checkpoint = os.path.join(folder, f"step-{len(done)}.json")
        with open(checkpoint, "w") as file:
            json.dump(done, file)
        report_progress(len(done), {args.metric: len(done) / STEPS}, checkpoint)
        while not args.resume_checkpoint_path and len(done) == HELD_AT:
            time.sleep(1)
    flag, message = AMaasTools(args.job_id, args.trial_id).report_final_result(
        metric={args.metric: args.x}, export_model_path=folder, checkpoint_path=checkpoint
    )
    assert flag, message


if __name__ == "__main__":
    main()
