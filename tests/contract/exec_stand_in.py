"""A stand-in for an API server with one node: it keeps pods as JSON, and runs what is executed in them on this machine.

Owns: the other end of the protocol `v5.channel.k8s.io` / `v4.channel.k8s.io`, and a folder in the place of the volume.
What it cannot prove (mounts, users, kubelets) tests/e2e/test_transfer.py does on a real node.
"""

import asyncio
import json
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import WSMsgType, web

STDIN, STDOUT, STDERR, STATUS, CLOSE = 0, 1, 2, 3, 255
MOUNT = "/transfer"


def running():
    """Give the status of a pod that runs."""
    return {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


@dataclass
class StandIn:
    """One namespace `default` on a loopback port; use it as a context manager.

    Attributes:
        volume: what pods see at /transfer.
        shell: what `sh` in a container is.
        protocols: the ones that it speaks.
        prelude: shell code before that of each command, by the command's name.
        status: of pods that were created.
        breaks_after: bytes of standard input after which the connection is cut; None: never.
        objects: further objects, by path.
        refuse: given a pod, the sentence with which a policy refuses it; "" takes it.
    """

    volume: Path
    shell: list[str] = field(default_factory=lambda: ["sh"])
    protocols: tuple[str, ...] = ("v5.channel.k8s.io", "v4.channel.k8s.io")
    prelude: dict[str, str] = field(default_factory=dict)
    status: dict = field(default_factory=running)
    breaks_after: int | None = None
    exec_refusal: int | None = None
    objects: dict[str, dict] = field(default_factory=dict)
    refuse: Callable[[dict], str] = lambda pod: ""
    pods: dict[str, dict] = field(default_factory=dict)
    made: list[dict] = field(default_factory=list)
    commands: list[list[str]] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    port: int = 0

    def __enter__(self):
        started = threading.Event()
        self._programs = []
        self._thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *error):
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(20)
        # A handler that was cut off while it waited leaves its command behind.
        for program in self._programs:
            program.kill()
            program.wait()

    def _serve(self, started):
        asyncio.run(self._run(started))

    async def _run(self, started):
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application()
        pods = "/api/v1/namespaces/default/pods"
        app.router.add_post(pods, self._create)
        app.router.add_get(f"{pods}/{{name}}", self._get)
        app.router.add_delete(f"{pods}/{{name}}", self._delete)
        app.router.add_get(f"{pods}/{{name}}/exec", self._exec)
        app.router.add_get("/{path:.*}", self._object)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        started.set()
        await self._over.wait()
        await runner.cleanup()

    def kubeconfig(self, folder: Path) -> Path:
        """Write a kubeconfig that leads here."""
        file = folder / "kubeconfig"
        whole = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": "it", "user": {"token": "somebody"}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it", "namespace": "default"}}],
        }
        file.write_text(json.dumps(whole))
        return file

    async def _create(self, request):
        pod = await request.json()
        if words := self.refuse(pod):
            return refusal(403, "Forbidden", words)
        pod["metadata"]["uid"] = f"uid-{len(self.made)}"
        pod["status"] = self.status
        self.made.append(pod)
        self.pods[pod["metadata"]["name"]] = pod
        return web.json_response(pod, status=201)

    async def _get(self, request):
        pod = self.pods.get(request.match_info["name"])
        return web.json_response(pod) if pod else missing("pods", request.match_info["name"])

    async def _delete(self, request):
        options = await request.json()
        pod = self.pods.pop(request.match_info["name"], None)
        if pod is None:
            return missing("pods", request.match_info["name"])
        assert options["preconditions"]["uid"] == pod["metadata"]["uid"]
        return web.json_response(pod)

    async def _object(self, request):
        found = self.objects.get(request.path)
        plural, name = request.path.split("/")[-2:]
        return web.json_response(found) if found else missing(plural, name)

    async def _exec(self, request):
        if request.headers.get("Authorization") != "Bearer somebody":
            return refusal(401, "Unauthorized", "Unauthorized")
        if self.exec_refusal is not None:
            words = 'pods "it" is forbidden: User "somebody" cannot create resource "pods/exec" in API group ""'
            return refusal(self.exec_refusal, "Forbidden", words)
        socket = web.WebSocketResponse(protocols=self.protocols, max_msg_size=0)
        await socket.prepare(request)
        words = request.query.getall("command")
        self.commands.append(words)
        self.spoken.append(socket.ws_protocol or "")
        await self._command(socket, words)
        return socket

    async def _command(self, socket, words):
        assert words[:2] == ["sh", "-c"]
        script = self.prelude.get(words[3], "") + "\n" + words[2].replace(MOUNT, str(self.volume))
        process = await asyncio.create_subprocess_exec(
            *self.shell, "-c", script, *words[3:], stdin=-1, stdout=-1, stderr=-1, env=dict(os.environ)
        )
        self._programs.append(process._transport.get_extra_info("subprocess"))
        try:
            await self._converse(socket, process)
        finally:
            # Where the client or the test has gone, the command goes too, and so do its pipes.
            if process.returncode is None:
                process.kill()
            if not process.stdin.is_closing():
                process.stdin.transport.abort()
            process._transport.close()
            await process.wait()
            # A pipe is closed by the loop's next turns.
            await asyncio.sleep(0.01)

    async def _converse(self, socket, process):
        pumps = [asyncio.create_task(pump(socket, n, s)) for n, s in ((1, process.stdout), (2, process.stderr))]
        feeder = asyncio.create_task(self._feed(socket, process))
        await asyncio.wait([feeder, asyncio.ensure_future(asyncio.gather(*pumps))], return_when="FIRST_COMPLETED")
        code = await process.wait()
        await asyncio.gather(*pumps, return_exceptions=True)
        if not socket.closed:
            await socket.send_bytes(bytes([STATUS]) + json.dumps(status_of(code)).encode())
            # Closed with data of the client's unread, the connection is reset, and the status lost on its way.
            await asyncio.sleep(0.1)
            await socket.close()
        feeder.cancel()

    async def _feed(self, socket, process):
        """Hand on standard input until the client closes it, or the connection."""
        taken = 0
        async for message in socket:
            assert message.type is WSMsgType.BINARY
            if message.data[0] == CLOSE:
                break
            assert message.data[0] == STDIN
            taken += len(message.data) - 1
            if self.breaks_after is not None and taken > self.breaks_after:
                await socket.close()
                break
            try:
                process.stdin.write(message.data[1:])
                await process.stdin.drain()
            except (BrokenPipeError, ConnectionResetError):
                continue
        process.stdin.close()


async def pump(socket, channel, stream):
    """Send what a command prints."""
    while piece := await stream.read(1 << 15):
        if socket.closed:
            return
        await socket.send_bytes(bytes([channel]) + piece)


def status_of(code):
    """Give the last message of a command."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    causes = [{"reason": "ExitCode", "message": str(code)}]
    words = f"command terminated with non-zero exit code: exit status {code}"
    return {"status": "Failure", "reason": "NonZeroExitCode", "message": words, "details": {"causes": causes}}


def missing(plural, name):
    """Answer that something is not there."""
    details = {"name": name, "kind": plural}
    return refusal(404, "NotFound", f'{plural} "{name}" not found', details)


def refusal(code, reason, message, details=None):
    """Answer with a Status, as an API server does."""
    body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
    return web.json_response(body | ({"details": details} if details else {}), status=code)
