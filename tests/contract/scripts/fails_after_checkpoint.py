"""Fails after it reported a checkpoint; its successor goes on from there."""

import os
import sys
from pathlib import Path

from autosearch_sdk import report_progress

resume = os.environ["AUTOSEARCH_RESUME_CHECKPOINT_PATH"]
if not resume:
    checkpoint = Path("output", os.environ["AUTOSEARCH_JOB_ID"], os.environ["AUTOSEARCH_TRIAL_ID"], "last.ckpt")
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_text("3")
    answer = report_progress(3, {"acc": 0.1}, checkpoint_path=str(checkpoint))
    sys.exit("an accident" if answer.accepted else answer.message)
print("goes on after step", Path(resume).read_text())
Path(os.environ["AUTOSEARCH_RESULT"]).write_text('{"acc": 0.5}')
