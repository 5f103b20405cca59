"""Fixed assets: what they are worth, their schedules, depreciation and disposal."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from apps.core import display
from apps.core.money import ZERO
from apps.core.permissions import Act
from apps.ledger.admin.acts import ActForm, LawForm, account_field, act_page, amount_field, books_kept, day_field
from apps.ledger.admin.base import LedgerAdmin, link, today
from apps.ledger.models import Account, Depreciation, Disposal, FixedAsset
from apps.ledger.reports.depreciation import AssetRegisterRow, register
from apps.ledger.services import depreciating


class DepreciationForm(ActForm):
    month = day_field(_("Up to and including the month of"))


class DisposalForm(ActForm):
    date = day_field(_("Date"))
    proceeds = amount_field(_("Proceeds before VAT"), required=False, min_value=0)
    proceeds_account = account_field(_("Proceeds go to"), required=False)


class DisposedFilter(admin.SimpleListFilter):
    """What is in use, unless what was disposed of is asked for."""

    title = _("disposed of")
    parameter_name = "disposed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("yes", _("Disposed of")), ("all", _("All"))]

    def choices(self, changelist: Any) -> Any:
        first, *others = super().choices(changelist)
        yield {**first, "display": _("In use")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "all":
            return queryset
        alive = FixedAsset.objects.alive()
        return queryset.exclude(pk__in=alive.values("pk")) if self.value() == "yes" else queryset.alive()


@admin.register(FixedAsset)
class FixedAssetAdmin(LedgerAdmin):
    when_empty = _("Add what lasts longer than a year, and it is depreciated month by month.")
    add_act = change_act = Act.KEEP_ACCOUNTS
    form = LawForm
    refusal_fields = {"FIXED_ASSET_CODE_TAKEN": "code"}

    list_display = ("code", "name", "account", "cost_shown", "book_value", "next_depreciation", "administration")
    list_display_links = ("code", "name")
    list_filter = ("administration", DisposedFilter, "account")
    list_select_related = ("administration", "account", "depreciation_account", "expense_account")
    list_before_template = "admin/ledger/list_acts.html"
    search_fields = ("code", "name")
    ordering = ("administration", "code")
    fields = (
        "administration",
        ("code", "name"),
        ("account", "depreciation_account", "expense_account"),
        ("acquired_on", "in_use_from"),
        ("cost", "residual_value", "opening_depreciation"),
        ("method", "life_months", "declining_rate"),
    )

    # The list ------------------------------------------------------------------------------------------------------

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        changelist.result_list = list(changelist.result_list)
        self.complete(changelist.result_list)
        return changelist

    def complete(self, rows: list[Any]) -> None:
        """Each asset with what it is worth: two queries for all of them."""
        for asset, row in zip(rows, register(rows), strict=True):
            asset.row = row

    @admin.display(description=_("cost"), ordering="cost")
    def cost_shown(self, asset: FixedAsset) -> SafeString:
        return display.amount(asset.cost, asset.administration.currency)

    @admin.display(description=_("book value"))
    def book_value(self, asset: Any) -> SafeString:
        return display.amount(asset.row.book_value, asset.administration.currency)

    @admin.display(description=_("next depreciation"))
    def next_depreciation(self, asset: Any) -> str:
        row: AssetRegisterRow = asset.row
        if row.next:
            return f"{row.next.month:%Y-%m}: {display.money(row.next.amount, asset.administration.currency)}"
        return str(_("Disposed of on %(date)s") % {"date": row.disposal.date} if row.disposal else _("Written off"))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        acts = []
        if self.has_add_permission(request):
            acts = [(reverse("admin:ledger_depreciate"), _("Post depreciation up to …"))]
        return super().changelist_view(request, {**(extra_context or {}), "acts": acts})

    # One asset -----------------------------------------------------------------------------------------------------

    def get_fields(self, request: HttpRequest, obj: FixedAsset | None = None) -> Any:
        return (*self.fields, "worth", "disposed", "schedule_shown") if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: FixedAsset | None = None) -> Any:
        if obj is None:
            return ()
        kept = [name for row in self.fields for name in ([row] if isinstance(row, str) else row)]
        free = ("administration", "name", "expense_account")
        depreciated = obj.depreciations.exists()
        return (*(name for name in kept if depreciated and name not in free), "worth", "disposed", "schedule_shown")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        match = request.resolver_match
        if db_field.related_model is Account:
            expense = db_field.name == "expense_account"
            kind = Account.Type.EXPENSE if expense else Account.Type.ASSET
            field.queryset = field.queryset.filter(type=kind, control="").exclude(place=Account.Place.CURRENT_ASSETS)
            if match and match.kwargs.get("object_id"):
                own = FixedAsset.objects.filter(pk=match.kwargs["object_id"]).values("administration")
                field.queryset = field.queryset.filter(administration__in=own)
        return field

    def save_model(self, request: HttpRequest, obj: FixedAsset, form: Any, change: bool) -> None:
        depreciating.save_asset(obj, by=request.user)  # type: ignore[arg-type]

    @admin.display(description=_("book value"))
    def worth(self, asset: FixedAsset) -> str:
        return display.money(register([asset])[0].book_value, asset.administration.currency)

    @admin.display(description=_("disposal"))
    def disposed(self, asset: FixedAsset) -> SafeString | str:
        disposal = register([asset])[0].disposal
        if disposal is None:
            return link(reverse("admin:ledger_fixedasset_dispose", args=[asset.pk]), _("Dispose of this asset"))
        words = _("%(date)s, %(entry)s") % {"date": display.day(disposal.date), "entry": disposal.entry}
        return link(reverse("admin:ledger_journalentry_change", args=[disposal.entry_id]), words)

    @admin.display(description=_("schedule"))
    def schedule_shown(self, asset: FixedAsset) -> str:
        """Every month as a table, and the book value as a line."""
        row = register([asset])[0]
        months = [one.scheduled for one in row.months]
        context: dict[str, Any] = {"row": row, "currency": asset.administration.currency}
        if months:
            span = max((months[-1].last_day - asset.in_use_from).days, 1)
            start = asset.cost - asset.opening_depreciation
            points = [(asset.in_use_from, start), *((one.last_day, one.book_value) for one in months)]
            drawn = [
                f"{max((day - asset.in_use_from).days, 0) / span * 100:.2f},{32 - left / asset.cost * 30:.2f}"
                for day, left in points
            ]
            passed = (today(asset.administration) - asset.in_use_from).days / span * 100
            context |= {"points": " ".join(drawn), "first": asset.in_use_from, "last": months[-1]}
            context |= {"today": f"{passed:.2f}" if 0 <= passed <= 100 else ""}
        return render_to_string("admin/ledger/schedule.html", context)

    # Pages of their own --------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("depreciate/", view(self.depreciate_page), name="ledger_depreciate"),
            path("<uuid:object_id>/dispose/", view(self.dispose_page), name="ledger_fixedasset_dispose"),
            path("of-depreciation/<uuid:pk>/", view(self.of_depreciation), name="ledger_fixedasset_of_depreciation"),
            path("of-disposal/<uuid:pk>/", view(self.of_disposal), name="ledger_fixedasset_of_disposal"),
            *super().get_urls(),
        ]

    def depreciate_page(self, request: HttpRequest) -> HttpResponse:
        """Post what is due, of every asset, up to a month."""
        administration = books_kept(request)
        month = depreciating.last_ended_month(administration)

        def post(asked: dict[str, Any]) -> str:
            until = asked["month"].replace(day=1)
            posted = depreciating.post_depreciation(administration, until, by=request.user)  # type: ignore[arg-type]
            words = ngettext("%(count)s month is posted.", "%(count)s months are posted.", len(posted))
            return words % {"count": len(posted)}

        sentence = _(
            "Every month of every asset of %(books)s that is not posted yet becomes an entry, dated its last day or "
            "the first day after it that admits posting. What is posted already is left alone."
        )
        return act_page(
            self,
            request,
            DepreciationForm(request, administration, initial={"month": month}),
            title=_("Post depreciation"),
            sentence=sentence % {"books": administration},
            button=_("Post depreciation"),
            back=reverse("admin:ledger_fixedasset_changelist"),
            work=post,
        )

    def dispose_page(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Take one asset off the books."""
        asset = self.find(request, str(object_id), Act.KEEP_ACCOUNTS)
        code = asset.administration.currency

        def take_off(asked: dict[str, Any]) -> str:
            facts: dict[str, Any] = {"by": request.user, "proceeds_account": asked["proceeds_account"]}
            facts["proceeds"] = asked["proceeds"] or ZERO
            disposal = depreciating.dispose(asset, date=asked["date"], **facts)
            return _("%(asset)s is off the books with %(entry)s.") % {"asset": asset, "entry": disposal.entry}

        sentence = _(
            "%(asset)s stands in the books at %(worth)s. It is written off up to the day, and what it brings more or "
            "less than is left then is a gain or a loss. Reversing the entry takes it back."
        )
        worth = register([asset])[0].book_value
        return act_page(
            self,
            request,
            DisposalForm(request, asset.administration, initial={"date": today(asset.administration)}),
            title=_("Dispose of %(asset)s") % {"asset": asset},
            sentence=sentence % {"asset": asset, "worth": display.money(worth, code)},
            button=_("Dispose"),
            back=reverse("admin:ledger_fixedasset_change", args=[asset.pk]),
            work=take_off,
        )

    def of_depreciation(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """From an entry to the asset that it is about."""
        return self._asset_of(request, Depreciation.objects.filter(pk=pk).first())

    def of_disposal(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        return self._asset_of(request, Disposal.objects.filter(pk=pk).first())

    def _asset_of(self, request: HttpRequest, row: Any) -> HttpResponse:
        if row is None:
            raise Http404
        asset = self.find(request, str(row.asset_id), Act.READ_LEDGER)
        return HttpResponseRedirect(reverse("admin:ledger_fixedasset_change", args=[asset.pk]))
