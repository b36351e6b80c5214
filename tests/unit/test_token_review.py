"""How long a token's review is believed, and how rarely the API server is asked; a scripted stand-in plays it."""

import asyncio
import time

import pytest
from tests.contract.report_parts import NO, OTHER, POD, ScriptedReviews, unsigned_token, yes

from autosearch.kubernetes import token_review
from autosearch.kubernetes.client import ApiError
from autosearch.kubernetes.report_answers import Rejected
from autosearch.kubernetes.report_limits import MOST_KEYS, Buckets, Turns
from autosearch.kubernetes.token_review import PodClaim, TokenReviews, judged, read_token, review_request

CLAIM = PodClaim(POD.namespace, POD.name, POD.uid)


class Clock:
    """A clock that is turned by hand."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class World:
    """Reviews with their stand-ins."""

    def __init__(self, **settings):
        self.reviewer = ScriptedReviews()
        self.clock = Clock()
        self.known = {CLAIM}
        self.reviews = TokenReviews(
            self.reviewer, self.known.__contains__, clock=self.clock, wall=lambda: self.clock.now, **settings
        )

    def token(self, lifetime=3600.0, number=0, review=None):
        token = unsigned_token(POD, self.clock.now + lifetime, number)
        self.reviewer.answers[token] = yes(POD) if review is None else review
        return token

    async def outcome(self, token):
        """Give the pod, or the code of the refusal."""
        try:
            return await self.reviews.pod_of(token)
        except Rejected as rejected:
            return rejected.code

    @property
    def asked(self):
        return len(self.reviewer.asked)


def test_a_good_token_is_believed_for_a_minute_and_no_longer():
    """One review serves all reports of a minute; then the API server is asked again."""

    async def run():
        world = World()
        token = world.token()
        for seconds in (0, 30, 29.9):
            world.clock.now += seconds
            assert await world.outcome(token) == CLAIM
        assert world.asked == 1
        world.clock.now += 0.2
        assert await world.outcome(token) == CLAIM
        assert world.asked == 2

    asyncio.run(run())


@pytest.mark.parametrize(("lifetime", "asked"), [(10.0, 2), (0.0, 3), (-5.0, 3), (float("nan"), 3)])
def test_a_token_is_never_believed_beyond_its_end(lifetime, asked):
    """A token's own time of expiry, which nobody has checked, can only shorten the trust in it."""

    async def run():
        world = World()
        token = world.token(lifetime)
        for seconds in (0, 9.9, 0.2):
            world.clock.now += seconds
            assert await world.outcome(token) == CLAIM
        assert world.asked == asked

    asyncio.run(run())


def test_a_refusal_is_remembered_shortly():
    """A refused token costs one review in five seconds, and may become good."""

    async def run():
        world = World()
        token = world.token(review=NO)
        assert [await world.outcome(token) for _ in range(3)] == [401, 401, 401]
        assert world.asked == 1
        world.reviewer.answers[token] = yes(POD)
        world.clock.now += 5.1
        assert await world.outcome(token) == CLAIM

    asyncio.run(run())


def test_a_review_that_failed_is_no_refusal():
    """An API server out of reach is asked again for the next report."""

    async def run():
        world = World()
        token = world.token(review=ApiError(0, "Unreachable", "no answer"))
        assert await world.outcome(token) == 503
        world.reviewer.answers[token] = yes(POD)
        assert await world.outcome(token) == CLAIM

    asyncio.run(run())


def test_a_review_that_hangs_is_given_up(monkeypatch):
    """A review has its time; then its sender is told to come again."""
    monkeypatch.setattr(token_review, "REVIEW_LIMIT", 0.05)

    async def run():
        world = World()
        world.reviewer.seconds = 60
        assert await world.outcome(world.token()) == 503

    asyncio.run(run())


def test_concurrent_questions_about_one_token_are_one_review():
    """However many reports come with a token at once, it is reviewed once; one that gives up spoils it for nobody."""

    async def run():
        world = World()
        world.reviewer.seconds = 0.05
        token = world.token()
        first = asyncio.create_task(world.outcome(token))
        others = [asyncio.create_task(world.outcome(token)) for _ in range(10)]
        await asyncio.sleep(0.01)
        first.cancel()
        assert await asyncio.gather(*others) == [CLAIM] * 10
        assert world.asked == 1

    asyncio.run(run())


def test_reviews_in_flight_are_bounded():
    """At most so many reviews are under way, so many more wait, and the rest is put off."""

    async def run():
        world = World(in_flight=2, queued=3)
        world.reviewer.seconds = 0.05
        tasks = [asyncio.create_task(world.outcome(world.token(number=n))) for n in range(7)]
        await asyncio.sleep(0.01)
        assert world.asked == 2
        found = await asyncio.gather(*tasks)
        assert found == [CLAIM] * 5 + [503] * 2
        assert world.asked == 5

    asyncio.run(run())


def test_tokens_of_unknown_pods_never_reach_the_api_server():
    """Nobody can make the operator ask the API server by making up tokens without knowing a pod of ours."""

    async def run():
        world = World()
        tokens = [unsigned_token(OTHER), "", "a.b.c", "a.b", "\udcff", "x" * 9000, "..", unsigned_token(POD) + ".d"]
        for token in tokens:
            assert await world.outcome(token) == 401
        assert world.asked == 0

    asyncio.run(run())


def test_memory_is_bounded(monkeypatch):
    """A flood of tokens forgets the oldest outcomes and holds no more."""
    monkeypatch.setattr(token_review, "MOST_KEPT", 10)
    monkeypatch.setattr(token_review, "MOST_REFUSALS_KEPT", 5)

    async def run():
        world = World()
        for number in range(50):
            assert await world.outcome(world.token(number=number)) == CLAIM
            assert await world.outcome(world.token(number=-1 - number, review=NO)) == 401
        assert (len(world.reviews._pods._entries), len(world.reviews._refused._entries)) == (10, 5)
        assert not world.reviews._running

    asyncio.run(run())


def test_closing_gives_up_what_is_under_way():
    """A review that hangs does not keep the operator from ending."""

    async def run():
        world = World()
        world.reviewer.seconds = 60
        waiting = asyncio.create_task(world.outcome(world.token()))
        await asyncio.sleep(0.01)
        await world.reviews.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(run())


def test_the_request_asks_for_our_audience():
    """A TokenReview without audiences would vouch for tokens made for the API server itself."""
    asked = review_request("t")

    assert (asked["apiVersion"], asked["kind"]) == ("authentication.k8s.io/v1", "TokenReview")
    assert asked["spec"] == {"token": "t", "audiences": ["autosearch.dev"]}


def test_what_a_token_says_of_itself():
    """Pod and expiry are read from the payload; anything odd is no token."""
    now = time.time()
    said = read_token(unsigned_token(POD, now))

    assert said is not None
    assert (said.pod, said.expires) == (CLAIM, now)
    assert read_token("a.W10.c") is read_token("a.bnVsbA.c") is read_token("a.e30.c") is None


@pytest.mark.parametrize(
    "username",
    ["system:serviceaccount:a:b:c", "system:serviceaccount:A:b", "system:node:x", "system:serviceaccount:a:", ""],
)
def test_only_service_accounts_are_pods(username):
    """A user name of any other form is refused."""
    user = {**yes(POD)["status"]["user"], "username": username}

    assert judged(yes(POD, user=user)) == judged(yes(POD, user=None)) != CLAIM


@pytest.mark.parametrize("values", [None, [], ["a", "b"], "a", [7]])
def test_a_pod_is_named_exactly_once(values):
    """A review that names no pod, or several, names none."""
    review = yes(POD)
    review["status"]["user"]["extra"]["authentication.kubernetes.io/pod-uid"] = values

    assert "not bound to a pod" in judged(review)


def test_a_bucket_refills():
    """A key may do a burst at once, then its rate; others are not held up, and idle ones are forgotten."""
    clock = Clock()
    buckets = Buckets(2.0, 3, clock)
    for _ in range(3):
        assert buckets.wait("a") == 0
        buckets.spend("a")
    assert buckets.wait("a") == 0.5
    assert buckets.wait("b") == 0
    clock.now += 0.5
    assert buckets.wait("a") == 0
    clock.now += 3600
    for _ in range(3):
        buckets.spend("a")
    assert buckets.wait("a") == 0.5
    for number in range(MOST_KEYS + 5):
        buckets.spend(str(number))
    assert len(buckets) == MOST_KEYS


def test_turns_are_given_back():
    """Turns are counted of all and of each, also when what held them failed."""
    turns = Turns(2, 1)
    for _ in range(5):
        with pytest.raises(KeyError), turns.one(), turns.one_of("a"):
            raise KeyError
    with turns.one(), turns.one_of("a"), turns.one(), turns.one_of("b"):
        with pytest.raises(Rejected, match="2 reports"), turns.one():
            pass
        with pytest.raises(Rejected, match="1 reports"), turns.one_of("a"):
            pass
    with turns.one(), turns.one_of("a"):
        pass
