"""Issues: the consistency engine.

Owns validation runs and the issues that they find. Words: a *finding* is what a check returns; an *issue* is a fact
about the books that is wrong or suspect, with a life of its own: first and last seen, resolved, reopened, acknowledged
until its amount moves. It never mends anything: every issue says what would.
"""
