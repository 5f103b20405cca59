"""Billing: the clinic's day, from the visit to its one journal entry.

Owns patients (and their names), services and prices, visits, bills, payments, clinic days and day closes. Words: a
clinic day is one administration and business date; everything is born into exactly one; a day close is its report,
Z-000412. It never changes a finalized close and never posts but through the ledger's services.
"""
