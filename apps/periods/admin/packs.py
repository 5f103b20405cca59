"""Evidence packs: the list, and the page on which one is asked for."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from apps.core.permissions import Act, may_somewhere, roles_with
from apps.ledger.models import Period
from apps.periods.admin.files import AskForm, FileAdmin
from apps.periods.models import EvidencePack
from apps.periods.services.packing import ask_for_pack


class PackForm(AskForm):
    """Of which period, and what it is to prove."""

    period = forms.ModelChoiceField(Period.objects.none(), label=_("Period"), widget=UnfoldAdminSelectWidget())
    pack_type = forms.ChoiceField(choices=EvidencePack.Type.choices, label=_("Type"), widget=UnfoldAdminSelectWidget())


@admin.register(EvidencePack)
class EvidencePackAdmin(FileAdmin):
    asked_at, view_name = "make", "evidencepack"
    when_empty = _("A pack is made on the page “Make an evidence pack”.")
    list_display = ("file_name", "pack_type", "period", "made", "created_by", "size", "download_count", "file",
                    "administration")  # fmt: skip
    list_filter = ("administration", "pack_type")
    list_select_related = ("administration", "created_by", "period")
    fields = ("administration", "pack_type", "period", "made", "created_by", "seal_head", "seal_count", "size",
              "sha256", "download_count", "file")  # fmt: skip

    def ask(self, request: HttpRequest) -> HttpResponse:
        user: Any = request.user
        if not may_somewhere(user, Act.CLOSE_PERIODS):
            raise PermissionDenied
        form = PackForm(request.POST or None, initial={"period": request.GET.get("period")})
        periods: Any = form.fields["period"]
        periods.queryset = Period.objects.visible_to(user, roles=roles_with(Act.CLOSE_PERIODS)).select_related(
            "administration"
        )
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            period = given["period"]
            answer = self.asked(
                request, form, period.administration.currency, lambda: ask_for_pack(period, given["pack_type"], by=user)
            )
            if answer:
                return answer
        return self.shown(
            request,
            title=_("Make an evidence pack"),
            form=form,
            button=_("Make the pack"),
            explanation=_("What proves a period to somebody outside: one file that proves itself."),
        )
