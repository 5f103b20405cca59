"""Which return a page of VAT is about, and where its figures lead."""

from datetime import date
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from apps.core.models import Administration
from apps.ledger.admin.base import today
from apps.ledger.admin.reports.addresses import day_of
from apps.ledger.admin.reports.asking import ReportForm
from apps.ledger.models import Period
from apps.periods.reports.vat_filed import MOST_SPANS
from apps.periods.reports.vat_spans import VatSpan, filing_span


class SpanForm(ReportForm):
    """Which books, which VAT period, and what was known when."""

    field_order = ("administration", "day", "known_at")
    day = forms.ChoiceField(label=_("VAT period"), required=False, widget=UnfoldAdminSelectWidget())

    def __init__(self, *args: Any, spans: list[VatSpan], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["day"]
        chosen.choices = [(span.first_day.isoformat(), span.name) for span in spans]
        chosen.error_messages["invalid_choice"] = _("The books know no such VAT period.")


def spans_of(administration: Administration) -> list[VatSpan]:
    """The VAT periods since the books began until the one under way, the newest first."""
    first = Period.objects.filter(administration=administration).order_by("first_day").first()
    span = filing_span(administration, today(administration))
    spans = [span]
    while first and len(spans) < MOST_SPANS:
        span = filing_span(administration, span.before().last_day)
        if span.last_day < first.first_day:
            break
        spans.append(span)
    return spans


def span_meant(request: HttpRequest, administration: Administration, spans: list[VatSpan]) -> VatSpan:
    """The VAT period that the address names by a day, otherwise the last one that is over."""
    day = day_asked(request.GET.get("day", ""))
    if day:
        return filing_span(administration, day)
    return next((span for span in spans if span.last_day < today(administration)), spans[0])


def day_asked(text: str) -> date | None:
    """A date as our addresses write it; None for anything else, and for years that no books are of."""
    day = day_of(text)
    return day if day and 1900 <= day.year <= 2200 else None


def asked(request: HttpRequest, administration: Administration, span: VatSpan) -> dict[str, Any]:
    return {**request.GET.dict(), "administration": administration.pk, "day": span.first_day.isoformat()}


def address(name: str, administration: Administration, day: date, **more: Any) -> str:
    """A page about the VAT period that holds ``day``."""
    query = {"administration": administration.pk, "day": day, **{key: one for key, one in more.items() if one}}
    return f"{reverse(f'admin:periods_vat_{name}')}?{urlencode(query)}"
