"""Answers about periods and VAT: no writes."""
