"""Random numbers: one generator per trial, made from the search's seed and the trial's number.

Owns: all randomness of the search layer. A generator that lived on would repeat its first draws after a restart.
"""

import hashlib
import random


def trial_seed(seed: int, number: int, purpose: str = "") -> int:
    """Give a 32-bit seed for one trial: the first bytes of sha256(seed, number, purpose)."""
    text = f"{seed}/{number}/{purpose}" if purpose else f"{seed}/{number}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def trial_random(seed: int, number: int, purpose: str = "") -> random.Random:
    """Give the generator of one trial."""
    return random.Random(trial_seed(seed, number, purpose))


def seed_from(*parts: str) -> int:
    """Make a search's seed, below 2**31, from what identifies it."""
    return int.from_bytes(hashlib.sha256("/".join(parts).encode()).digest()[:4], "big") >> 1
