"""What the page shows: the account's progress, the lines, and what the chosen one may be or was."""

from typing import Any
from uuid import uuid4

from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from apps.core import display
from apps.core.money import quantize
from apps.core.permissions import Act, may
from apps.ledger.admin.base import today
from apps.reconciliation.admin.reconcile.acts import last_of
from apps.reconciliation.admin.reconcile.asked import BY_ITSELF, LEFT, MATCHED, Asked
from apps.reconciliation.admin.reconcile.choices import Choice, choices_of
from apps.reconciliation.admin.reconcile.forms import BookForm, SplitForm, UnpackForm
from apps.reconciliation.admin.reconcile.history import acts_of
from apps.reconciliation.admin.reconcile.lines import amount_typed, listed
from apps.reconciliation.models import BankAccount, Statement, StatementLine
from apps.reconciliation.reports.candidates import candidates_for
from apps.reconciliation.reports.candidates.evidence import PARTIAL, SURPLUS, TOLERANCE
from apps.reconciliation.reports.candidates.finding import find_open
from apps.reconciliation.reports.candidates.telling import in_words
from apps.reconciliation.reports.payouts import payouts_for
from apps.reconciliation.reports.progress import COUNTED, progress, standing
from apps.reconciliation.reports.rules import active_models, matching_model

DIFFERS = {PARTIAL, SURPLUS, TOLERANCE}
SHARES = 100  # parts of a payout that are listed
STATEMENTS = 24  # that are offered; older ones have their own page


def shown(request: HttpRequest, account: BankAccount, asked: Asked, refused: dict[str, Any]) -> dict[str, Any]:
    """``refused`` holds what was typed and why it was refused: the name of the act, its form, the words."""
    statement = None
    if asked.statement:
        statement = Statement.objects.filter(bank_account=account, pk=asked.statement).first()
    asked = asked if statement else Asked(**{**asked.__dict__, "statement": None})
    lines = listed(account, asked)
    asked = Asked(**{**asked.__dict__, "page": lines.page})
    user: Any = request.user
    may_match = may(user, Act.MATCH_BANK, account.administration_id)
    context: dict[str, Any] = {
        "account": account,
        "currency": account.currency,
        "statement": statement,
        "asked": asked,
        "here": asked.address(
            account, line=lines.chosen.pk if lines.chosen else None, find=asked.find, take=asked.take
        ),
        "base": asked.address(account, line=None),
        "progress": progress(account, statement),
        "counted": COUNTED,
        "standing": standing(account, today(account.administration)),
        "tabs": [(name, words, asked.address(account, show=name, line=None, page=1)) for name, words in _tabs()],
        "statements": list(Statement.objects.filter(bank_account=account).order_by("-date", "-id")[:STATEMENTS]),
        "lines": [(line, asked.address(account, line=line.pk), about(line)) for line in lines.rows],
        "listed": lines,
        "previous": asked.address(account, line=lines.before.pk) if lines.before else "",
        "next": asked.address(account, line=lines.after.pk) if lines.after else "",
        "newer": asked.address(account, page=lines.page - 1, line=None) if lines.page > 1 else "",
        "older": asked.address(account, page=lines.page + 1, line=None) if lines.has_more else "",
        "line": lines.chosen,
        "may_match": may_match,
        "refused": refused,
        "key": str(uuid4()),
    }
    if may_match:
        context["last"] = last_of(user, account)
    if lines.chosen is not None:
        context |= _of_line(lines.chosen, asked, may_match, refused)
    return context


def about(line: StatementLine) -> str:
    """What the bank says of a line, in one."""
    texts = dict.fromkeys(filter(None, (line.counterparty_name, line.label, line.reference)))
    words = " · ".join(texts) or line.transaction_type or line.note or display.NOTHING
    return words if len(words) <= 90 else f"{words[:90]}…"


def _tabs() -> list[tuple[str, str]]:
    return [(LEFT, _("Left")), (BY_ITSELF, _("Matched by itself")), (MATCHED, _("All matched"))]


# The chosen line ------------------------------------------------------------------------------------------------------


def _of_line(line: StatementLine, asked: Asked, may_match: bool, refused: dict[str, Any]) -> dict[str, Any]:
    context: dict[str, Any] = {"history": acts_of(line)}
    if line.looks_like_id:
        context["looks_like"] = StatementLine.objects.select_related("statement").get(pk=line.looks_like_id)
    if not line.residual:
        return context
    found = candidates_for([line])[line.pk]
    posted: Any = refused.get("posted") or QueryDict()
    taken = {*asked.take, *(posted.getlist("take") if refused.get("act") == "split" else ())}
    typed = find_open(line, asked.find, amount_typed(asked.find), keys=taken) if asked.find or taken else ()
    picked = posted.get("choice", "") if refused.get("act") == "match" else None
    choices = choices_of(found, typed, picked)
    context |= {
        "choices": choices,
        "is_tie": found.is_ambiguous and len(choices) > 1 and any(one.rival for one in choices),
        "model": found.model,
        "in_full": bool(posted.get("in_full")),
        "may_differ": any(choice.key != "together" and choice.amount != line.residual for choice in choices)
        or any(reason.code in DIFFERS for candidate in found.ranked for reason in candidate.reasons),
        "nothing_found": bool(asked.find) and not any(choice.found for choice in choices),
        "transfers": [choice for choice in choices if choice.is_transfer],
        "equal": _equal(line),
    }
    context |= _payouts(line, refused)
    if may_match:
        context |= _forms(line, refused, choices, taken)
    return context


def _forms(line: StatementLine, refused: dict[str, Any], choices: list[Choice], taken: set[str]) -> dict[str, Any]:
    """The forms of the panels; the one that was refused keeps what was typed."""
    models = active_models(line.administration_id)
    residual = quantize(line.residual, line.bank_account.currency)
    suggested = matching_model(line, models, has_items=False)
    initial = {"amount": residual, "model": suggested}
    act, form, posted = refused.get("act"), refused.get("form"), refused.get("posted")
    for choice in choices:
        choice.ticked = choice.key in taken
        if act == "split" and posted is not None:
            choice.typed = posted.get(f"amount:{choice.key}", choice.typed)
    return {
        "book": form if act == "book" else BookForm(line=line, initial=initial, auto_id="book_%s"),
        "split": form if act == "split" else SplitForm(line=line, auto_id="split_%s"),
        "suggested": suggested,
        "is_splitting": act == "split" or bool(taken),
        "splitting": [choice for choice in choices if choice.splits],
        "residual": number_format(residual, use_l10n=True, force_grouping=False),
        "find_account": reverse("admin:ledger_account_find", args=[line.administration_id]),
        "find_party": reverse("admin:ledger_party_find", args=[line.administration_id]),
    }


def _payouts(line: StatementLine, refused: dict[str, Any]) -> dict[str, Any]:
    """The ways to take the line apart, each with its reasons; one that is alone is chosen."""
    ways = payouts_for([line]).get(line.pk, ())
    if not ways:
        return {}
    told = []
    for way in ways:
        why = [in_words(reason) for reason in way.reasons if reason.points >= 0]
        against = [in_words(reason) for reason in way.reasons if reason.points < 0]
        told.append((way, why, against, way.shares[:SHARES], max(0, len(way.shares) - SHARES)))
    form = refused.get("form") if refused.get("act") == "unpack" else None
    picked = form.data.get("way") if form is not None else ways[0].key if ways[0].is_alone else ""
    return {
        "payouts": told,
        "way": picked,
        "unpack": form or UnpackForm(line=line, auto_id="unpack_%s"),
        "is_unpacking": form is not None or (ways[0].is_identified and not refused),
        "may_lack": any(way.unexplained for way in ways),
    }


def _equal(line: StatementLine) -> list[StatementLine]:
    """Lines of the account that are as much on days around: which may be the same."""
    near = (line.date.fromordinal(line.date.toordinal() - 10), line.date.fromordinal(line.date.toordinal() + 10))
    lines = StatementLine.objects.filter(bank_account=line.bank_account_id, date__range=near, amount=line.amount)
    return list(lines.exclude(pk=line.pk).select_related("statement").order_by("-date", "-id")[:5])
