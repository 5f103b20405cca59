"""Billing over HTTP, one module per area; below /api/v1/billing/."""
