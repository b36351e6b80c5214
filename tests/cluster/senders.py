"""What pods send to the operator over its own HTTPS, and how a test plays such pods from their start to their end.

Owns: the client of one played pod. Its token is bound to that pod by the real API server, as the kubelet's would be.
"""

import asyncio
import http.client
import json
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

from tests.cluster.access import Access, Json
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.player import SIDECAR, Player, Script

from autosearch.kubernetes.resources import AUDIENCE, PODS
from autosearch.sidecar.settings import SETTINGS, SidecarSettings

PLAYED = {"player": "yes"}
"""The note of a job whose pods a test plays itself."""
Answer = tuple[int, Json]
T = TypeVar("T")
P = ParamSpec("P")


class Sender:
    """One pod's sidecar, as far as the network sees it.

    Attributes:
        settings: what the operator gave to the sidecar.
        token: bound to the pod.
    """

    def __init__(self, cluster: Access, operator: OperatorProcess, pod: Json) -> None:
        self.cluster, self.operator, self.pod = cluster, operator, pod
        self.settings = settings_of(pod)
        self.namespace = pod["metadata"]["namespace"]
        self.token = cluster.account_token(self.namespace, "default", audience=AUDIENCE, pod=pod)

    def progress(self, step: int, value: float, **changes: Any) -> Json:
        """Report a step and give the answer; raises `AssertionError` if it was not taken."""
        return self._taken(self.progress_body(step, value, **changes))

    def final(self, value: float, reported: float) -> Json:
        """Report the result, accepted at a time in seconds since the epoch."""
        return self._taken(self.final_body(value, reported))

    def progress_body(self, step: int, value: float, **changes: Any) -> Json:
        """Give the body of a progress report."""
        metrics = {self.settings.metric: value}
        return {"type": "progress", **self._who(), "step": step, "metrics": metrics, **changes}

    def final_body(self, value: float, reported: float) -> Json:
        """Give the body of a final report; no model is kept."""
        report = {"value": value, "metrics": {self.settings.metric: value}, "modelPath": "", "checkpointPath": ""}
        return {"type": "final", **self._who(), "report": report, "reported": reported}

    def _who(self) -> Json:
        return {"trial": self.settings.trial_name, "attempt": self.settings.attempt_id}

    def _taken(self, body: Json) -> Json:
        code, answer = post(self.operator, self.token, body)
        assert code == 200, answer
        return answer

    @property
    def trial_path(self) -> str:
        """The path of the pod's trial."""
        name = self.settings.trial_name
        return f"/apis/autosearch.dev/v1alpha1/namespaces/{self.namespace}/trials/{name}"

    def wait_trial(self, done: Callable[[Json], object], seconds: float = 30) -> Json:
        """Wait until the trial is as wanted."""
        return self.cluster.wait_for(self.trial_path, done, seconds)


def settings_of(pod: Json) -> SidecarSettings:
    """Read the sidecar's settings, as the kubelet hands them over."""
    sidecar = next(each for each in pod["spec"]["initContainers"] if each["name"] == SIDECAR)
    text = next(each["value"] for each in sidecar["env"] if each["name"] == SETTINGS)
    return SidecarSettings.from_json(text.replace("$$", "$"))


def connection(operator: OperatorProcess, seconds: float = 20) -> http.client.HTTPSConnection:
    """Open a connection to the report server, checked as the sidecar does it."""
    address = urlsplit(operator.report_url)
    trust = ssl.create_default_context(cadata=operator.ca)
    return http.client.HTTPSConnection(str(address.hostname), address.port, timeout=seconds, context=trust)


def post(operator: OperatorProcess, token: str | None, body: Json | bytes, **headers: str) -> Answer:
    """Send one report; gives status and decoded answer."""
    link = connection(operator)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {**({} if token is None else {"Authorization": f"Bearer {token}"}), **headers}
    try:
        link.request("POST", "/v1/reports", data, sent)
        with link.getresponse() as answer:
            return answer.status, json.loads(answer.read())
    finally:
        link.close()


def play(cluster: Access, namespace: str, script: Script, until: Callable[[], T], stop_seconds: float = 0) -> T:
    """Play a namespace's pods by a script while `until` waits for something; gives what that gave.

    Raises:
        ExceptionGroup: what a pod's script raised.
    """

    async def playing() -> T:
        async with cluster.client() as client:
            pods = asyncio.create_task(Player(client, namespace, stop_seconds=stop_seconds).run(script))
            waiting = asyncio.create_task(asyncio.to_thread(until))
            await asyncio.wait({pods, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if pods.done():
                pods.result()
            try:
                return await waiting
            except TimeoutError as error:
                found, _ = await client.list(PODS, namespace)
                error.add_note(json.dumps([[pod["metadata"]["name"], pod["status"]] for pod in found]))
                raise
            finally:
                pods.cancel()
                with suppress(asyncio.CancelledError):
                    await pods

    async def to_the_end() -> T:
        try:
            return await playing()
        finally:
            await _connections_closed()

    return asyncio.run(to_the_end())


async def _connections_closed() -> None:
    """Wait until nothing but the loop's own pipe is open: connections with TLS close a moment after their client."""
    loop: Any = asyncio.get_running_loop()
    for _ in range(500):
        if len(loop._selector.get_map()) <= 1:
            return
        await asyncio.sleep(0.01)


def in_thread(call: Callable[P, T], *arguments: P.args, **settings: P.kwargs) -> Awaitable[T]:
    """Let a blocking call wait in a thread, from a pod's script."""
    return asyncio.to_thread(call, *arguments, **settings)


def write_token(sender: Sender, path: Path) -> None:
    """Write the token where the kubelet would project it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(sender.token, encoding="ascii")
