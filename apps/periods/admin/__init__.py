"""The pages of periods, VAT, exports and evidence packs. Each parses, calls one service and renders."""

from apps.periods.admin import exports, packs, periods, vat

__all__ = ["exports", "packs", "periods", "vat"]
