"""Who is asking? A pod-bound token of a sidecar, as the API server judges it.

Owns: the review of tokens, and for how long its outcome is believed. It believes nothing that a token says of itself
but where that can only refuse or shorten; it keeps no token, only digests, and never logs either.
"""

import asyncio
import base64
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic, time
from typing import Any, Generic, Protocol, TypeVar

from autosearch.kubernetes.client import ApiError, Client
from autosearch.kubernetes.report_answers import Rejected
from autosearch.kubernetes.resources import AUDIENCE, TOKEN_REVIEWS

Json = dict[str, Any]
T = TypeVar("T")
BELIEVED, DISBELIEVED = 60.0, 5.0
"""The longest times in seconds for which a token is taken, and refused, without asking again."""
MOST_KEPT, MOST_REFUSALS_KEPT = 20_000, 2_000
LONGEST_TOKEN = 8_000
REVIEW_LIMIT = 5.0
"""Seconds for one review."""
_USER = re.compile(r"system:serviceaccount:([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?):[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?")
_POD_NAME, _POD_UID = "authentication.kubernetes.io/pod-name", "authentication.kubernetes.io/pod-uid"


@dataclass(frozen=True, slots=True)
class PodClaim:
    """The pod that a token is bound to."""

    namespace: str
    name: str
    uid: str


class Reviewer(Protocol):
    """Who can judge tokens."""

    async def review(self, token: str) -> Json:
        """Give the TokenReview object with its status, for our audience; raises `ApiError`."""
        ...


class ApiReviewer:
    """The API server."""

    def __init__(self, client: Client) -> None:
        """Review by this client: one that does not ask for leadership first, as any replica may review."""
        self._client = client

    async def review(self, token: str) -> Json:
        """Give the TokenReview object with its status, for our audience; raises `ApiError`."""
        return await self._client.create(TOKEN_REVIEWS, review_request(token))


def review_request(token: str) -> Json:
    """Give the TokenReview that asks for a token and our audience."""
    spec = {"token": token, "audiences": [AUDIENCE]}
    return {"apiVersion": TOKEN_REVIEWS.api_version, "kind": TOKEN_REVIEWS.kind, "spec": spec}


def judged(review: Json) -> PodClaim | str:
    """Read a review: the pod, or why the token is refused."""
    status = review.get("status") or {}
    if status.get("authenticated") is not True:
        return "the token is not valid for the audience autosearch.dev, has expired, or its pod is gone"
    if AUDIENCE not in (status.get("audiences") or ()):
        # A server that knows nothing of audiences says yes to tokens for anybody.
        return f"the token's audience is not {AUDIENCE}"
    user = status.get("user") or {}
    account = _USER.fullmatch(user.get("username") or "")
    extra = user.get("extra") or {}
    name, uid = _only(extra, _POD_NAME), _only(extra, _POD_UID)
    if account is None or not name or not uid:
        return "the token is not bound to a pod: a projected service account token is needed"
    return PodClaim(account.group(1), name, uid)


def _only(extra: Mapping[str, Any], name: str) -> str:
    values = extra.get(name)
    return values[0] if isinstance(values, list) and len(values) == 1 and isinstance(values[0], str) else ""


@dataclass(frozen=True, slots=True)
class Said:
    """What a token says of itself, which nobody has checked.

    Attributes:
        expires: seconds since the epoch; 0 if it does not say.
    """

    pod: PodClaim
    expires: float


def read_token(token: str) -> Said | None:
    """Read a service account token's payload; None if it is none that is bound to a pod."""
    parts = token.split(".")
    if len(parts) != 3 or not token.isascii():  # noqa: PLR2004 - head, payload, signature
        return None
    try:
        payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        bound = payload["kubernetes.io"]
        pod = PodClaim(str(bound["namespace"]), str(bound["pod"]["name"]), str(bound["pod"]["uid"]))
        expires = payload.get("exp", 0)
        return Said(pod, float(expires) if isinstance(expires, int | float) else 0.0)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return None


class TokenReviews:
    """Reviews with a memory; concurrent questions about one token are one review."""

    def __init__(
        self,
        reviewer: Reviewer,
        known: Callable[[PodClaim], bool],
        *,
        in_flight: int = 16,
        queued: int = 256,
        clock: Callable[[], float] = monotonic,
        wall: Callable[[], float] = time,
    ) -> None:
        """Prepare to ask.

        Args:
            known: says whether there is such a pod of ours: tokens of others never reach the API server.
            in_flight: reviews at once.
            queued: reviews that may wait for one of those.
            clock: seconds that only grow.
            wall: seconds since the epoch.
        """
        self._reviewer = reviewer
        self._known = known
        self._slots = asyncio.Semaphore(in_flight)
        self._most = in_flight + queued
        self._clock = clock
        self._wall = wall
        self._running: dict[bytes, asyncio.Task[PodClaim | str | Rejected]] = {}
        self._pods: _Kept[PodClaim] = _Kept(MOST_KEPT, clock)
        self._refused: _Kept[str] = _Kept(MOST_REFUSALS_KEPT, clock)

    async def pod_of(self, token: str) -> PodClaim:
        """Give the pod that a token is bound to; whether it still lives is for the caller to say.

        Raises:
            Rejected: 401 for a token that is refused, 503 if it cannot be judged now.
        """
        digest = sha256(token.encode("utf-8", "surrogateescape")).digest()
        kept = self._pods.get(digest) or self._refused.get(digest)
        found = kept or await self._asked(token, digest)
        if isinstance(found, PodClaim):
            return found
        if isinstance(found, str):
            raise Rejected(401, found)
        raise Rejected(found.code, found.message, found.retry_after)

    async def _asked(self, token: str, digest: bytes) -> PodClaim | str | Rejected:
        said = read_token(token) if len(token) <= LONGEST_TOKEN else None
        if said is None:
            return "the token is not one of a service account that is bound to a pod"
        if not self._known(said.pod):
            return "the token's pod is not known here: it is gone, not of a trial, or was only just made"
        if digest not in self._running:
            if len(self._running) >= self._most:
                return Rejected(503, "too many tokens are waiting to be reviewed: send it again", 2)
            task = asyncio.create_task(self._review(token, digest, said))
            self._running[digest] = task
            task.add_done_callback(lambda _: self._running.pop(digest, None))
        # One who gives up must not end the review for the others.
        return await asyncio.shield(self._running[digest])

    async def _review(self, token: str, digest: bytes, said: Said) -> PodClaim | str | Rejected:
        try:
            async with self._slots, asyncio.timeout(REVIEW_LIMIT):
                found = judged(await self._reviewer.review(token))
        except (ApiError, TimeoutError):
            return Rejected(503, "the API server does not review tokens at the moment: send it again", 5)
        if isinstance(found, str):
            self._refused.keep(digest, found, DISBELIEVED)
        else:
            self._pods.keep(digest, found, min(said.expires - self._wall(), BELIEVED))
        return found

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Kept(Generic[T]):
    """Outcomes by digest, each until its time; the oldest go first where there are too many."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most = most
        self._clock = clock
        self._entries: OrderedDict[bytes, tuple[float, T]] = OrderedDict()

    def get(self, digest: bytes) -> T | None:
        until, found = self._entries.get(digest, (0.0, None))
        if found is not None and self._clock() >= until:
            del self._entries[digest]
            return None
        return found

    def keep(self, digest: bytes, found: T, seconds: float) -> None:
        if not seconds > 0:
            # Also where it is not a number.
            return
        self._entries[digest] = (self._clock() + seconds, found)
        self._entries.move_to_end(digest)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)
