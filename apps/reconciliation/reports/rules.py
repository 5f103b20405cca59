"""Which model holds for a bank line: all of its conditions together, in the order of the models."""

from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from uuid import UUID

from django.db.models import Prefetch

from apps.reconciliation.models import BankAccount, ReconciliationModel, StatementLine
from apps.reconciliation.patterns import DoesNotEnd, find, regex

AmountType = ReconciliationModel.AmountType
LONGEST = 500  # characters of a text that are searched: more than a bank transmits


def active_models(administration: UUID) -> list[ReconciliationModel]:
    """The models that are in use, in the order in which they are tried; in two queries."""
    models = ReconciliationModel.objects.filter(administration=administration, is_active=True)
    own = Prefetch("bank_accounts", BankAccount.objects.only("pk", "administration_id"))
    return list(models.order_by("sequence", "name", "id").prefetch_related(own, "lines__account", "lines__vat_code"))


def matching_models(
    line: StatementLine, models: Sequence[ReconciliationModel] | None = None, *, parties: Collection[UUID] = ()
) -> Iterator[ReconciliationModel]:
    """The models whose conditions all hold for ``line``, in order. ``parties`` are those that something speaks for,
    beside the one that the line names. ``models`` may be read once for many lines."""
    known = {*parties, line.party_id} - {None}
    for model in active_models(line.administration_id) if models is None else models:
        accounts = {account.pk for account in model.bank_accounts.all()}
        if (
            (not accounts or line.bank_account_id in accounts)
            and amount_holds(model, line.amount)
            and (model.party_id in known if model.party_id else known or not model.needs_party)
            and _label_holds(model, line)
        ):
            yield model


def matching_model(
    line: StatementLine,
    models: Sequence[ReconciliationModel] | None = None,
    *,
    parties: Collection[UUID] = (),
    has_items: bool = True,
) -> ReconciliationModel | None:
    """The first model that holds; where ``has_items`` says that none fits, one for open items is passed over. Those for
    card settlements have their own say, in ``reports.payouts``."""
    for model in matching_models(line, models, parties=parties):
        if model.kind == ReconciliationModel.Kind.SETTLEMENT:
            continue
        if has_items or model.kind != ReconciliationModel.Kind.MATCH_ITEMS:
            return model
    return None


def amount_holds(model: ReconciliationModel, amount: Decimal) -> bool:
    """Below ``amount_max``; from ``amount_min`` on; or from one up to and including the other. Of absolute amounts."""
    amount = abs(amount)
    if model.amount_min is not None and amount < model.amount_min:
        return False
    if model.amount_type == AmountType.LOWER:
        return model.amount_max is None or amount < model.amount_max
    return model.amount_max is None or amount <= model.amount_max


def searched_texts(model: ReconciliationModel, line: StatementLine) -> list[str]:
    """The texts of ``line`` that ``model`` looks at, and the counterparty's name, as far as they are searched."""
    texts = (
        (model.search_label, line.label),
        (model.search_reference, line.reference),
        (model.search_note, line.note),
        (True, line.counterparty_name),
    )
    return [text[:LONGEST] for is_searched, text in texts if is_searched and text]


def _label_holds(model: ReconciliationModel, line: StatementLine) -> bool:
    """A pattern that does not end holds nowhere."""
    if not model.label_pattern:
        return True
    try:
        return any(find(model.label_pattern, text) for text in searched_texts(model, line))
    except (DoesNotEnd, regex.error):
        return False
