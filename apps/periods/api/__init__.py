"""Periods and VAT over HTTP."""
