"""A real HTTPS server in the operator's place, with a certificate authority of its own."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.cluster.certificates import Authority

STOP = (200, {"stop": True, "reason": "median"}, {})
GO_ON = (200, {"stop": False, "reason": ""}, {})
Reply = tuple[int, Any, dict[str, str]]


class ReportServer:
    """Takes reports as the operator does.

    Attributes:
        seen: (token, report, connection) of each request, in order.
        reply: says what a report is answered with; a test replaces it.
        delay: seconds before each answer.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        authority = Authority()
        self.ca_certificate = authority.certificate
        (folder / "server.pem").write_text("".join(authority.issue(["127.0.0.1"])), encoding="ascii")
        self.seen: list[tuple[str, dict[str, Any], tuple[str, int]]] = []
        self.reply: Callable[[dict[str, Any]], Reply] = lambda _report: GO_ON
        self.delay = 0.0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "server.pem")
        self._handler = _handler(self)
        self._server: ThreadingHTTPServer | None = None
        self.port = port
        self.start()

    @property
    def url(self) -> str:
        """The address for the sidecar."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def reports(self) -> list[dict[str, Any]]:
        """The bodies of all requests."""
        return [report for _token, report, _connection in self.seen]

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = _Server(("127.0.0.1", self.port), self._handler)
        self.port = self._server.server_address[1]
        self._server.socket = self._context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """End every connection, and listen no more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.end_connections()
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: Any, handler: Any) -> None:
        super().__init__(address, handler)
        self.connections: set[Any] = set()

    def end_connections(self) -> None:
        for connection in list(self.connections):
            self.shutdown_request(connection)

    def finish_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            self.connections.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: clients vanish in these tests."""


def _handler(owner: ReportServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            report = json.loads(body)
            owner.seen.append((self.headers["Authorization"], report, self.client_address))
            assert self.path == "/v1/reports"
            time.sleep(owner.delay)
            status, said, headers = owner.reply(report)
            text = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_words: Any) -> None:
            pass

    return Handler
