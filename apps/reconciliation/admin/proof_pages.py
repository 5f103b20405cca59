"""One account reconciliation: its page, and each act on it at an address of its own.

A form of the page sends there; what is refused is said above the same form, which keeps what was typed.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from apps.core import display
from apps.core.forms import AdministrationForm, AmountField
from apps.core.permissions import Act
from apps.core.uploads_api import as_attachment
from apps.ledger.admin.base import DayInput
from apps.reconciliation.admin.base import BankAdmin
from apps.reconciliation.admin.proof import proof_of, sentence_of, title_of
from apps.reconciliation.admin.standing import overview_address, period_of
from apps.reconciliation.models import AccountReconciliation, ReconciliationAttachment, ReconcilingItem
from apps.reconciliation.reports.preparing import last_event
from apps.reconciliation.services import account_reconciling as reconciling

NAME = "reconciliation_accountreconciliation"


class ExpectForm(AdministrationForm):
    """``expected_balance`` has the books' digits; an empty one says that nobody knows yet."""

    notes = forms.CharField(
        label=_("Notes"), max_length=10_000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        code = self.administration.currency
        self.fields["expected_balance"] = AmountField(
            code=code, label=_("What it should be (%(currency)s)") % {"currency": code}, required=False
        )
        self.order_fields(("expected_balance", "notes"))


class ItemForm(AdministrationForm):
    date = forms.DateField(label=_("Since"), widget=DayInput())
    description = forms.CharField(label=_("What it is"), max_length=300)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        code = self.administration.currency
        self.fields["amount"] = AmountField(
            code=code,
            label=_("Amount (%(currency)s)") % {"currency": code},
            help_text=_("Books less expected: positive where the books have more."),
        )


class ItemChangeForm(ItemForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["resolved_on"] = forms.DateField(
            label=_("Resolved on"),
            widget=DayInput(),
            required=False,
            help_text=_("From then on it explains nothing and is not carried forward."),
        )


class FileForm(AdministrationForm):
    file = forms.FileField(label=_("Document"), help_text=_("PDF, PNG, JPG, XLSX or CSV, at most 10 MB."))


class SeenForm(AdministrationForm):
    seen = forms.UUIDField(widget=forms.HiddenInput, required=False)


class ProofPages(BankAdmin):
    """The page of one reconciliation and what is done to it."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        one = "<uuid:pk>/"
        item, document = f"{one}items/<uuid:item_id>/", f"{one}attachments/<uuid:attachment_id>/"
        return [
            path(f"{one}expect/", view(self.expect), name=f"{NAME}_expect"),
            path(f"{one}explain/", view(self.explain), name=f"{NAME}_explain"),
            path(f"{one}propose/", view(self.propose), name=f"{NAME}_propose"),
            path(f"{one}attach/", view(self.attach), name=f"{NAME}_attach"),
            path(f"{one}approve/", view(self.approve), name=f"{NAME}_approve"),
            path(item, view(self.item), name=f"{NAME}_item"),
            path(f"{item}remove/", view(self.remove_item), name=f"{NAME}_remove_item"),
            path(document, view(self.document), name=f"{NAME}_document"),
            path(f"{document}remove/", view(self.detach), name=f"{NAME}_detach"),
            *super().get_urls(),
        ]

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        one = self.find(request, object_id, Act.READ_LEDGER)
        of = {"administration": one.administration}
        context = proof_of(request, one)
        said = {"expected_balance": one.expected_balance, "notes": one.notes}
        shown: dict[str, Any] = {
            "expect": ExpectForm(**of, auto_id="expect_%s", initial=said),
            "again": ExpectForm(**of, auto_id="again_%s", initial=said),
            "offer": ExpectForm(**of, auto_id="offer_%s", initial={**said, "expected_balance": context["offered"]}),
            "explain": ItemForm(**of, auto_id="item_%s", initial={"date": one.period_end}),
            "propose": AdministrationForm(**of, auto_id="propose_%s"),
            "attach": FileForm(**of, auto_id="file_%s"),
            "approve": SeenForm(**of, auto_id="approve_%s", initial={"seen": context["seen"]}),
        }
        return self.page(request, "account", title_of(one), forms=shown, **context)

    def asked(
        self, request: HttpRequest, one: AccountReconciliation, form: Any, write: Callable[[Any], str], **shown: Any
    ) -> HttpResponse:
        """The page of one act, below the proof that it belongs to."""
        return self.confirmed(request, form, write, title=title_of(one), original=one, back=page_of(one), **shown)

    def expect(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        one = self.find(request, str(pk), Act.KEEP_ACCOUNTS)
        initial = {"expected_balance": one.expected_balance, "notes": one.notes}

        def write(form: ExpectForm) -> str:
            given = {name: form.cleaned_data[name] for name in ("expected_balance", "notes")}
            reconciling.update_reconciliation(one, by=request.user, **given)  # type: ignore[arg-type]
            return page_of(one)

        return self.asked(
            request,
            one,
            ExpectForm(request.POST or None, administration=one.administration, initial=initial),
            write,
            done=_("Saved; the balances were read again."),
            sentence=_("Say what the balance should be. The books are read again."),
            button=_("Save"),
        )

    def explain(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        one = self.find(request, str(pk), Act.KEEP_ACCOUNTS)

        def write(form: ItemForm) -> str:
            given = {name: form.cleaned_data[name] for name in ("date", "description", "amount")}
            reconciling.explain(one, by=request.user, **given)  # type: ignore[arg-type]
            return f"{page_of(one)}#items"

        return self.asked(
            request,
            one,
            ItemForm(request.POST or None, administration=one.administration, initial={"date": one.period_end}),
            write,
            done=_("The item is added."),
            sentence=_("Add what one side has and the other has not yet."),
            button=_("Add"),
        )

    def propose(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        one = self.find(request, str(pk), Act.KEEP_ACCOUNTS)

        def write(form: Any) -> str:
            reconciling.propose_items(one, by=request.user)  # type: ignore[arg-type]
            return f"{page_of(one)}#items"

        return self.asked(
            request,
            one,
            AdministrationForm(request.POST or None, administration=one.administration),
            write,
            done=_("What books and bank do not share stands among the items."),
            sentence=_(
                "Add the bank lines that are not in the books and the entries that no statement shows; resolve what "
                "is no difference any more."
            ),
            button=_("Bring up to date"),
        )

    def attach(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        one = self.find(request, str(pk), Act.KEEP_ACCOUNTS)

        def write(form: FileForm) -> str:
            file = form.cleaned_data["file"]
            reconciling.attach(one, file, name=file.name, by=request.user)  # type: ignore[arg-type]
            return f"{page_of(one)}#documents"

        sent = (request.POST, request.FILES) if request.method == "POST" else (None, None)
        return self.asked(
            request,
            one,
            FileForm(*sent, administration=one.administration),
            write,
            done=_("The document is attached."),
            sentence=_("Attach what proves the balance: a letter of the bank, a count, a specification."),
            button=_("Attach"),
            multipart=True,
        )

    def approve(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        one = self.find(request, str(pk), Act.APPROVE_RECONCILIATIONS)
        if one.status == AccountReconciliation.Status.APPROVED and request.method != "POST":
            return HttpResponseRedirect(page_of(one))

        def write(form: SeenForm) -> str:
            reconciling.approve_reconciliation(one, by=request.user, seen=form.cleaned_data["seen"])  # type: ignore[arg-type]
            return overview_address(one.administration, period_of(one.administration, one))

        return self.asked(
            request,
            one,
            SeenForm(request.POST or None, administration=one.administration, initial={"seen": last_event(one).pk}),
            write,
            done=_("%(what)s is approved.") % {"what": title_of(one)},
            sentence=sentence_of(one),
            button=_("Yes, approve"),
        )

    # Its items and documents -----------------------------------------------------------------------------------------

    def item(self, request: HttpRequest, pk: UUID, item_id: UUID) -> HttpResponse:
        one, item = self._item(request, pk, item_id)
        names = ("date", "description", "amount", "resolved_on")

        def write(form: ItemChangeForm) -> str:
            given = {name: form.cleaned_data[name] for name in names}
            reconciling.change_item(item, by=request.user, **given)  # type: ignore[arg-type]
            return f"{page_of(one)}#items"

        initial = {name: getattr(item, name) for name in names}
        return self.asked(
            request,
            one,
            ItemChangeForm(request.POST or None, administration=one.administration, initial=initial),
            write,
            done=_("The item is changed."),
            sentence=_("Change what this item says, or say when it was resolved."),
            button=_("Save"),
        )

    def remove_item(self, request: HttpRequest, pk: UUID, item_id: UUID) -> HttpResponse:
        one, item = self._item(request, pk, item_id)

        def write(form: Any) -> str:
            reconciling.remove_item(item, by=request.user)  # type: ignore[arg-type]
            return f"{page_of(one)}#items"

        said = {"what": item.description, "amount": display.money(item.amount, one.administration.currency)}
        return self.asked(
            request,
            one,
            AdministrationForm(request.POST or None, administration=one.administration),
            write,
            done=_("The item is removed."),
            sentence=_("Remove “%(what)s” of %(amount)s: it explains nothing any more.") % said,
            button=_("Remove"),
            danger=True,
        )

    def document(self, request: HttpRequest, pk: UUID, attachment_id: UUID) -> HttpResponseBase:
        """The content of a document, as a download."""
        one = self.find(request, str(pk), Act.READ_LEDGER)
        return as_attachment(_document(one, attachment_id).upload)

    def detach(self, request: HttpRequest, pk: UUID, attachment_id: UUID) -> HttpResponse:
        one = self.find(request, str(pk), Act.KEEP_ACCOUNTS)
        document = _document(one, attachment_id)

        def write(form: Any) -> str:
            reconciling.detach(document, by=request.user)  # type: ignore[arg-type]
            return f"{page_of(one)}#documents"

        return self.asked(
            request,
            one,
            AdministrationForm(request.POST or None, administration=one.administration),
            write,
            done=_("The document is removed."),
            sentence=_("Remove %(file)s: the file is deleted.") % {"file": document.upload.file_name},
            button=_("Remove"),
            danger=True,
        )

    def _item(self, request: HttpRequest, pk: UUID, item_id: UUID) -> tuple[AccountReconciliation, ReconcilingItem]:
        one = self.find(request, str(pk), Act.KEEP_ACCOUNTS)
        items = one.items.select_related("reconciliation", "administration")
        return one, get_object_or_404(items, pk=item_id)


def _document(one: AccountReconciliation, attachment_id: UUID) -> ReconciliationAttachment:
    """Raises Http404 where ``one`` has no such document."""
    document = one.attachments.select_related("upload", "reconciliation").filter(pk=attachment_id).first()
    if document is None:
        raise Http404
    return document


def page_of(one: AccountReconciliation) -> str:
    return reverse(f"admin:{NAME}_change", args=[one.pk])
