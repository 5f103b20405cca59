"""Suppliers' invoices and our own: the list, the paper with its entry and open item, and the form that posts one."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter

from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import once, said
from apps.core.models import Administration
from apps.core.money import currency, total
from apps.core.permissions import Act, may
from apps.ledger.admin.base import LedgerAdmin, books_meant, came_from, today
from apps.ledger.forms import InvoiceForm, InvoiceLineFormSet, fits, initial_invoice_line, vat_codes_of
from apps.ledger.models import Invoice, InvoiceLine, OpenItem, VatCode
from apps.ledger.services.invoicing import PARTIES, post_customer_invoice, post_vendor_invoice

VENDOR, CUSTOMER = Invoice.Kind.VENDOR, Invoice.Kind.CUSTOMER
FIELDS = {  # where a refusal stands
    "DUPLICATE_INVOICE": "reference",
    "PERIOD_CLOSED": "entry_date",
    "PERIOD_MISSING": "invoice_date",
    "EXCHANGE_RATE_MISSING": "exchange_rate",
    "PARTY_KIND_DIFFERS": "party",
    "VAT_NUMBER_REQUIRED": "party",
}


@admin.register(Invoice)
class InvoiceAdmin(LedgerAdmin):
    when_empty = _("Enter an invoice of a supplier, or one that you send.")
    add_act = Act.KEEP_ACCOUNTS

    list_display = ("called", "day", "party", "what", "due", "amount", "open_amount", "administration")
    list_display_links = ("called", "day")
    list_filter = ("administration", "kind", "type", ("invoice_date", RangeDateFilter))
    linked_by = ("party__id__exact",)
    list_select_related = ("administration", "party")
    search_fields = ("reference", "party__code", "party__name", "description")
    search_help_text = _("Number of the supplier, party, or words of the description")
    ordering = ("-invoice_date", "-id")

    def get_queryset(self, request: HttpRequest) -> Any:
        items = OpenItem.objects.filter(document_id=OuterRef("pk")).as_of().order_by("date", "id")
        return super().get_queryset(request).annotate(left=Subquery(items.values("open")[:1]))

    @admin.display(description=_("invoice"), ordering="number")
    def called(self, invoice: Invoice) -> str:
        return str(invoice)

    @admin.display(description=_("date"), ordering="invoice_date")
    def day(self, invoice: Invoice) -> str:
        return display.short_day(invoice.invoice_date)

    @admin.display(description=_("kind"), ordering="kind")
    def what(self, invoice: Invoice) -> str:
        return what_it_is(invoice)

    @admin.display(description=_("due"), ordering="due_date")
    def due(self, invoice: Invoice) -> str:
        return display.short_day(invoice.due_date)

    @admin.display(description=_("total"), ordering="total_amount")
    def amount(self, invoice: Invoice) -> SafeString:
        return display.amount(invoice.total_amount, code_of(invoice))

    @admin.display(description=_("open"))
    def open_amount(self, invoice: Any) -> SafeString:
        """In the currency of the books: positive is owed in the direction of the invoice."""
        left = invoice.left if invoice.left is None or invoice.kind == CUSTOMER else -invoice.left
        return display.amount(left, invoice.administration.currency)

    # The page ---------------------------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The paper as it was posted: it never changes, a credit note corrects it."""
        invoice = self.find(request, object_id, Act.READ_LEDGER)
        lines = list(invoice.lines.select_related("account", "vat_code"))
        items = OpenItem.objects.filter(document_id=invoice.pk).as_of().select_related("line__entry__journal")
        user: Any = request.user
        keeps = may(user, Act.KEEP_ACCOUNTS, invoice.administration_id)
        return self.page(
            request,
            "invoice/invoice",
            f"{what_it_is(invoice)} {invoice}",
            opts=self.opts,
            original=invoice,
            invoice=invoice,
            what=what_it_is(invoice),
            currency=code_of(invoice),
            administration=invoice.administration,
            lines=lines,
            taxes=_taxes(lines),
            items=items,
            credit_notes=invoice.credit_notes.all(),
            trail=came_from(request),
            may_credit=keeps and invoice.entry_id and invoice.type == Invoice.Type.INVOICE,
        )

    # The form ---------------------------------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """An invoice or a credit note, with what it comes to by VAT rate; posted once it is confirmed."""
        administration, mine = books_meant(request, Act.KEEP_ACCOUNTS)
        posted = request.POST or None
        credited = self._credited(request, administration)
        kind = credited.kind if credited else CUSTOMER if request.GET.get("kind") == CUSTOMER else VENDOR
        codes = {key: code for key, code in vat_codes_of(administration).items() if fits(code, kind)}
        form = InvoiceForm(posted, administration=administration, kind=kind, initial=_head(administration, credited))
        rows = InvoiceLineFormSet(
            posted,
            prefix="lines",
            initial=[initial_invoice_line(line) for line in credited.lines.select_related("account")]
            if credited
            else None,
            form_kwargs={"administration": administration, "vat_codes": codes},
        )
        if posted and all([form.is_valid(), rows.is_valid()]):
            answer = self._post(request, form, rows.lines)
            if answer:
                return answer
        parties = "&".join(f"kind={one}" for one in PARTIES[Invoice.Kind(kind)])
        return self.page(
            request,
            "invoice/form",
            _title(kind, credited),
            form=form,
            rows=rows,
            books=mine,
            administration=administration,
            digits=currency(administration.currency).digits,
            kind=kind,
            credited=credited,
            has_more=any(form[name].value() for name in MORE if name in form.fields),
            rates=json.dumps({key: _rate(code) for key, code in codes.items()}),
            find_account=reverse("admin:ledger_account_find", args=[administration.pk]),
            find_party=f"{reverse('admin:ledger_party_find', args=[administration.pk])}?{parties}",
        )

    def _credited(self, request: HttpRequest, administration: Administration) -> Invoice | None:
        """The invoice that a credit note is made for."""
        named = request.GET.get("credits")
        invoices = Invoice.objects.filter(administration=administration, type=Invoice.Type.INVOICE)
        try:
            return invoices.filter(pk=named).select_related("party").first() if named else None
        except ValueError:
            return None

    def _post(self, request: HttpRequest, form: InvoiceForm, lines: list[Any]) -> HttpResponse | None:
        """Ask first, with what it comes to; then post. None when the form is shown again."""
        administration, by = form.administration, request.user

        def write() -> Invoice:
            asked = form.cleaned_data
            post = post_vendor_invoice if form.kind == VENDOR else post_customer_invoice
            return post(
                administration=administration,
                party=asked["party"],
                reference=asked["reference"],
                invoice_date=asked["invoice_date"],
                lines=lines,
                by=by,  # type: ignore[arg-type]
                terms=form.terms,
            )

        try:
            if "confirmed" not in request.POST:
                return self._ask(request, form, _tried(write))
            address, new = once(request, lambda: reverse("admin:ledger_invoice_change", args=[write().pk]))
        except DomainError as refusal:
            field = FIELDS.get(refusal.code)
            form.add_error(field if field in form.fields else None, said(refusal, administration.currency))
            return None
        words = _("The invoice is posted.") if new else _("It was posted before; nothing was written twice.")
        self.message_user(request, words, messages.SUCCESS if new else messages.INFO)
        return HttpResponseRedirect(address)

    def _ask(self, request: HttpRequest, form: InvoiceForm, invoice: Invoice) -> HttpResponse:
        """What was typed goes along unseen; the sentence says what it comes to."""
        facts = {
            "what": what_it_is(invoice),
            "name": invoice.reference,
            "party": invoice.party,
            "day": display.day(invoice.invoice_date),
            "total": display.money(invoice.total_amount, code_of(invoice)),
            "vat": display.money(invoice.vat_amount, code_of(invoice)),
            "due": display.day(invoice.due_date),
        }
        sentence = _("Post %(what)s %(name)s, %(party)s, %(day)s: %(total)s, of which VAT %(vat)s. Due %(due)s.")
        return self.page(
            request,
            "confirm",
            _("Post this invoice?"),
            form=None,
            sentences=[sentence % facts, _("Cannot be changed afterwards; a credit note corrects it.")],
            hidden=[
                *((name, value) for name, values in request.POST.lists() for value in values if name != _TOKEN),
                ("confirmed", "yes"),
            ],
            button=_("Yes, post"),
            back_in_history=True,
        )


_TOKEN = "csrfmiddlewaretoken"  # noqa: S105 - the name of a field
MORE = ("tax_point", "entry_date", "currency", "exchange_rate")  # fields that few invoices need


def _tried(write: Any) -> Invoice:
    """What would be written; nothing is."""
    with transaction.atomic():
        invoice: Invoice = write()
        transaction.set_rollback(True)
    return invoice


def what_it_is(invoice: Invoice) -> str:
    """``Supplier's invoice``, ``Customer invoice``, or a credit note of either."""
    if invoice.type == Invoice.Type.INVOICE:
        return str(invoice.get_kind_display())
    return str(_("Supplier's credit note") if invoice.kind == VENDOR else _("Credit note"))


def code_of(invoice: Invoice) -> str:
    """The currency of its amounts."""
    return invoice.currency or invoice.administration.currency


def _taxes(lines: list[InvoiceLine]) -> list[dict[str, Any]]:
    """Net and VAT by code, in the order of the lines."""
    codes = list(dict.fromkeys(line.vat_code for line in lines))
    return [
        {
            "code": code,
            "net": total(line.net for line in lines if line.vat_code == code),
            "vat": total(line.vat for line in lines if line.vat_code == code),
        }
        for code in codes
    ]


def _rate(code: VatCode) -> dict[str, str]:
    """What the running total needs: nothing is added to the paper where the tax is reversed."""
    return {"name": str(code), "rate": "0" if code.reverse_charge else f"{code.rate:f}"}


def _title(kind: str, credited: Invoice | None) -> Any:
    if credited:
        return _("Credit note for %(invoice)s") % {"invoice": credited}
    return _("New invoice of a supplier") if kind == VENDOR else _("New invoice to a customer")


def _head(administration: Administration, credited: Invoice | None) -> dict[str, Any]:
    head: dict[str, Any] = {"invoice_date": today(administration)}
    if credited:
        head |= {"party": credited.party.code, "credits": credited.pk, "credit_note": True}
        head |= {"currency": credited.currency, "exchange_rate": credited.exchange_rate}
    return head
