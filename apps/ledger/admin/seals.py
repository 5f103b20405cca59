"""Seals: what proves that nothing was changed in the books, or taken out of them."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from apps.core import display
from apps.ledger.admin.base import LedgerAdmin
from apps.ledger.models import Seal


@admin.register(Seal)
class SealAdmin(LedgerAdmin):
    list_display = ("number", "made", "entries", "documents", "head_shown", "reason", "made_by", "administration")
    list_display_links = ("number", "made")
    list_filter = ("administration",)
    list_select_related = ("administration", "made_by")
    search_fields = ("head",)
    search_help_text = _("Head, as it is printed on the Z report")
    ordering = ("-number",)
    fields = ("administration", "number", "made", "made_by", "reason", "entries", "documents", "head", "previous_head")

    @admin.display(description=_("made"), ordering="made_at")
    def made(self, seal: Seal) -> str:
        return display.moment(seal.made_at, seal.administration.time_zone)

    @admin.display(description=_("head"), ordering="head")
    def head_shown(self, seal: Seal) -> str:
        """Long enough to compare with what is printed; the whole of it stands on its page."""
        return f"{seal.head[:16]}…"
