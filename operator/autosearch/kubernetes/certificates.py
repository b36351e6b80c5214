"""The report server's certificate: read from a mounted Secret volume, and read again when that changes.

Owns: the TLS context, and the CA certificate that the sidecars get by value. It never reads a Secret through the API,
and never lets go of a certificate that works for one that does not.
"""

import asyncio
import logging
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from autosearch.api.errors import EnvironmentFaultError

CHECK_EVERY = 5.0
"""Seconds between two looks at the files; the kubelet itself brings a changed Secret within a minute or so."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Files:
    certificate: bytes
    key: bytes
    ca: str


class ServingCertificate:
    """The files `tls.crt`, `tls.key` and `ca.crt` of a directory, as TLS needs them.

    Attributes:
        context: for the server's socket; the same one for ever, so that a change drops no connection.
        ca_certificate: PEM of who signed the certificate.
    """

    def __init__(self, directory: Path) -> None:
        """Read the directory; raises `EnvironmentFaultError` if it holds no usable certificate."""
        self._directory = directory
        self._complaint = ""
        try:
            self._files = _read(directory)
            self.context = _fresh_context()
            _load(self.context, self._files)
        except (OSError, ValueError) as error:
            raise EnvironmentFaultError(f"{directory}: {_said(error)}; {_WANTED}") from None

    @property
    def ca_certificate(self) -> str:
        """PEM of who signed the certificate; of the newest one that could be read."""
        return self._files.ca

    def refresh(self) -> bool:
        """Take over changed files for new connections; False if there are none, or none of use (logged once)."""
        try:
            found = _read(self._directory)
            if found == self._files:
                self._complaint = ""
                return False
            # A certificate and a key that do not match would leave the context in use with neither.
            _load(_fresh_context(), found)
            _load(self.context, found)
        except (OSError, ValueError) as error:
            self._complain(_said(error))
            return False
        self._files, self._complaint = found, ""
        logger.info("report server: the serving certificate was changed")
        return True

    def _complain(self, said: str) -> None:
        if said != self._complaint:
            logger.warning("report server: %s: %s; the earlier certificate stays in use", self._directory, said)
        self._complaint = said

    async def keep_fresh(self, every: float = CHECK_EVERY) -> None:
        """Look at the files every so many seconds until cancelled."""
        while True:
            await asyncio.sleep(every)
            self.refresh()


_WANTED = "needed are tls.crt and tls.key (PEM, not encrypted, of each other) and ca.crt, as cert-manager writes them"


def _said(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"tls.crt and tls.key cannot be used ({error.reason or error})"
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename or ''}"
    return str(error)


def _read(directory: Path) -> _Files:
    # The kubelet swaps the link `..data`: through it all three are of one version.
    version = directory / "..data"
    place = version.resolve() if version.exists() else directory
    ca = (place / "ca.crt").read_text(encoding="ascii")
    if "-----BEGIN CERTIFICATE-----" not in ca:
        raise ValueError("ca.crt: found no PEM certificate")
    return _Files((place / "tls.crt").read_bytes(), (place / "tls.key").read_bytes(), ca)


def _fresh_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _load(context: ssl.SSLContext, files: _Files) -> None:
    """Load what was read, and not what may stand in the files by now: Python takes nothing but paths."""
    memory = os.memfd_create("tls", os.MFD_CLOEXEC)
    try:
        with os.fdopen(os.dup(memory), "wb") as chain:
            chain.write(files.certificate + b"\n" + files.key)
        # Without a password of ours OpenSSL would ask for one at the terminal.
        context.load_cert_chain(f"/proc/self/fd/{memory}", password="")
    finally:
        os.close(memory)
