"""What accountants type: an entry with its lines, found by code or name; why and when one is reversed."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.forms import BaseFormSet, formset_factory
from django.utils.translation import gettext_lazy as _

from apps.core.display import NOTHING
from apps.core.errors import UnknownCurrency
from apps.core.forms import AdministrationForm, AmountField, NumberField
from apps.core.models import Administration
from apps.core.money import ZERO, currency
from apps.ledger.models import Account, Invoice, InvoiceLine, Journal, JournalLine, Party, VatCode
from apps.ledger.services.invoicing import PARTIES, InvoicedLine, Terms
from apps.ledger.services.posting import Line

MOST_LINES = 200
Role = JournalLine.VatRole

# Whose account a control account is: the kind of party that a line on it names.
PARTY_OF = {
    Account.Control.PATIENTS: Party.Kind.PATIENT,
    Account.Control.PAYERS: Party.Kind.PAYER,
    Account.Control.CUSTOMERS: Party.Kind.CUSTOMER,
    Account.Control.SUPPLIERS: Party.Kind.SUPPLIER,
    Account.Control.WALLETS: Party.Kind.PATIENT,
}


def day_input(**attrs: Any) -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date", **attrs}, format="%Y-%m-%d")


def accounts_typed(administration: Administration, typed: str) -> Any:
    """The accounts whose code begins with what is typed, or whose name holds it; those of the code first."""
    accounts = Account.objects.filter(administration=administration)
    wanted = Q(code__istartswith=typed) | Q(name__icontains=typed)
    return accounts.filter(wanted).order_by("code")


def parties_typed(administration: Administration, typed: str, kinds: Sequence[str] = ()) -> Any:
    """The parties (of ``kinds``) whose code begins with what is typed, or whose name holds it."""
    parties = Party.objects.filter(administration=administration)
    parties = parties.filter(kind__in=kinds) if kinds else parties
    return parties.filter(Q(code__istartswith=typed) | Q(name__icontains=typed)).order_by("code")


def account_named(administration: Administration, typed: str) -> Account:
    """The one account that is meant. Raises ValidationError where there is none, or more than one."""
    exact = Account.objects.filter(administration=administration, code__iexact=typed).first()
    if exact:
        return exact
    found: list[Account] = list(accounts_typed(administration, typed)[:2])
    if len(found) != 1:
        words = _("Several accounts fit; choose one.") if found else _("No account has that code or name.")
        raise ValidationError(words)
    return found[0]


def party_named(administration: Administration, typed: str, kinds: Sequence[str] = ()) -> Party:
    """The one party that is meant. Raises ValidationError where there is none, or more than one."""
    parties = parties_typed(administration, typed, kinds)
    found: list[Party] = list(parties.filter(code__iexact=typed)[:2]) or list(parties[:2])
    if len(found) != 1:
        words = _("Several parties fit; choose one.") if found else _("Nobody of this kind has that code or name.")
        raise ValidationError(words)
    return found[0]


class EntryForm(AdministrationForm):
    """What stands above the lines of an entry."""

    journal = forms.ModelChoiceField(label=_("Journal"), queryset=Journal.objects.none(), empty_label=None)
    date = forms.DateField(label=_("Date"), widget=day_input())
    memo = forms.CharField(label=_("Memo"), max_length=300, help_text=_("What it is about; the books keep it."))
    reference = forms.CharField(label=_("Reference"), max_length=64, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        journals: Any = self.fields["journal"]
        journals.queryset = Journal.objects.filter(administration=self.administration)


class LineForm(forms.Form):
    """One line. Left empty it is none; ``line`` is what it says otherwise."""

    account = forms.CharField(label=_("Account"), required=False, max_length=200)

    def __init__(
        self, *args: Any, administration: Administration, vat_codes: dict[str, VatCode], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.administration = administration
        choices = [("", NOTHING), *((key, str(code)) for key, code in vat_codes.items())]
        self.fields["vat_code"] = forms.TypedChoiceField(
            label=_("VAT code"), choices=choices, coerce=vat_codes.get, empty_value=None, required=False
        )

    def clean(self) -> dict[str, Any]:
        asked = super().clean() or self.cleaned_data
        if self.errors or not any(value not in (None, "") for value in asked.values()):
            return asked
        self.read(asked)
        if not self.errors:
            asked["line"] = self.line(asked)
        return asked

    def read(self, asked: dict[str, Any]) -> None:
        """Find what the words name, and refuse beside the field what cannot be."""
        asked["account"] = self.found("account", account_named)

    def line(self, asked: dict[str, Any]) -> Any:
        raise NotImplementedError

    def found(self, name: str, find: Any, *more: Any) -> Any:
        typed = self.cleaned_data.get(name, "").strip()
        if not typed:
            if name == "account":
                self.add_error(name, _("Name the account."))
            return None
        try:
            return find(self.administration, typed, *more)
        except ValidationError as error:
            self.add_error(name, error)


class EntryLineForm(LineForm):
    """A line of an entry."""

    party = forms.CharField(label=_("Party"), required=False, max_length=200)
    memo = forms.CharField(label=_("Memo of the line"), required=False, max_length=300)
    currency = forms.CharField(label=_("Currency"), required=False, max_length=3)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for side, word in (("debit", _("Debit")), ("credit", _("Credit"))):
            self.fields[side] = AmountField(code=self.administration.currency, label=word, required=False)
        self.fields["amount_currency"] = NumberField(digits=4, label=_("Amount in currency"), required=False)
        self.fields["exchange_rate"] = NumberField(digits=8, label=_("Rate"), required=False)

    def clean_currency(self) -> str:
        return foreign_code(self.cleaned_data["currency"], self.administration)

    def read(self, asked: dict[str, Any]) -> None:
        super().read(asked)
        if asked["account"]:
            asked["party"] = self._party(asked["account"])
        self._sides(asked)
        self._foreign(asked)

    def _party(self, account: Account) -> Party | None:
        kind = PARTY_OF.get(account.control, "")  # type: ignore[call-overload]
        if kind and not self.cleaned_data.get("party", "").strip():
            self.add_error("party", _("%(account)s is a control account: name the party.") % {"account": account.code})
        found: Party | None = self.found("party", party_named, (kind,) if kind else ())
        return found

    def _sides(self, asked: dict[str, Any]) -> None:
        debit, credit = asked.get("debit") or ZERO, asked.get("credit") or ZERO
        if debit < 0 or credit < 0:
            self.add_error("debit" if debit < 0 else "credit", _("Type it on the other side instead."))
        elif debit and credit:
            self.add_error("credit", _("A line is a debit or a credit, not both."))
        elif not debit and not credit:
            self.add_error("debit", _("Type an amount, as debit or as credit."))

    def _foreign(self, asked: dict[str, Any]) -> None:
        """The amount in another currency has the side of the line; the rate follows from both unless typed."""
        code, amount, rate = asked.get("currency"), asked.get("amount_currency"), asked.get("exchange_rate")
        if code and not amount:
            self.add_error("amount_currency", _("Type the amount in %(currency)s.") % {"currency": code})
        elif not code and (amount or rate):
            self.add_error("currency", _("Name the currency of this amount."))
        elif rate is not None and rate <= 0:
            self.add_error("exchange_rate", _("A rate is above zero."))

    def line(self, asked: dict[str, Any]) -> Line:
        debit, credit = asked.get("debit") or ZERO, asked.get("credit") or ZERO
        foreign: dict[str, Any] = {}
        if asked["currency"]:
            size = abs(asked["amount_currency"])
            rate = asked["exchange_rate"] or ((debit or credit) / size).quantize(Decimal("0.00000001"))
            foreign = {"currency": asked["currency"], "exchange_rate": rate}
            foreign["amount_currency"] = size if debit else -size
        return Line(
            account=asked["account"],
            debit=debit,
            credit=credit,
            party=asked["party"],
            vat_code=asked["vat_code"],
            vat_role=vat_role(asked["account"], asked["vat_code"]),
            memo=asked["memo"],
            **foreign,
        )


def foreign_code(typed: str, administration: Administration) -> str:
    """A currency other than that of the books, empty for none. Raises ValidationError."""
    code = typed.strip().upper()
    if code == administration.currency:
        raise ValidationError(_("That is the currency of the books: leave it empty."))
    try:
        return currency(code).code if code else ""
    except UnknownCurrency as refusal:
        raise ValidationError(str(refusal)) from None


def vat_codes_of(administration: Administration) -> dict[str, VatCode]:
    """The codes that a line may have, by key; read once for all lines of a form."""
    return {str(code.pk): code for code in VatCode.objects.filter(administration=administration)}


def fits(code: VatCode, kind: str) -> bool:
    """Whether an invoice of ``kind`` can carry the code: the accounts that its tax needs are there."""
    if not code.rate:
        return True
    if kind == Invoice.Kind.CUSTOMER:
        return not code.reverse_charge and code.account_id is not None
    return (code.account_id is not None or not code.reverse_charge) and (
        code.input_account_id is not None or not code.deductible
    )


def vat_role(account: Account, code: VatCode | None) -> str:
    """What a line with ``code`` is in the return: tax on the accounts of that code, otherwise the base."""
    if code is None:
        return ""
    roles = {code.input_account_id: Role.DEDUCTIBLE, code.account_id: Role.TAX}
    return roles.get(account.pk, Role.BASE)


class LineFormSet(BaseFormSet[Any]):
    @property
    def lines(self) -> list[Any]:
        """The lines that are not empty, in their order."""
        return [row.cleaned_data["line"] for row in self if row.cleaned_data.get("line")]


def _lines_of(form: type[LineForm]) -> Any:
    return formset_factory(form, formset=LineFormSet, extra=4, max_num=MOST_LINES, absolute_max=MOST_LINES)


EntryLineFormSet = _lines_of(EntryLineForm)


def initial_line(line: JournalLine) -> dict[str, Any]:
    """A line of a draft as the form shows it."""
    return {
        "account": line.account.code,
        "party": line.party.code if line.party else "",
        "vat_code": str(line.vat_code_id or ""),
        "memo": line.memo,
        "debit": line.debit or None,
        "credit": line.credit or None,
        "currency": line.currency,
        "amount_currency": line.amount_currency and abs(line.amount_currency),
        "exchange_rate": line.exchange_rate,
    }


class ConfirmForm(AdministrationForm):
    """A step that cannot be undone; ``seen`` is what the sentence above it was about."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)


class ReverseForm(AdministrationForm):
    """When and why an entry is reversed."""

    date = forms.DateField(label=_("Date of the reversal"), widget=day_input())
    reason = forms.CharField(label=_("Reason"), max_length=200, help_text=_("It stands in the memo of the reversal."))

    def __init__(self, *args: Any, first_day: Any, said: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["date"].initial = first_day
        self.fields["date"].help_text = said


# Invoices ------------------------------------------------------------------------------------------------------------


class InvoiceForm(AdministrationForm):
    """What an invoice says beside its lines; ``kind`` is whose it is. ``terms`` is what the service is told."""

    party = forms.CharField(label=_("Supplier"), max_length=200)
    reference = forms.CharField(label=_("Number of the supplier"), max_length=64)
    invoice_date = forms.DateField(label=_("Invoice date"), widget=day_input())
    due_date = forms.DateField(label=_("Due"), widget=day_input(), required=False)
    description = forms.CharField(label=_("Description"), max_length=300, required=False)
    credit_note = forms.BooleanField(label=_("It is a credit note"), required=False)
    tax_point = forms.DateField(
        label=_("Tax point"), widget=day_input(), required=False, help_text=_("Left empty, the invoice date.")
    )
    entry_date = forms.DateField(
        label=_("Date in the books"),
        widget=day_input(),
        required=False,
        help_text=_("For paper that came when its own month was closed."),
    )
    currency = forms.CharField(label=_("Currency"), max_length=3, required=False)
    credits = forms.ModelChoiceField(Invoice.objects.none(), required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = Invoice.Kind(kind)
        self.fields["exchange_rate"] = NumberField(
            digits=8, label=_("Rate"), required=False, help_text=_("Left empty, from the table of rates.")
        )
        self.fields["total_amount"] = NumberField(
            digits=4, label=_("Total on the paper"), required=False, help_text=_("It is held against the lines.")
        )
        credited: Any = self.fields["credits"]
        credited.queryset = Invoice.objects.filter(administration=self.administration, kind=kind)
        if self.kind == Invoice.Kind.CUSTOMER:
            self.fields["party"].label, self.fields["reference"].label = _("Customer"), _("Their reference")
            self.fields["reference"].required = False
            del self.fields["total_amount"]
        self.fields["due_date"].help_text = _("Left empty, by the days that the party has.")

    def clean_party(self) -> Party:
        return party_named(self.administration, self.cleaned_data["party"].strip(), PARTIES[self.kind])

    def clean_currency(self) -> str:
        return foreign_code(self.cleaned_data["currency"], self.administration)

    @property
    def terms(self) -> Terms:
        names = ("due_date", "tax_point", "entry_date", "currency", "exchange_rate", "description", "credit_note")
        asked = self.cleaned_data
        return Terms(
            **{name: asked[name] for name in names}, credits=asked["credits"], total_amount=asked.get("total_amount")
        )


class InvoiceLineForm(LineForm):
    """A line as it is printed, in the currency of the invoice."""

    description = forms.CharField(label=_("Description"), required=False, max_length=300)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, word in (("quantity", _("Quantity")), ("unit_price", _("Price each"))):
            self.fields[name] = NumberField(digits=4, label=word, required=False)
        self.fields["net"] = NumberField(digits=4, label=_("Net"), required=False)
        self.fields["vat"] = NumberField(digits=4, label=_("VAT on the paper"), required=False)

    def read(self, asked: dict[str, Any]) -> None:
        super().read(asked)
        both = asked.get("quantity") is not None and asked.get("unit_price") is not None
        if asked.get("net") is None and not both:
            self.add_error("net", _("Type the net amount, or a quantity and a price."))

    def line(self, asked: dict[str, Any]) -> InvoicedLine:
        names = ("account", "net", "vat_code", "description", "quantity", "unit_price", "vat")
        return InvoicedLine(**{name: asked[name] for name in names})


InvoiceLineFormSet = _lines_of(InvoiceLineForm)


def initial_invoice_line(line: InvoiceLine) -> dict[str, Any]:
    """A line of an invoice as its credit note begins with it."""
    return {
        "account": line.account.code,
        "description": line.description,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "net": abs(line.net),
        "vat_code": str(line.vat_code_id or ""),
    }
