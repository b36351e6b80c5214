"""Tokens of pods that somebody has tampered with, or who holds the cluster's own key."""

import base64
import json
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from tests.cluster.access import Access


def signed_again(cluster: Access, token: str, lifetime: float) -> str:
    """Give the token with another end, in seconds from now, signed with the cluster's own key."""
    head, payload, _ = token.split(".")
    claims = json.loads(_decoded(payload))
    claims["exp"] = int(time.time() + lifetime)
    text = f"{head}.{_encoded(json.dumps(claims).encode())}"
    key = serialization.load_pem_private_key((cluster.folder / "accounts.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def flipped(token: str) -> str:
    """Give the token with another signature."""
    head, payload, signature = token.split(".")
    return ".".join([head, payload, ("A" if signature[10] != "A" else "B").join([signature[:10], signature[11:]])])


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
