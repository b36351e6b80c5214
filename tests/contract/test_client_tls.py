"""The client over TLS, with a server that does not say farewell."""

import asyncio
import contextlib
import gc
import socket
import ssl
import threading
import warnings

from tests.cluster.certificates import Authority

from autosearch.kubernetes.client import Client
from autosearch.kubernetes.credentials import Credentials
from autosearch.kubernetes.resources import JOBS

ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n"
LINE = b'{"type": "ADDED", "object": {}}\n'


def test_a_watch_that_is_left_early_leaves_no_connection(tmp_path):
    """A command that has seen enough ends with all its connections closed, whether the server takes leave or not."""
    authority = Authority()
    for name, text in zip(("server.crt", "server.key"), authority.issue(["127.0.0.1"]), strict=True):
        (tmp_path / name).write_text(text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    over = threading.Event()

    def serve(listening):
        taken, _ = listening.accept()
        with contextlib.suppress(OSError), context.wrap_socket(taken, server_side=True) as spoken:
            spoken.recv(1 << 16)
            spoken.sendall(ANSWER % (len(LINE), LINE))
            over.wait(30)

    async def look(port):
        trust = ssl.create_default_context(cadata=authority.certificate)
        async with Client(Credentials(f"https://127.0.0.1:{port}", trust, lambda: "me", "default")) as client:
            events = client.watch(JOBS, "default")
            seen = await anext(events)
            more = asyncio.create_task(anext(events))
            await asyncio.sleep(0.05)
            more.cancel()
            await asyncio.gather(more, return_exceptions=True)
            return seen

    with socket.create_server(("127.0.0.1", 0)) as listening, warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        server = threading.Thread(target=serve, args=(listening,))
        server.start()
        kind, _ = asyncio.run(look(listening.getsockname()[1]))
        gc.collect()
        over.set()
        server.join()

    assert kind == "ADDED"
    assert [str(each.message) for each in told] == []
