"""Reconciliation: the bank's own account of what happened, held against the books.

Owns bank accounts, their statements and lines, what each line was matched with, the models that recognise lines, and
account reconciliations. Words: a *match* says what a part of a line is, a *clearing* is one act that made matches and
posted at most one entry, a *full reconcile* is a set of matches that leaves nothing open. It never changes what a bank
stated, and it posts through the services of ledger and billing alone.
"""
