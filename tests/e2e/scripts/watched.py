"""Reports its `x` as the metric, step by step, and ends when it is told to stop: a trial that early stopping watches.

A trial that nobody stops within its steps saves a model, as all trials do.
"""

import json
import os
import time

from autosearch_sdk import report_progress

value = float(os.environ["AUTOSEARCH_PARAM_x"])
# The good one is quick, but slow enough for its progress to be seen; what is judged is compared at steps that it has.
STEPS, PAUSE = (40, 0.2) if value > 0.5 else (120, 1.0)
folder = os.path.join("output", os.environ["AUTOSEARCH_JOB_ID"], os.environ["AUTOSEARCH_TRIAL_ID"])
os.makedirs(folder)


def save(step, told):
    """Keep how far it came, and what it was told."""
    with open(os.path.join(folder, "end.json"), "w") as file:
        json.dump({"step": step, "told": told}, file)


def main():
    """Go on until told to stop."""
    for step in range(1, STEPS + 1):
        answer = report_progress(step, {"acc": value})
        if answer.stop:
            save(step, answer.message)
            return
        time.sleep(PAUSE)
    save(STEPS, "")
    with open(os.environ["AUTOSEARCH_RESULT"], "w") as file:
        json.dump({"acc": value}, file)


if __name__ == "__main__":
    main()
