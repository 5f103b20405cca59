"""Periods: review, finalize, lock, and what proves it afterwards.

Owns every workflow that changes the status of a ``ledger.Period``, its snapshots and history, the VAT return and its
filing, evidence packs and official exports. Words: a *snapshot* is what the books said when the period was finalized; a
*filed* return is frozen, and what changes later is a *correction*. It never posts into a period that is finalized.
"""
