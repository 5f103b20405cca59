"""The page "What is this line?": which account, its open lines beside what each may be, and one act at a time."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from apps.core.errors import DomainError
from apps.core.forms import once, said
from apps.core.permissions import Act, may, may_somewhere, roles_with
from apps.ledger.admin.base import today
from apps.reconciliation.admin.base import BankAdmin
from apps.reconciliation.admin.reconcile.acts import ACTS, last_of
from apps.reconciliation.admin.reconcile.asked import LEFT, Asked, known, page_of
from apps.reconciliation.admin.reconcile.lines import line_after, with_all
from apps.reconciliation.admin.reconcile.shown import shown
from apps.reconciliation.models import BankAccount, StatementLine
from apps.reconciliation.reports.bank_balance import timing_differences
from apps.reconciliation.reports.progress import standing
from apps.reconciliation.services.running import start_run
from apps.reconciliation.services.undoing import undo

BETWEEN = 200  # of what bank and books do not share, that a page lists
PART = "board"  # what a script asks for instead of the whole page


class ReconcilePages(BankAdmin):
    """Pages below those of bank accounts."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        one = "reconcile/<uuid:object_id>/"
        return [
            path("reconcile/", view(self.which_view), name="reconciliation_reconcile"),
            path(one, view(self.reconcile_view), name="reconciliation_bankaccount_reconcile"),
            path(f"{one}between/", view(self.between_view), name="reconciliation_bankaccount_between"),
            *super().get_urls(),
        ]

    def which_view(self, request: HttpRequest) -> HttpResponse:
        """The only account at once; otherwise which one, with what is left of each."""
        user: Any = request.user
        if not may_somewhere(user, Act.READ_LEDGER):
            raise PermissionDenied
        visible = BankAccount.objects.visible_to(user, roles=roles_with(Act.READ_LEDGER)).filter(is_active=True)
        accounts = list(visible.select_related("administration").order_by("name", "pk"))
        if len(accounts) == 1 and request.method in ("GET", "HEAD"):
            return self.reconcile_view(request, accounts[0].pk)
        left = StatementLine.objects.open().filter(bank_account__in=accounts).order_by().values("bank_account")
        rows = {row["bank_account"]: row for row in left.annotate(count=Count("pk"), sum=Sum("residual"))}
        return self.page(
            request,
            "reconcile/which",
            _("Reconcile"),
            accounts=[(one, rows.get(one.pk), page_of(one.pk)) for one in accounts],
            may_open=may_somewhere(user, Act.KEEP_ACCOUNTS),
        )

    def reconcile_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        account = self._account(request, object_id)
        asked = Asked.of(request.GET)
        refused: dict[str, Any] = {}
        words = ""
        if request.method == "POST":
            if not may(request.user, Act.MATCH_BANK, account.administration_id):  # type: ignore[arg-type]
                raise PermissionDenied
            try:
                address, words = self._do(request, account, asked, refused)
            except DomainError as refusal:
                refused["words"] = said(refusal, account.currency)
            except ValidationError as error:
                refused["words"] = " ".join(error.messages)
            if not refused:
                return self._done(request, account, address, words)
            asked = Asked(**{**asked.__dict__, "line": known(request.POST.get("line")) or asked.line})
        return self._answer(request, account, asked, refused)

    def between_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """What bank and books do not share on the last day that the bank speaks of."""
        account = self._account(request, object_id)
        found = standing(account, today(account.administration))
        differences = timing_differences(account, found.day)
        return self.page(
            request,
            "reconcile/between",
            _("Between the bank and the books: %(account)s") % {"account": account},
            account=account,
            currency=account.currency,
            standing=found,
            differences=differences[:BETWEEN],
            more=max(0, len(differences) - BETWEEN),
            back=page_of(account.pk),
        )

    # What is done ----------------------------------------------------------------------------------------------------

    def _do(self, request: HttpRequest, account: BankAccount, asked: Asked, refused: dict[str, Any]) -> tuple[str, str]:
        """One act, once: where to go on, and what to say. A form with an error is kept in ``refused``."""
        name, by = request.POST.get("do", ""), request.user
        told: list[str] = []
        refused |= {"act": name, "posted": request.POST}
        if name == "auto":

            def write() -> str:
                run = start_run(account.administration, by=by, bank_account=account)  # type: ignore[arg-type]
                return reverse("admin:reconciliation_matchingrun_change", args=[run.pk])

        elif name == "undo-last":

            def write() -> str:
                last = last_of(by, account)  # type: ignore[arg-type]
                if last is None:
                    told.append(_("There is nothing of yours to undo here. Open a matched line to undo it."))
                    return asked.address(account)
                undo(last, by=by)  # type: ignore[arg-type]
                told.append(_("Undone: the line is open again."))
                return asked.address(account, show=LEFT, line=last.line_id, page=1)

        elif name in ACTS:
            line = self._line(account, request.POST.get("line"))
            act = ACTS[name]
            prefix = {"auto_id": f"{name}_%s"}
            form = act.form(request.POST, line=line, **prefix)
            refused["form"] = form
            if not form.is_valid():
                raise ValidationError(_said_of(form))

            def write() -> str:
                told.append(act.do(line, form, by))  # type: ignore[arg-type]
                return self._next(account, asked, line, name)

        else:
            refused.clear()
            return asked.address(account), ""
        address, new = once(request, write)
        refused.clear()
        return address, told[0] if told else "" if new else _("This was done before; nothing was written twice.")

    def _next(self, account: BankAccount, asked: Asked, line: StatementLine, name: str) -> str:
        line.refresh_from_db(fields=["residual", "to_check"])
        if name == "undo":
            return asked.address(account, show=LEFT, line=line.pk, page=1)
        if line.residual:
            return asked.address(account, line=line.pk)
        following = line_after(account, asked, line)
        return asked.address(account, line=following.pk if following else None)

    def _done(self, request: HttpRequest, account: BankAccount, address: str, words: str) -> HttpResponse:
        here = page_of(account.pk)
        path_, _mark, query = address.partition("?")
        if request.headers.get("X-Part") == PART:
            if path_ != here:
                return JsonResponse({"go": address})
            return self._answer(request, account, Asked.of(QueryDict(query)), {}, said=words)
        if words:
            self.message_user(request, words, messages.SUCCESS)
        return HttpResponseRedirect(address)

    # What is shown ---------------------------------------------------------------------------------------------------

    def _answer(
        self, request: HttpRequest, account: BankAccount, asked: Asked, refused: dict[str, Any], said: str = ""
    ) -> HttpResponse:
        context = shown(request, account, asked, refused)
        answer: HttpResponse
        if request.headers.get("X-Part") == PART:
            html = render_to_string("admin/bank/reconcile/board.html", context, request)
            told = {"html": html, "address": context["here"], "said": said or refused.get("words", "")}
            answer = JsonResponse({**told, "refused": bool(refused)}, headers={"Cache-Control": "no-store"})
        else:
            answer = self.page(request, "reconcile/page", _("Reconcile %(account)s") % {"account": account}, **context)
        answer.headers["Vary"] = "X-Part"
        return answer

    def _account(self, request: HttpRequest, object_id: UUID) -> BankAccount:
        found = self.find(request, str(object_id), Act.READ_LEDGER)
        accounts = BankAccount.objects.select_related("administration", "account", "journal")
        account: BankAccount = accounts.get(pk=found.pk)
        return account

    def _line(self, account: BankAccount, key: Any) -> StatementLine:
        lines = StatementLine.objects.filter(bank_account=account, pk=known(key) or UUID(int=0))
        line: StatementLine | None = with_all(lines).first()
        if line is None:
            raise Http404
        return line


def _said_of(form: Any) -> str:
    """Why a form cannot be taken, above it; each field says it as well."""
    words = [*form.non_field_errors()]
    for name, errors in form.errors.items():
        if name in form.fields:
            words += [f"{form.fields[name].label}: {error}" if name != "choice" else error for error in errors]
    return " ".join(map(str, words))
