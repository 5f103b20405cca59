"""The ledger: accounts, periods as a fact, journal entries and their lines, open items and what settles them.

It owns the laws of double entry. Words: an entry is posted or it is a draft; a posted entry never changes and is
corrected by another that points at it; an open item is one outstanding receivable or payable, named by a line on a
control account; an allocation settles a debit item with a credit item. It never changes the status of a period,
and knows nothing of clinics, banks or documents.
"""
