"""A bank's statements over open invoices, with the noise of real payments, for bench/matching.py."""
