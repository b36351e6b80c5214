"""What an algorithm cannot do.

Owns: the errors of the search layer. The API's rules refuse these cases before a search starts; this is the last line.
"""


class UnknownAlgorithmError(ValueError):
    """There is no algorithm of this name, or it is not built yet."""


class UnsuitableSpaceError(ValueError):
    """The algorithm cannot search this space."""
