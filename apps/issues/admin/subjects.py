"""Where an issue is mended: the pages of the rows that it names."""

from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _

from apps.issues.models import Issue

# The subject's own page, by its model, where an issue has no field for it.
PAGES = {
    "billing.ClinicDay": ("billing_clinicday_change", _("Clinic day")),
    "reconciliation.Statement": ("reconciliation_statement_change", _("Bank statement")),
    "reconciliation.AccountReconciliation": (
        "reconciliation_accountreconciliation_change",
        _("Account reconciliation"),
    ),
}
LINKED = (
    ("entry_id", "ledger_journalentry_change", _("Journal entry")),
    ("open_item_id", "ledger_openitem_change", _("Open item")),
    ("fixed_asset_id", "ledger_fixedasset_change", _("Fixed asset")),
    ("account_id", "ledger_account_ledger", _("Lines of the account")),
    ("party_id", "ledger_party_change", _("Party")),
)


def links_of(issue: Issue) -> list[tuple[str, Any]]:
    """Addresses and words, the nearest to the cause first."""
    found = []
    if issue.code == "LEAKS_OPEN":
        found.append((f"{reverse('admin:billing_leak_changelist')}?leak_class__exact={issue.part}", _("Open leaks")))
    if issue.subject_type in PAGES:
        page, words = PAGES[issue.subject_type]
        found.append((_address(page, issue.subject_id), words))
    for name, page, words in LINKED:
        if pk := getattr(issue, name):
            found.append((_address(page, pk), words))
    return [(address, words) for address, words in found if address]


def _address(page: str, pk: Any) -> str:
    try:
        return reverse(f"admin:{page}", args=[pk])
    except NoReverseMatch:
        return ""
