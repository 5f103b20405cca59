"""What people type at the drawer: a count by notes and coins, petty cash, a hand-over, a terminal's total."""

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.billing.denominations import coins_of, notes_of
from apps.billing.models import CashMovement, Drawer
from apps.core.forms import AdministrationForm, AmountField
from apps.core.models import Administration, User
from apps.core.money import text
from apps.core.permissions import Act, roles_with
from apps.ledger.models import Account

MOST_PIECES = 1_000_000


def at_desk(administration: Administration) -> Any:
    """Those who take cash in ``administration``."""
    memberships = {
        "memberships__administration": administration,
        "memberships__role__in": roles_with(Act.TAKE_PAYMENTS),
    }
    return User.objects.filter(**memberships, is_active=True).order_by("full_name", "pk")


class ShiftForm(AdministrationForm):
    """Which drawer, whose shift, and what is in it."""

    def __init__(self, *args: Any, only: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        drawers = Drawer.objects.filter(administration=self.administration, is_active=True)
        self.fields["drawer"] = forms.ModelChoiceField(drawers, label=_("Drawer"), empty_label=None)
        people = at_desk(self.administration)
        self.fields["cashier"] = forms.ModelChoiceField(
            people.filter(pk=only.pk) if only else people, label=_("Cashier"), empty_label=None
        )
        self.fields["opening_float"] = AmountField(
            code=self.administration.currency,
            label=_("Opening float"),
            required=False,
            help_text=_("Left empty, it is what was left in the drawer."),
        )

    def clean_opening_float(self) -> Decimal | None:
        return _not_negative(self.cleaned_data["opening_float"])


class CountForm(AdministrationForm):
    """How many of each note and coin, or a total alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        code = self.administration.currency
        self.pieces = {f"piece-{text(value, code)}": value for value in (*notes_of(code), *coins_of(code))}
        for name, value in self.pieces.items():
            self.fields[name] = forms.IntegerField(
                label=text(value, code),
                required=False,
                min_value=0,
                max_value=MOST_PIECES,
                widget=forms.TextInput(
                    attrs={"inputmode": "numeric", "autocomplete": "off", "class": "figure", "data-value": f"{value:f}"}
                ),
            )
        self.fields["total"] = AmountField(
            code=code,
            label=_("Or the total alone") if self.pieces else _("Total"),
            required=False,
            help_text=_("When you counted without listing notes and coins.") if self.pieces else "",
        )

    def kinds(self) -> list[tuple[Any, list[Any]]]:
        """The fields of the notes, and those of the coins."""
        notes = notes_of(self.administration.currency)
        both = [(name, value in notes) for name, value in self.pieces.items()]
        return [
            (_("Notes"), [self[name] for name, is_note in both if is_note]),
            (_("Coins"), [self[name] for name, is_note in both if not is_note]),
        ]

    def clean_total(self) -> Decimal | None:
        return _not_negative(self.cleaned_data["total"])

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or self.cleaned_data
        counts = {value: asked.get(name) for name, value in self.pieces.items()}
        asked["denominations"] = [
            {"value": value, "count": count} for value, count in counts.items() if count is not None
        ]
        if not asked["denominations"] and asked.get("total") is None and not self.errors:
            self.add_error("total", _("Count the drawer: type 0 when it is empty."))
        counted = sum(piece["value"] * piece["count"] for piece in asked["denominations"])
        if asked["denominations"] and asked.get("total") not in (None, counted):
            self.add_error(
                "total", _("The notes and coins above add up to something else: leave one of the two empty.")
            )
        return asked


class HandOverForm(CountForm):
    """The same, and who goes on."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"] = forms.ModelChoiceField(
            at_desk(self.administration), label=_("Who goes on"), empty_label=_("Choose")
        )


class CashForm(AdministrationForm):
    """Petty cash, change, a deposit."""

    kind = forms.ChoiceField(
        label=_("What"),
        choices=[
            (kind.value, kind.label) for kind in (CashMovement.Kind[name] for name in ("PAY_OUT", "PAY_IN", "DEPOSIT"))
        ],
    )

    def __init__(self, *args: Any, only_deposits: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kind: Any = self.fields["kind"]
        if only_deposits:
            kind.choices = [choice for choice in kind.choices if choice[0] == CashMovement.Kind.DEPOSIT]
        self.fields["amount"] = AmountField(code=self.administration.currency, label=_("Amount"))
        accounts = Account.objects.filter(administration=self.administration, control="").exclude(purpose="cash_drawer")
        self.fields["account"] = forms.ModelChoiceField(
            accounts.order_by("code"),
            label=_("Account"),
            required=False,
            empty_label=_("None: a deposit"),
            help_text=_("A pay-out goes on a cost account; a pay-in says where it comes from."),
        )
        self.fields["reason"] = forms.CharField(
            label=_("Reason"),
            required=False,
            max_length=200,
            help_text=_("What it was for. It stays with the books: write no patient's name."),
        )
        self.fields["reference"] = forms.CharField(
            label=_("Bag or slip number"), required=False, max_length=100, help_text=_("Of a deposit.")
        )


class TerminalForm(AdministrationForm):
    """What a card terminal printed."""

    day = forms.DateField(
        label=_("Day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), input_formats=["%Y-%m-%d"]
    )
    terminal = forms.CharField(label=_("Terminal"), max_length=64, widget=forms.TextInput(attrs={"list": "terminals"}))
    batch = forms.CharField(label=_("Batch"), max_length=64, required=False)
    payments_count = forms.IntegerField(label=_("Number of payments"), required=False, min_value=0, max_value=1_000_000)

    def __init__(self, *args: Any, day: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["day"].initial = day
        self.fields["total"] = AmountField(code=self.administration.currency, label=_("Total"))
        self.order_fields(["day", "terminal", "batch", "total", "payments_count"])


def _not_negative(amount: Decimal | None) -> Decimal | None:
    if amount is not None and amount < 0:
        raise forms.ValidationError(_("There is nothing or something in a drawer, never less."))
    return amount
