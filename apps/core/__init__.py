"""Core: who may see which administration, and what every other app stands on.

Owns users, administrations and memberships; the permission table; refusals; money; the event log and its
deliveries; jobs with progress; idempotency keys. Words: an administration is one set of books and owns every
row; a role is what a membership gives. It never imports another app and knows nothing of clinics or ledgers.
"""
