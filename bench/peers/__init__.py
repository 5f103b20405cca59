"""Other ledgers that benchmarks compare with, each in an environment of its own; Daybook depends on none of them."""


class Missing(Exception):
    """The peer is not here and cannot be installed; the message says why."""
