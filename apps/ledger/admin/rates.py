"""Exchange rates, and what is kept in a foreign currency at the rate of a day."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from apps.core import display
from apps.core.errors import DomainError
from apps.core.permissions import Act
from apps.ledger.admin.acts import POSTED, ActForm, LawForm, act_page, books_kept, day_field, said
from apps.ledger.admin.base import LedgerAdmin
from apps.ledger.models import ExchangeRate
from apps.ledger.reports.exposures import exposures
from apps.ledger.services import depreciating
from apps.ledger.services.revaluing import revalue


class RevaluationForm(ActForm):
    as_of = day_field(_("At the end of"))


@admin.register(ExchangeRate)
class ExchangeRateAdmin(LedgerAdmin):
    add_act = change_act = Act.KEEP_ACCOUNTS
    form = LawForm

    list_display = ("currency", "day", "rate_shown", "source", "administration")
    list_filter = ("administration", "currency")
    list_select_related = ("administration",)
    list_before_template = "admin/ledger/list_acts.html"
    date_hierarchy = "date"
    ordering = ("-date", "currency")
    fields = ("administration", "currency", "date", "rate", "source")

    @admin.display(description=_("date"), ordering="date")
    def day(self, rate: ExchangeRate) -> str:
        return display.day(rate.date)

    @admin.display(description=_("rate"), ordering="rate")
    def rate_shown(self, rate: ExchangeRate) -> str:
        return f"{rate.rate.normalize():f} {rate.administration.currency}"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        acts = [(reverse("admin:ledger_revalue"), _("Revalue …"))] if self.has_add_permission(request) else []
        return super().changelist_view(request, {**(extra_context or {}), "acts": acts})

    def get_urls(self) -> list[URLPattern]:
        revaluation = path("revalue/", self.admin_site.admin_view(self.revalue_page), name="ledger_revalue")
        return [revaluation, *super().get_urls()]

    def revalue_page(self, request: HttpRequest) -> HttpResponse:
        """What differs from the books at the rates of a day, and the button that posts it."""
        administration = books_kept(request)
        month = depreciating.last_ended_month(administration)
        initial = {"as_of": request.GET.get("as_of") or depreciating.last_day_of(month)}
        form = RevaluationForm(request, administration, initial=initial)
        shown: dict[str, Any] = {"exposures": (), "missing": ""}
        try:
            as_of = form.fields["as_of"].clean(form["as_of"].value())
            shown["exposures"] = exposures(administration, as_of)
        except DomainError as refusal:
            shown["missing"] = said(refusal, administration.currency)
        except ValidationError:
            pass  # the form says so

        def post(asked: dict[str, Any]) -> str:
            entry = revalue(administration, asked["as_of"], by=request.user)  # type: ignore[arg-type]
            return POSTED % {"entry": entry} if entry else str(_("Nothing differs: nothing is posted."))

        sentence = _(
            "What %(books)s holds and is owed in foreign currencies is valued at the last rate up to the day. The "
            "difference is posted to accounts of its own, and taken back on the day after."
        )
        return act_page(
            self,
            request,
            form,
            title=_("Revalue foreign currencies"),
            sentence=sentence % {"books": administration},
            button=_("Post the differences"),
            back=reverse("admin:ledger_exchangerate_changelist"),
            work=post,
            before="admin/ledger/exposures.html",
            currency=administration.currency,
            **shown,
        )
