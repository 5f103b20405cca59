"""What a report is asked for: dates, moments, accounts."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget

from apps.core.models import Administration
from apps.ledger.admin.base import DayInput
from apps.ledger.models import Account


class MomentInput(forms.DateTimeInput):
    """The browser's own calendar and clock."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(attrs={"class": " ".join(INPUT_CLASSES)}, format="%Y-%m-%dT%H:%M")


class ReportForm(forms.Form):
    """Which books, and what they said at which moment."""

    field_order: tuple[str, ...] = ()
    administration = forms.ChoiceField(label=_("Books"), required=False, widget=UnfoldAdminSelectWidget())
    back = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, readable: list[Administration], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["known_at"] = forms.DateTimeField(label=_("As known at"), required=False, widget=MomentInput())
        books: Any = self.fields["administration"]
        books.choices = [(one.pk, one) for one in readable]
        if len(readable) == 1:
            books.widget = forms.HiddenInput()
        self.order_fields(self.field_order)

    def in_order(self, first: str, last: str) -> None:
        since, until = self.cleaned_data.get(first), self.cleaned_data.get(last)
        if since and until and since > until:
            self.add_error(first, _("This is after the last day."))


def day_field(label: Any, *, required: bool = True) -> forms.DateField:
    return forms.DateField(label=label, required=required, widget=DayInput())


class AsOfForm(ReportForm):
    as_of = day_field(_("As of"))
    field_order: tuple[str, ...] = ("administration", "as_of", "known_at", "compare_to")
    compare_to = day_field(_("Beside"), required=False)


class TrialBalanceForm(AsOfForm):
    since = day_field(_("Movements from"), required=False)
    place = forms.MultipleChoiceField(choices=Account.Place.choices, required=False, widget=forms.MultipleHiddenInput)
    field_order: tuple[str, ...] = ("administration", "since", "as_of", "known_at", "compare_to")

    def clean(self) -> None:
        super().clean()
        self.in_order("since", "as_of")


class SpanForm(ReportForm):
    since = day_field(_("From"))
    until = day_field(_("Up to and including"))
    field_order: tuple[str, ...] = ("administration", "since", "until", "known_at")

    def clean(self) -> None:
        super().clean()
        self.in_order("since", "until")


class ProfitAndLossForm(SpanForm):
    compare_since = day_field(_("Beside: from"), required=False)
    compare_until = day_field(_("Beside: up to"), required=False)
    field_order: tuple[str, ...] = ("administration", "since", "until", "known_at", "compare_since", "compare_until")

    def clean(self) -> None:
        super().clean()
        self.in_order("compare_since", "compare_until")
        asked = self.cleaned_data
        if bool(asked.get("compare_since")) != bool(asked.get("compare_until")):
            self.add_error("compare_until", _("Give both days, or neither."))

    @property
    def compared(self) -> tuple[date, date] | None:
        asked = self.cleaned_data
        return (asked["compare_since"], asked["compare_until"]) if asked["compare_since"] else None


class AccountLedgerForm(ReportForm):
    administration = None  # type: ignore[assignment]
    since = day_field(_("From"), required=False)
    until = day_field(_("Up to and including"))
    field_order: tuple[str, ...] = ("since", "until", "known_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        forms.Form.__init__(self, *args, **kwargs)
        self.fields["known_at"] = forms.DateTimeField(label=_("As known at"), required=False, widget=MomentInput())
        self.order_fields(self.field_order)

    def clean(self) -> None:
        super().clean()
        self.in_order("since", "until")
