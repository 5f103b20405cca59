"""Filed VAT returns and VAT registrations in the admin."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import TabularInline

from apps.core import display
from apps.core.admin_site import ByActs
from apps.core.permissions import Act
from apps.ledger.admin.base import LedgerAdmin, link
from apps.ledger.models import JournalEntry
from apps.periods.admin.vat_asking import address
from apps.periods.admin.vat_pages import VatPages
from apps.periods.models import FiledBox, VatFiling, VatRegistration
from apps.periods.services.registering import register_vat


class FiledBoxInline(ByActs, TabularInline):
    model = FiledBox
    view_act = Act.READ_LEDGER
    extra = 0
    can_delete = False
    fields = ("box", "turnover_shown", "vat_shown", "exact_shown", "carried_shown", "transactions")
    readonly_fields = fields
    ordering = ("position",)

    def administration_of(self, obj: Any) -> UUID | None:
        return obj.administration_id if obj else None

    @admin.display(description=_("turnover"))
    def turnover_shown(self, box: FiledBox) -> SafeString:
        return display.amount(box.turnover, box.filing.administration.currency)

    @admin.display(description=_("VAT"))
    def vat_shown(self, box: FiledBox) -> SafeString:
        return display.amount(box.vat, box.filing.administration.currency)

    @admin.display(description=_("VAT to the cent"))
    def exact_shown(self, box: FiledBox) -> SafeString:
        return display.amount(box.exact_vat, box.filing.administration.currency)

    @admin.display(description=_("of earlier periods"))
    def carried_shown(self, box: FiledBox) -> SafeString:
        return display.amount(box.carried_vat, box.filing.administration.currency)


@admin.register(VatFiling)
class VatFilingAdmin(VatPages):
    when_empty = _("A VAT return is filed from its page.")
    list_display = ("name", "kind", "declared_shown", "filed", "filed_by", "return_shown", "administration")
    list_filter = ("administration", "kind")
    list_select_related = ("administration", "filed_by")
    ordering = ("-last_day", "-revision")
    fields = (
        "administration",
        "name",
        "kind",
        "scheme",
        "declared_shown",
        "exact_shown",
        "carried_in",
        "reference",
        "note",
        "filed",
        "filed_by",
        "return_shown",
        "entry_shown",
    )
    readonly_fields = ("name", "declared_shown", "exact_shown", "filed", "return_shown", "entry_shown")
    inlines = (FiledBoxInline,)

    @admin.display(description=_("return"), ordering="last_day")
    def name(self, filing: VatFiling) -> str:
        return str(filing)

    @admin.display(description=_("declared"), ordering="declared")
    def declared_shown(self, filing: VatFiling) -> SafeString:
        return display.amount(filing.declared, filing.administration.currency)

    @admin.display(description=_("to the cent"))
    def exact_shown(self, filing: VatFiling) -> SafeString:
        return display.amount(filing.exact, filing.administration.currency)

    @admin.display(description=_("filed"), ordering="filed_at")
    def filed(self, filing: VatFiling) -> str:
        return display.moment(filing.filed_at, filing.administration.time_zone)

    @admin.display(description=_("figures"))
    def return_shown(self, filing: VatFiling) -> SafeString:
        return link(address("return", filing.administration, filing.first_day), _("VAT return"))

    @admin.display(description=_("entry"))
    def entry_shown(self, filing: VatFiling) -> SafeString | str:
        entry = JournalEntry.objects.filter(
            administration=filing.administration_id, source_type="vat_filing", source_id=filing.pk
        ).first()
        return link(reverse("admin:ledger_journalentry_change", args=[entry.pk]), entry) if entry else display.NOTHING


@admin.register(VatRegistration)
class VatRegistrationAdmin(LedgerAdmin):
    add_act = Act.CLOSE_PERIODS
    when_empty = _("Say how the administration stands towards the tax administration.")
    list_display = ("since_shown", "scheme", "basis", "frequency", "icp_frequency", "is_obliged", "administration")
    list_filter = ("administration", "scheme")
    list_select_related = ("administration",)
    ordering = ("-since",)
    fields = ("administration", "since", "scheme", "basis", "frequency", "icp_frequency", "is_obliged", "pro_rata")

    @admin.display(description=_("since"), ordering="since")
    def since_shown(self, registration: VatRegistration) -> str:
        return display.day(registration.since)

    def save_model(self, request: HttpRequest, obj: VatRegistration, form: Any, change: bool) -> None:
        facts = {name: form.cleaned_data[name] for name in self.fields if name != "administration"}
        made = register_vat(obj.administration, by=request.user, **facts)  # type: ignore[arg-type]
        obj.pk, obj._state.adding = made.pk, False
