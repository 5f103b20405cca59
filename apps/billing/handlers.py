"""Handlers of events: what follows a moment later. Each may be called twice."""

from apps.billing.models import EndOfDayReconciliation, NightlyClose
from apps.billing.reports.z_report import z_report
from apps.billing.services.catalogue import open_catalogue
from apps.billing.services.days import local_date
from apps.core.models import Administration, Event, Membership, User
from apps.core.money import text
from apps.core.permissions import Act, roles_with
from apps.core.services import mail
from apps.core.worker import ask
from apps.ledger.services.opening import chart_of, open_books, open_years


def open_clinic(event: Event) -> None:
    """Give a new administration its chart, its journals, this year's periods and the usual service groups."""
    administration = Administration.objects.get(pk=event.subject_id)
    open_books(administration, chart=chart_of(administration.country), by=event.by)
    year = local_date(administration).year
    open_years(administration, year, year)
    open_catalogue(administration)


def mail_signers(event: Event) -> None:
    """Tell those who may review what the nightly close prepared and what it could not close; silence when nothing."""
    run = NightlyClose.objects.select_related("administration").get(pk=event.subject_id)
    if not run.closes and not run.refusals:
        return
    signers = Membership.objects.filter(
        administration=event.administration_id, role__in=roles_with(Act.REVIEW_CLOSE), user__is_active=True
    )
    for user in User.objects.filter(memberships__in=signers):
        mail.ask(
            "days_to_sign",
            user.email,
            language=user.language,
            clinic=run.administration.name,
            count=run.closes,
            refusals=run.refusals,
        )


def mail_z(event: Event) -> None:
    """Send the owners the Z of a signed day: its figures, and the seal that they may hold the books against."""
    close = EndOfDayReconciliation.objects.select_related("administration", "clinic_day__administration").get(
        pk=event.subject_id
    )
    report, code = z_report(close), close.administration.currency
    owners = Membership.objects.filter(
        administration=close.administration_id, role=Membership.Role.OWNER, user__is_active=True
    )
    for user in User.objects.filter(memberships__in=owners):
        mail.ask(
            "day_finalized",
            user.email,
            language=user.language,
            clinic=close.administration.name,
            close=str(close),
            date=close.reconciliation_date.isoformat(),
            currency=code,
            settled=text(close.total_revenue, code),
            billed=text(close.total_billed, code),
            outstanding=text(close.total_outstanding, code),
            mismatches=len(close.mismatch_details),
            leaks=close.revenue_leaks_detected,
            head=report.seal_head,
            rows=report.seal_rows,
        )


def ask_about_typed(event: Event) -> None:
    """Have the provider asked about the reference that somebody typed, a moment later and not in their request."""
    ask("apps.billing.tasks.ask_about_reference", str(event.administration_id), event.facts["reference"])
