"""Is what a script reports true and usable? The rules of a report, against the files it speaks of.

Owns every rule by which a report is taken or refused. It looks below the output root alone, follows no
link there, writes nothing, and imports the standard library alone: it is loaded into every trial's pod.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from autosearch.reporting import tree
from autosearch.reporting.messages import (
    LARGEST_STEP,
    LINE_BYTES,
    PATH_BYTES,
    REPORT_BYTES,
    FinalReport,
    Message,
    ProgressReport,
    Refused,
    numbers,
    parse_request,
    plain,
    shown,
    text,
)

FRAMEWORK_FILES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "": (),
    "Sklearn": (("clf.pickle", "clf.pkl"),),
    "XGBoost": (("clf.pickle", "clf.pkl"),),
    "TensorFlow": (("saved_model.pb",),),
    "PyTorch": (("model.pkl",),),
    "Paddle": (("model",), ("params",)),
}
"""For each framework: groups of names; the model folder must hold one of each (contract.md section 5)."""
_PATH_FIELDS = ("export_model_path", "checkpoint_path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What the reports of one attempt must say.

    Attributes:
        job_id: as the script got it.
        attempt_id: what the script sees as its trial id.
        metric: name of the objective metric.
        framework: which files the model folder must hold; "" asks for none in particular.
        working_directory: the script's, absolute and free of links (as ``getcwd`` gives it).
        output_root: the output's real folder, as this process sees it.
        output_prefixes: absolute paths that denote the output root in the script's eyes.
        checkpoint_required: a final report needs a checkpoint (PBT).
        model_kept: False where the job has no output: reported paths are then ignored.
    """

    job_id: str
    attempt_id: str
    metric: str
    working_directory: str
    output_root: str
    output_prefixes: tuple[str, ...]
    framework: str = ""
    checkpoint_required: bool = False
    model_kept: bool = True

    def __post_init__(self) -> None:
        if self.framework not in FRAMEWORK_FILES:
            raise ValueError(f"framework: found {self.framework!r}, known are {sorted(FRAMEWORK_FILES)}")
        if self.checkpoint_required and not self.model_kept:
            raise ValueError("checkpoint_required: a checkpoint cannot be kept without an output")

    @property
    def own_directory(self) -> str:
        """The attempt's own folder, relative to the output root."""
        return f"{self.job_id}/{self.attempt_id}"


def check_final(message: Message, expect: Expectation) -> FinalReport:
    """Turn a final message into the report to keep.

    Args:
        message: the decoded request; extra keys are ignored.
        expect: what this attempt's report must say.

    Raises:
        Refused: with the first broken rule of design section 4.
    """
    check_sender(message, expect)
    metrics = numbers("metric", message.get("metric"))
    if expect.metric not in metrics:
        found = ", ".join(shown(name) for name in metrics)
        raise Refused(
            f"metric: found {found}, this job's metric is {expect.metric!r}: write metric={{{expect.metric!r}: value}}"
        )
    report = FinalReport(
        value=metrics[expect.metric],
        metrics=metrics,
        model_path=_model_path(message, expect),
        checkpoint_path=_checkpoint_path(message, expect, required=expect.checkpoint_required),
    )
    size = len(report.to_json().encode("utf-8"))
    if size > REPORT_BYTES:
        raise Refused(
            f"report: {size} bytes as JSON, at most {REPORT_BYTES} are kept: use fewer metrics, shorter names"
        )
    return report


def check_progress(message: Message, expect: Expectation) -> ProgressReport:
    """Turn a progress message into an observation.

    Any metrics are taken, but stopping rules read the objective metric alone: reports without it never stop
    a trial.

    Raises:
        Refused: if the sender, the step (a whole number from 0), a metric or the checkpoint is wrong.
    """
    check_sender(message, expect)
    step = message.get("step")
    if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step <= LARGEST_STEP:
        raise Refused(f"step: found {shown(step)}, write a whole number from 0 to {LARGEST_STEP}, such as the epoch")
    return ProgressReport(
        step=step,
        metrics=numbers("metrics", message.get("metrics")),
        checkpoint_path=_checkpoint_path(message, expect, required=False),
    )


def read_result_file(path: str | os.PathLike[str], expect: Expectation) -> FinalReport:
    """Read the result that a script without SDK wrote to ``$AUTOSEARCH_RESULT``.

    Its keys are metric names; ``export_model_path`` and ``checkpoint_path`` are paths, relative ones from the
    working directory. Without ``export_model_path`` the model is the attempt's own folder if that holds a
    file.

    Raises:
        Refused: if the file is missing, no regular file, larger than ``LINE_BYTES``, no JSON object, or
            breaks a rule.
    """
    found = parse_request(_result(path))
    message: Message = {key: found.pop(key) for key in _PATH_FIELDS if key in found}
    message.update(job_id=expect.job_id, trial_id=expect.attempt_id, metric=found)
    if "export_model_path" not in message and _own_directory_holds_file(expect):
        message["export_model_path"] = f"{expect.output_prefixes[0]}/{expect.own_directory}"
    return check_final(message, expect)


def check_sender(message: Message, expect: Expectation) -> None:
    """Refuse a message of another job or trial.

    Raises:
        Refused: naming both ids, and the fix: a script that ignores its flags reports its own defaults.
    """
    for field, wanted in (("job_id", expect.job_id), ("trial_id", expect.attempt_id)):
        if message.get(field) != wanted:
            raise Refused(
                f"{field}: found {shown(message.get(field))}, this run's is {wanted!r}: "
                f"declare --{field} with argparse and hand args.{field} to AMaasTools, "
                f"or read the environment variable AUTOSEARCH_{field.upper()}"
            )


def _model_path(message: Message, expect: Expectation) -> str:
    reported = text(message, "export_model_path")
    if not reported or not expect.model_kept:
        return ""
    below, own = _below_output("export_model_path", reported, message, expect), expect.own_directory
    if below != own:
        inner = "the folder itself, not what is in it" if below.startswith(f"{own}/") else "this trial's own folder"
        raise Refused(f"export_model_path: found {shown(reported)}, write {inner}: ./output/{own}")
    with (
        _reading("export_model_path", own),
        tree.opened(expect.output_root, own.split("/"), listed=True) as folder,
    ):
        _check_files(folder, expect)
    return own


def _check_files(folder: int, expect: Expectation) -> None:
    if not tree.holds_file(folder):
        raise Refused(
            f"export_model_path: output/{expect.own_directory} holds no file: save the model there before "
            "reporting, or report an empty path to keep none"
        )
    for names in FRAMEWORK_FILES[expect.framework]:
        if not any(tree.is_file(folder, name) for name in names):
            raise Refused(
                f"export_model_path: output/{expect.own_directory} holds no file {' or '.join(names)}, "
                f"which framework {expect.framework} needs: save the model under that name"
            )


def _checkpoint_path(message: Message, expect: Expectation, *, required: bool) -> str:
    reported = text(message, "checkpoint_path")
    if not reported and required:
        raise Refused(
            "checkpoint_path: found an empty text, population based training needs the file that the next "
            f"trial goes on from: write checkpoint_path='./output/{expect.own_directory}/model.pkl'"
        )
    if not reported or not expect.model_kept:
        return ""
    below = _below_output("checkpoint_path", reported, message, expect)
    if not below.startswith(f"{expect.job_id}/"):
        raise Refused(f"checkpoint_path: found {shown(reported)}, write a file below ./output/{expect.own_directory}")
    *folders, name = below.split("/")
    with _reading("checkpoint_path", below), tree.opened(expect.output_root, folders, listed=False) as folder:
        _check_checkpoint(os.stat(name, dir_fd=folder, follow_symlinks=False), below)
    return below


def _check_checkpoint(found: os.stat_result, below: str) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise Refused(f"checkpoint_path: output/{below} is a folder, write the path of one file in it")
    if not stat.S_ISREG(found.st_mode):
        raise Refused(f"checkpoint_path: output/{below} is {tree.kind(found)}, write the path of a regular file")
    if not found.st_size:
        raise Refused(f"checkpoint_path: output/{below} is empty: close the file before reporting; is the disk full?")


def _below_output(field: str, reported: str, message: Message, expect: Expectation) -> str:
    """Return where a reported path lies below the output root, by its text alone: "" for the root itself."""
    said = message.get("cwd")
    base = said if isinstance(said, str) and said.startswith("/") else expect.working_directory
    place = _absolute(base, reported)
    for prefix in sorted(expect.output_prefixes, key=len, reverse=True):
        root = _absolute("/", prefix)
        if place == root or place.startswith(f"{root}/"):
            return _limited(field, place[len(root) + 1 :])
    raise Refused(
        f"{field}: found {shown(reported)}, which is outside the output folder: write a path below "
        f"./output/{expect.own_directory}"
    )


def _absolute(base: str, written: str) -> str:
    return "/" + os.path.normpath(f"{base}/{written}" if not written.startswith("/") else written).lstrip("/")


def _limited(field: str, below: str) -> str:
    if not plain(below):
        raise Refused(f"{field}: found {shown(below)}, write a path of valid UTF-8 without control characters")
    size = len(below.encode("utf-8"))
    if size > PATH_BYTES:
        raise Refused(
            f"{field}: {size} bytes below the output folder, at most {PATH_BYTES} are kept: use shorter names"
        )
    return below


@contextmanager
def _reading(field: str, below: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise Refused(f"{field}: output/{below} does not exist: save it before reporting") from None
    except NotADirectoryError as error:
        raise Refused(f"{field}: output/{below}: {error}") from None
    except PermissionError:
        raise Refused(f"{field}: output/{below} may not be read: make it readable (chmod -R a+rX)") from None
    except OSError as error:
        raise Refused(f"{field}: output/{below} cannot be read ({error.strerror})") from None


def _own_directory_holds_file(expect: Expectation) -> bool:
    try:
        with tree.opened(expect.output_root, expect.own_directory.split("/"), listed=True) as folder:
            return tree.holds_file(folder)
    except FileNotFoundError:
        return False
    except OSError:
        # Something is there that cannot be a model: the check of the path says what is wrong with it.
        return True


def _result(path: str | os.PathLike[str]) -> bytes:
    try:
        contents = tree.contents(path, LINE_BYTES + 1)
    except OSError as error:
        raise Refused(f"result file: cannot be read ({error.strerror})") from None
    if len(contents) > LINE_BYTES:
        raise Refused(f"result file: larger than {LINE_BYTES} bytes: write the metrics alone")
    # Some editors and shells put a byte order mark before UTF-8, which JSON does not know.
    return contents.removeprefix(b"\xef\xbb\xbf")
