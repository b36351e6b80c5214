"""`autosearch watch`: a search on a cluster, shown as `run` shows a local one."""

import argparse
import sys
from contextlib import aclosing

from autosearch.cli.cluster import again, on_cluster, where
from autosearch.cli.output import console, fall_silent, has_failed
from autosearch.kubernetes.access import Cluster
from autosearch.kubernetes.following import Sight, follow
from autosearch.views.live import LiveProgress

DONE, FAILED, INTERRUPTED = 0, 1, 130


def main(arguments: argparse.Namespace) -> int:
    """Show the search until its end; 0 complete, 1 failed, 130 interrupted."""
    return watch(arguments, arguments.job)


def watch(arguments: argparse.Namespace, job: str) -> int:
    """Show a search until its end, whichever command asks for it; gives the exit code."""
    shown = _Shown(LiveProgress(console(plain=arguments.plain)))
    try:
        on_cluster(where(arguments), lambda cluster: shown.all_of(cluster, job))
    except KeyboardInterrupt:
        shown.finish()
        flags = again(arguments)
        print(
            f"autosearch: no longer watched, the search goes on; `autosearch watch {job}{flags}` shows it again, "
            f"`autosearch suspend {job}{flags}` suspends it",
            file=sys.stderr,
        )
        return INTERRUPTED
    except BaseException:
        shown.finish()
        raise
    shown.finish()
    return FAILED if shown.last is not None and has_failed(shown.last.job) else DONE


class _Shown:
    """What is on the screen, and the last that was seen."""

    def __init__(self, progress: LiveProgress) -> None:
        self._progress = progress
        self.last: Sight | None = None

    async def all_of(self, cluster: Cluster, job: str) -> None:
        """Show everything until the search's end."""
        async with aclosing(follow(cluster, job)) as sights:
            async for sight in sights:
                self.last = sight
                self._show(sight)

    def _show(self, sight: Sight) -> None:
        try:
            self._progress.update(sight.job, sight.trials, sight.now, running=sight.waiting, waiting=sight.waits)
        except BrokenPipeError:
            # Nobody reads any more; the exit code is still wanted.
            fall_silent()

    def finish(self) -> None:
        """Leave the summary of what was seen last."""
        if self.last is not None:
            self._progress.finish(self.last.job, self.last.trials)
