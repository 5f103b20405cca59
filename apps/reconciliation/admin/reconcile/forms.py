"""What is asked where a line is said to be something."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from apps.core.display import NOTHING
from apps.core.forms import AdministrationForm, AmountField
from apps.core.money import total
from apps.ledger.forms import account_named, party_named, vat_codes_of
from apps.reconciliation.admin.reconcile.choices import NAMES, tokens_of
from apps.reconciliation.models import ReconciliationModel, StatementLine
from apps.reconciliation.services.choosing import ROWS
from apps.reconciliation.services.naming import Named
from apps.reconciliation.services.parts import Kind, Part

MOST = 500  # of what one line is matched with
TABLES: dict[str, type[Model]] = {**ROWS, "other_line": StatementLine}


class LineForm(AdministrationForm):
    """A form about one bank line."""

    def __init__(self, *args: Any, line: StatementLine, **kwargs: Any) -> None:
        self.line = line
        super().__init__(*args, administration=line.administration, **kwargs)

    def row(self, name: str, key: UUID) -> Any:
        """The row that a form names. Raises ValidationError where it is not there, or of other books."""
        row = TABLES[name]._default_manager.filter(administration=self.line.administration_id, pk=key).first()
        if row is None:
            raise ValidationError(_("That is not there any more. Choose again."))
        return row

    def amount_field(self, label: Any, **options: Any) -> AmountField:
        return AmountField(code=self.line.bank_account.currency, label=label, required=False, **options)


class MatchForm(LineForm):
    """One of the candidates, or several that together are the line; each with how much of it."""

    choice = forms.CharField(
        label=_("What it is"), max_length=60_000, error_messages={"required": _("Choose what it is first.")}
    )
    in_full = forms.BooleanField(label=_("Paid in full: what differs is written off"), required=False)
    model = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def clean_choice(self) -> list[tuple[str, Any, Decimal]]:
        try:
            named = list(tokens_of(self.cleaned_data["choice"]))
        except ValueError:
            raise ValidationError(_("Choose what it is first.")) from None
        if len(named) > MOST:
            raise ValidationError(_("That are too many at once."))
        return [(name, self.row(name, key), amount) for name, key, amount in named]

    def clean_model(self) -> ReconciliationModel | None:
        """The model whose tolerance lets the line be less; one that is gone makes no difference."""
        models = ReconciliationModel.objects.filter(administration=self.line.administration_id)
        return models.filter(pk=self.cleaned_data["model"]).first() if self.cleaned_data["model"] else None

    @property
    def named(self) -> list[Named]:
        return [Named(amount, **{name: row}) for name, row, amount in self.cleaned_data["choice"]]


class BookedForm(LineForm):
    """An account with VAT and words, where part of a line goes without a document."""

    account = forms.CharField(label=_("Account"), required=False, max_length=200)
    party = forms.CharField(
        label=_("Party"), required=False, max_length=200, help_text=_("Only for an account that open items stand on.")
    )
    memo = forms.CharField(
        label=_("Words"), required=False, max_length=200, help_text=_("The books keep them: no names of patients.")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        codes = vat_codes_of(self.administration)
        choices = [("", NOTHING), *((key, f"{code} {code.name}") for key, code in codes.items())]
        self.fields["amount"] = self.amount_field(_("Amount"), help_text=_("VAT included; money out is negative."))
        self.fields["vat_code"] = forms.TypedChoiceField(
            label=_("VAT code"), choices=choices, coerce=codes.get, empty_value=None, required=False
        )

    def clean_account(self) -> Any:
        typed = self.cleaned_data["account"].strip()
        return account_named(self.administration, typed) if typed else None

    def clean_party(self) -> Any:
        typed = self.cleaned_data["party"].strip()
        return party_named(self.administration, typed) if typed else None

    def part(self, kind: str, amount: Decimal) -> Part:
        given = self.cleaned_data
        facts = {name: given[name] for name in ("account", "party", "vat_code", "memo")}
        return Part(kind, amount, **facts)


class BookForm(BookedForm):
    """What is left of the line, by a model or to an account."""

    field_order = ("model", "account", "amount", "vat_code", "memo", "party")
    model = forms.ModelChoiceField(
        ReconciliationModel.objects.none(), label=_("Model"), required=False, empty_label=_("None: to an account")
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        models = ReconciliationModel.objects.filter(administration=self.administration, is_active=True)
        self.fields["model"].queryset = models.order_by("sequence", "name")  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not self.errors and not given.get("model") and not given.get("account"):
            self.add_error("account", _("Choose a model, or name the account."))
        return given


class SplitForm(BookedForm):
    """Several things that the line is, each with its amount; a fee that was kept, and an account for the rest."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["fee"] = self.amount_field(_("Fee that was kept"), help_text=_("As a positive amount."))

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        given["named"] = list(self._ticked()) if not self.errors else []
        fee, amount = given.get("fee"), given.get("amount")
        if amount and not given.get("account"):
            self.add_error("account", _("Name the account."))
        if given.get("account") and not amount:
            self.add_error("amount", _("Say how much."))
        if not self.errors and not (given["named"] or amount or fee):
            raise ValidationError(_("Tick what the line is, or say where its amount goes."))
        return given

    def _ticked(self) -> Any:
        typed: Mapping[str, Any] = self.data
        for key in self.data.getlist("take")[:MOST] if hasattr(self.data, "getlist") else ():
            name, _colon, pk = key.partition(":")
            try:
                if name not in NAMES:
                    raise ValueError(key)
                row = self.row(name, UUID(pk))
                amount = self.amount_field("").clean(typed.get(f"amount:{key}", ""))
            except ValueError:
                self.add_error(None, _("That is not there any more. Choose again."))
            except ValidationError as error:
                self.add_error(None, error)
            else:
                yield Named(amount, **{name: row})

    @property
    def further(self) -> list[Part]:
        """The fee, against the line's sign, and what goes to an account."""
        given = self.cleaned_data
        parts = []
        if given["fee"]:
            parts.append(Part(Kind.FEE, -abs(given["fee"])))
        if given["amount"]:
            whole = self.line.residual == self.line.amount == total([given["amount"]]) and not given["named"]
            parts.append(self.part(Kind.MODEL if whole else Kind.WRITE_OFF, given["amount"]))
        return parts


class TransferForm(LineForm):
    """Money between own accounts, with the line of the other one where that has come."""

    other = forms.UUIDField(required=False)

    def clean_other(self) -> StatementLine | None:
        key = self.cleaned_data["other"]
        return self.row("other_line", key) if key else None


class UnpackForm(LineForm):
    """Which payout it is, and the account that what it does not explain is written off to."""

    way = forms.CharField(max_length=600)
    account = forms.CharField(label=_("Where the rest goes"), required=False, max_length=200)

    def clean_account(self) -> Any:
        typed = self.cleaned_data["account"].strip()
        return account_named(self.administration, typed) if typed else None


class CheckForm(LineForm):
    to_check = forms.BooleanField(required=False)


class UndoForm(LineForm):
    clearing = forms.UUIDField()
