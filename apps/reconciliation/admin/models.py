"""Models of bank lines: set up with their lines, and tried against what the bank sent lately."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.core import display
from apps.core.admin_site import ScopedTabularInline
from apps.core.errors import DomainError
from apps.core.permissions import Act
from apps.ledger.admin.acts import LawForm
from apps.ledger.admin.base import LedgerAdmin
from apps.reconciliation.models import ReconciliationModel, ReconciliationModelLine
from apps.reconciliation.reports.trying import trial_of
from apps.reconciliation.services.ruling import Booking, check_pattern, delete_model, keep_model

CONDITIONS = (
    "bank_accounts",
    ("amount_type", "amount_min", "amount_max"),
    "label_pattern",
    ("search_label", "search_reference", "search_note"),
    ("party", "needs_party"),
)
BOOKED = ("account", "amount_type", "amount", "amount_pattern", "vat_code", "includes_vat", "party", "memo")


def _checked(pattern: str, *, groups: bool = False) -> str:
    """``pattern``, refused beside its field."""
    try:
        check_pattern(pattern, groups=groups)
    except DomainError as refusal:
        raise ValidationError(str(refusal), code=refusal.code) from None
    return pattern


class ModelForm(LawForm):
    def clean_label_pattern(self) -> str:
        return _checked(self.cleaned_data["label_pattern"])


class BookingForm(LawForm):
    def clean_amount_pattern(self) -> str:
        pattern = self.cleaned_data["amount_pattern"]
        return _checked(pattern, groups=bool(pattern))


class BookingInline(ScopedTabularInline):
    model = ReconciliationModelLine
    form = BookingForm
    view_act = Act.READ_LEDGER
    add_act = change_act = delete_act = Act.MATCH_BANK
    fields = BOOKED
    ordering = ("position",)


@admin.register(ReconciliationModel)
class ReconciliationModelAdmin(LedgerAdmin):
    add_act = change_act = delete_act = Act.MATCH_BANK
    form = ModelForm
    refusal_fields = {"MODEL_NAME_TAKEN": "name", "MODEL_INVALID": "amount_type"}

    list_display = ("name", "sequence", "kind", "trigger", "label_pattern", "is_active", "administration")
    list_filter = ("is_active", "kind", "trigger", "administration")
    list_select_related = ("administration",)
    search_fields = ("name",)
    ordering = ("sequence", "name")
    readonly_fields = ("recent_lines",)
    inlines = (BookingInline,)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        what = ("administration", "name", ("kind", "trigger"), ("sequence", "is_active"))
        shown = [
            (None, {"fields": what}),
            (_("For which bank lines"), {"fields": CONDITIONS}),
            (
                _("Open items not paid to the cent, and fees kept from card settlements"),
                {"fields": (("tolerance", "tolerance_account"),)},
            ),
        ]
        return [*shown, (_("Tried"), {"fields": ("recent_lines",)})] if obj else shown

    @admin.display(description=_("recent bank lines that it holds for"))
    def recent_lines(self, model: ReconciliationModel) -> SafeString:
        trial = trial_of(model)
        rows = format_html_join(
            "",
            '<tr><td>{}</td><td class="number">{}</td><td>{}</td></tr>',
            (
                (
                    display.day(line.date),
                    display.money(line.amount, line.bank_account.currency),
                    line.label or line.counterparty_name,
                )
                for line in trial.lines
            ),
        )
        words = _("%(holds)s of the newest %(tried)s") % {"holds": trial.holds, "tried": trial.tried}
        return format_html("<p>{}</p><table>{}</table>", words, rows)

    # Saved as a whole, by the service: the row and its lines are one thing -------------------------------------------

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing yet: see ``save_related``."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        for formset in formsets:
            formset.save(commit=False)  # says what was changed, for the message
        keep_model(
            form.instance.administration,
            by=request.user,  # type: ignore[arg-type]
            model=form.instance,
            bank_accounts=list(form.cleaned_data["bank_accounts"]),
            lines=[_booking(one) for formset in formsets for one in formset.forms if _is_kept(one)],
        )

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        delete_model(obj, by=request.user)  # type: ignore[arg-type]


def _is_kept(form: forms.ModelForm[Any]) -> bool:
    typed = form.cleaned_data
    return bool(typed) and not typed.get("DELETE") and (form.has_changed() or not form.instance._state.adding)


def _booking(form: forms.ModelForm[Any]) -> Booking:
    return Booking(**{name: form.cleaned_data[name] for name in BOOKED})
