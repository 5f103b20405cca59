"""VAT in the admin: the return of a period, its lines, the ICP listing, deadlines, and filing as a confirmed step."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.core import display
from apps.core.errors import DomainError
from apps.core.forms import AdministrationForm, once, said
from apps.core.models import Administration
from apps.core.permissions import Act, may
from apps.core.tables import Table
from apps.core.tables.download import TYPES, download
from apps.ledger.admin.base import LedgerAdmin, books_meant, books_or_404, came_from, today
from apps.ledger.admin.reports.addresses import files_of, with_
from apps.ledger.models import JournalEntry
from apps.periods.admin.vat_asking import SpanForm, address, asked, day_asked, span_meant, spans_of
from apps.periods.models import FiledBox, VatRegistration
from apps.periods.reports.icp import listing_of
from apps.periods.reports.vat_anomalies import anomalies_of
from apps.periods.reports.vat_filed import (
    State,
    carriable,
    correction_of,
    deadlines,
    filings_of,
    open_periods,
    state_of,
)
from apps.periods.reports.vat_forms import Side
from apps.periods.reports.vat_return import VatReturn, return_of
from apps.periods.reports.vat_spans import VatSpan, due_date, filing_span
from apps.periods.reports.vat_tables import icp_table, vat_return_table
from apps.periods.services.filing import file_correction, file_return

LINES_PER_PAGE = 200
SHOWN = {
    State.DRAFT: ("DRAFT", _("Draft")),
    State.READY: ("REVIEW", _("Ready")),
    State.FILED: ("POSTED", _("Filed")),
    State.CORRECTED: ("POSTED", _("Filed, corrected")),
}


def state_shown(state: State) -> SafeString:
    return display.status(*SHOWN[state])


class FileForm(AdministrationForm):
    """What goes with a return that is filed."""

    reference = forms.CharField(
        label=_("Reference"),
        max_length=64,
        required=False,
        help_text=_("What the tax administration calls it, if it said so."),
    )
    note = forms.CharField(label=_("Note"), max_length=500, required=False)


class CarryForm(FileForm):
    carry = forms.BooleanField(
        label=_("Declare small corrections of earlier periods in this return"), required=False, initial=True
    )


class VatPages(LedgerAdmin):
    """The pages of VAT, as pages of the admin of filed returns."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        of_span = "<uuid:administration_id>/<str:day>/"
        return [
            path("return/", wrap(self.vat_return), name="periods_vat_return"),
            path("lines/", wrap(self.vat_lines), name="periods_vat_lines"),
            path("icp/", wrap(self.icp), name="periods_vat_icp"),
            path("deadlines/", wrap(self.deadlines), name="periods_vat_deadlines"),
            path(f"file/{of_span}", wrap(self.file_page), name="periods_vat_file"),
            path(f"correct/{of_span}", wrap(self.correct_page), name="periods_vat_correct"),
            *super().get_urls(),
        ]

    def page(self, request: HttpRequest, name: str, title: Any, **context: Any) -> TemplateResponse:
        shown = {**self.admin_site.each_context(request), "title": title, "opts": self.opts, **context}
        return TemplateResponse(request, f"admin/periods/{name}.html", shown)

    # The return -----------------------------------------------------------------------------------------------------

    def vat_return(self, request: HttpRequest) -> HttpResponseBase:
        """The boxes as on the form, each figure a link to its lines; what is wrong; what was filed; the next step."""
        return self._about_span(request, "vat_return", _("VAT return"), self._read_return)

    def _read_return(self, request: HttpRequest, span: VatSpan, known_at: Any) -> tuple[Table, dict[str, Any]]:
        report = return_of(span, known_at)
        filings = filings_of(span)
        correction = None if known_at else correction_of(span, filings)
        filed = {box.box: box for box in filings[0].boxes.all()} if filings else {}
        state = state_of(span, filings)
        anomalies = anomalies_of(span, known_at)
        administration = span.administration
        changes = {change.box: change for change in correction.boxes} if correction else {}
        shown = {
            "report": report,
            "state": state_shown(state),
            "groups": list(self._groups(request, report, filed, changes)),
            "off_form": self._off_form(report),
            "anomalies": [(one, self._entry(request, one.entry)) for one in anomalies.found],
            "filings": filings,
            "correction": correction,
            "late": self._later(request, span) if correction else "",
            "may_file": may(request.user, Act.CLOSE_PERIODS, administration.pk),  # type: ignore[arg-type]
            "file_at": reverse("admin:periods_vat_file", args=[administration.pk, span.first_day]),
            "correct_at": reverse("admin:periods_vat_correct", args=[administration.pk, span.first_day]),
            "icp_at": address("icp", administration, span.first_day, back=request.get_full_path()),
            "why_not": self._why_not(span, state, anomalies.red),
            "is_filed": bool(filings),
            "has_icp": any(code.vat_code.icp for code in report.codes),
        }
        return vat_return_table(report), shown

    def _groups(self, request: HttpRequest, report: VatReturn, filed: dict[str, FiledBox], changes: Any) -> Any:
        """The boxes by the section of the form that they stand in; those of long forms only where something is in."""
        section = ""
        rows: list[dict[str, Any]] = []
        for figure in report.boxes:
            code = figure.box.code
            if report.form.country != "NL" and not (figure.turnover or figure.vat or code in changes):
                continue
            if rows and code[0] != section and report.form.country == "NL":
                yield rows
                rows = []
            section = code[0]
            more = {"box": code, "known_at": request.GET.get("known_at", ""), "back": request.get_full_path()}
            rows.append(
                {
                    "figure": figure,
                    "has_turnover": figure.box.side not in (Side.TOTAL, Side.DEDUCTED),
                    "has_vat": figure.box.side != Side.NONE,
                    "is_total": figure.box.side == Side.TOTAL,
                    "lines": address("lines", report.administration, report.span.first_day, **more),
                    "filed": filed.get(code),
                    "change": changes.get(code),
                }
            )
        if rows:
            yield rows

    def _off_form(self, report: VatReturn) -> list[Any]:
        """Codes with a turnover that stands on no box: exempt care, and purchases whose VAT is cost."""
        return [code for code in report.codes if not any(report.form.places(code.vat_code))]

    def _why_not(self, span: VatSpan, state: State, red: Any) -> str:
        if state in (State.FILED, State.CORRECTED):
            return ""
        if span.last_day >= today(span.administration):
            return str(_("It is not over yet."))
        if state == State.DRAFT:
            return str(_("Begin the review of %(periods)s first.")) % {
                "periods": ", ".join(map(str, open_periods(span)))
            }
        if red:
            return str(_("Mend the red anomalies below first."))
        return ""

    def _later(self, request: HttpRequest, span: VatSpan) -> str:
        return address("lines", span.administration, span.first_day, later="1", back=request.get_full_path())

    def _entry(self, request: HttpRequest, entry: JournalEntry) -> str:
        here = urlencode({"back": request.get_full_path()})
        return f"{reverse('admin:ledger_journalentry_change', args=[entry.pk])}?{here}"

    def vat_lines(self, request: HttpRequest) -> HttpResponseBase:
        """The lines behind a box, or what was posted after the return was filed; each leads to its entry."""

        def read(request: HttpRequest, span: VatSpan, known_at: Any) -> tuple[Table | None, dict[str, Any]]:
            report = return_of(span, known_at)
            box = request.GET.get("box", "")
            figure = report.by_code.get(box)
            if box and figure is None:
                raise Http404
            correction = correction_of(span) if request.GET.get("later") else None
            whole = report.boxes[-1].lines if report.boxes else None
            lines = correction.lines if correction else figure.lines if figure else whole
            if lines is None:
                raise Http404
            found = lines.posted().select_related("entry__journal", "account", "party", "vat_code", "vat_period")
            pages = Paginator(found.order_by("date", "entry_id", "position"), LINES_PER_PAGE)
            page = pages.get_page(request.GET.get("page"))
            shown = {
                "figure": figure,
                "lines": [(line, self._entry(request, line.entry)) for line in page],
                "paged": page,
                "next": with_(request, page=page.next_page_number()) if page.has_next() else "",
                "is_later": correction is not None,
            }
            return None, shown

        return self._about_span(request, "vat_lines", _("Lines of the VAT return"), read)

    def icp(self, request: HttpRequest) -> HttpResponseBase:
        """Who elsewhere in the EU bought without VAT, and whether the total is that of box 3b."""

        def read(request: HttpRequest, span: VatSpan, known_at: Any) -> tuple[Table, dict[str, Any]]:
            report = listing_of(span, known_at)
            return icp_table(report), {"report": report}

        return self._about_span(request, "vat_icp", _("ICP listing"), read)

    def deadlines(self, request: HttpRequest) -> HttpResponse:
        """Which returns are due, and until when."""
        administration, readable = books_meant(request)
        found = deadlines(administration, today(administration))
        rows = [(one, state_shown(one.state), address("return", administration, one.span.first_day)) for one in found]
        registration = VatRegistration.objects.on(administration, today(administration))
        return self.page(
            request,
            "vat_deadlines",
            _("VAT deadlines"),
            administration=administration,
            readable=readable if len(readable) > 1 else [],
            rows=rows,
            registration=registration,
        )

    def _about_span(
        self, request: HttpRequest, name: str, title: Any, read: Callable[..., tuple[Table | None, dict[str, Any]]]
    ) -> HttpResponseBase:
        administration, readable = books_meant(request)
        spans = spans_of(administration)
        span = span_meant(request, administration, spans)
        if span.first_day not in {one.first_day for one in spans}:
            spans.append(span)
        with timezone.override(ZoneInfo(administration.time_zone)):
            form = SpanForm(asked(request, administration, span), readable=readable, spans=spans)
            valid = form.is_valid()
        context: dict[str, Any] = {"form": form, "administration": administration, "currency": administration.currency}
        if valid:
            known_at = form.cleaned_data["known_at"]
            table, shown = read(request, span, known_at)
            if table is not None:
                answer = self._file(request, administration, table)
                if answer:
                    return answer
                context["files"] = files_of(request)
            back = [(address("return", administration, span.first_day), str(_("VAT return")))]
            trail = came_from(request) or ([] if name == "vat_return" else back)
            context |= {"span": span, "due": due_date(span), "known_at": known_at, "trail": trail, **shown}
        return self.page(request, name, title, **context)

    def _file(self, request: HttpRequest, administration: Administration, table: Table) -> HttpResponseBase | None:
        ending = request.GET.get("format", "")
        user: Any = request.user
        return download(table, ending, administration=administration, by=user) if ending in TYPES else None

    # Filing ---------------------------------------------------------------------------------------------------------

    def file_page(self, request: HttpRequest, administration_id: UUID, day: str) -> HttpResponse:
        """File the return: a sentence that says what is filed, and the word to do it."""
        span = self._span(request, administration_id, day)
        report = return_of(span)
        small = carriable(span)
        form_class = CarryForm if small else FileForm
        form = form_class(request.POST or None, administration=span.administration)
        net = display.money(report.net_declared, span.administration.currency)
        sentences = [
            _("File the VAT return of %(span)s: %(net)s to pay. Its figures cannot be changed afterwards.")
            % {"span": span.name, "net": net}
        ]
        sentences += [
            _("Correction of %(span)s: %(net)s.")
            % {"span": one.filed, "net": display.money(one.net, span.administration.currency)}
            for one in small
        ]

        def write() -> Any:
            typed = form.cleaned_data
            facts = {"reference": typed["reference"], "note": typed["note"], "carry": typed.get("carry", False)}
            return file_return(span, by=request.user, **facts)  # type: ignore[arg-type]

        title = _("File the VAT return of %(span)s") % {"span": span.name}
        return self._confirmed(request, span, form, write, title, sentences, _("File"))

    def correct_page(self, request: HttpRequest, administration_id: UUID, day: str) -> HttpResponse:
        """File the whole return anew, beside what was filed before."""
        span = self._span(request, administration_id, day)
        correction = correction_of(span)
        form = FileForm(request.POST or None, administration=span.administration)
        sentences = []
        if correction:
            words = _("File %(span)s anew: %(net)s more to pay than was filed. What was filed before stays beside it.")
            net = display.money(correction.net, span.administration.currency)
            sentences = [words % {"span": span.name, "net": net}]

        def write() -> Any:
            typed = form.cleaned_data
            return file_correction(span, by=request.user, reference=typed["reference"], note=typed["note"])  # type: ignore[arg-type]

        title = _("Correct the VAT return of %(span)s") % {"span": span.name}
        return self._confirmed(request, span, form, write, title, sentences, _("File the correction"))

    def _confirmed(
        self, request: HttpRequest, span: VatSpan, form: Any, write: Any, title: Any, sentences: list[Any], button: Any
    ) -> HttpResponse:
        back = address("return", span.administration, span.first_day)
        if form.is_valid():
            try:
                where, new = once(request, lambda: (write(), back)[1])
            except DomainError as refusal:
                form.add_error(None, said(refusal, span.administration.currency))
            else:
                words = _("Filed.") if new else _("This was done before; nothing was written twice.")
                self.message_user(request, words, messages.SUCCESS if new else messages.INFO)
                return HttpResponseRedirect(where)
        return self.page(request, "vat_confirm", title, form=form, sentences=sentences, button=button, back=back)

    def _span(self, request: HttpRequest, administration_id: UUID, day: str) -> VatSpan:
        """Raises Http404 for foreign books and what is no day, PermissionDenied where the role may not file."""
        administration = books_or_404(request, administration_id, Act.CLOSE_PERIODS)
        named = day_asked(day)
        if named is None:
            raise Http404
        return filing_span(administration, named)
