"""What a failed script most likely needs, in one sentence.

Owns: the mapping from an exit code and the last lines of a log to a likely fix. It guesses for people; nothing else
reads it.
"""

import re

# A shell reports death by signal n as 128 + n.
_SIGNAL_BASE = 128
_ADVICE: tuple[tuple[str, str], ...] = (
    (
        r"unrecognized arguments: (.+)",
        "the script does not declare {0}: add it with parser.add_argument; `autosearch lint SCRIPT -f JOB` checks all",
    ),
    (r"argument (\S+): invalid (\S+) value: (\S+)", "the script declares {0} with a type that cannot read {2}"),
    (
        r"argument (\S+): invalid choice: (.+)",
        "the script's `choices` for {0} do not hold a value that the job searches",
    ),
    (r"the following arguments are required: (.+)", "the script requires {0}, which the job does not pass"),
    (r"ModuleNotFoundError: No module named '([^']+)'", "the module `{0}` is not installed where the trial runs"),
    (
        r"No such file or directory: '?(\S*(?:train_data|test_data)[^'\s]*)",
        "there is no {0}: give the data's folder as trainData or testData (locally --train-data DIR, --test-data DIR)",
    ),
    (
        r"can't open file '?([^':]+)",
        "there is no file {0}: give the script's folder as the code (locally --code DIR), or correct `command`",
    ),
    (r"No space left on device", "the disk is full: free space where the trial writes"),
    (
        r"Permission denied",
        "the trial may not write or execute there: check `fsGroup`, the owner and the mode of the volume's root",
    ),
    (r"CUDA out of memory", "the GPU's memory does not hold the model: search smaller batch sizes"),
)
_BY_REASON = {
    "NoReport": "the script ended with exit code 0 but never reported: it must call report_final_result, "
    "or write its result to $AUTOSEARCH_RESULT",
    "OOMKilled": "it used more memory than it may: raise the limit, or search smaller sizes",
    "CommandNotFound": "the command was not found: check the first word of `command`",
    "CannotExecute": "the command cannot be executed: check its mode and its first line",
    "UsageError": "the script refused its arguments: `autosearch lint SCRIPT -f JOB` checks all of them",
}


def advice(reason: str, exit_code: int | None, log_tail: str) -> str:
    """Give one sentence: the likely fix where it is known, else how the script ended."""
    for pattern, text in _ADVICE:
        match = re.search(pattern, log_tail)
        if match:
            return text.format(*(group.strip() for group in match.groups()))
    if reason in _BY_REASON:
        return _BY_REASON[reason]
    if exit_code is not None and exit_code > _SIGNAL_BASE:
        return f"it was killed by signal {exit_code - _SIGNAL_BASE}"
    return f"it ended with exit code {exit_code}"
