"""Lists of money: what they add up to, and what nobody may see before the count."""

from typing import Any

from django.db.models import Sum
from django.http import HttpRequest

from apps.billing.admin.base import PatientNames, parsed_day
from apps.billing.models import ClinicDay
from apps.billing.reports.drawers import cash_hidden
from apps.core import display
from apps.core.money import ZERO
from apps.core.permissions import Act, may, roles_of


class MoneyAdmin(PatientNames):
    """A list of amounts. Filtered to a day or to what is open, its sum stands above it: the figure that led here.

    A sum that would tell what is in a drawer is not shown to those who count it, until they have.
    """

    summed = ""
    list_before_template = "admin/billing/list_sum.html"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        answer = super().changelist_view(request, extra_context)
        changelist = getattr(answer, "context_data", {}).get("cl")
        if changelist is not None and (parsed_day(request.GET.get("day")) or "owed" in request.GET):
            currencies = list(
                changelist.queryset.order_by().values_list("administration__currency", flat=True).distinct()[:2]
            )
            if self.is_blind(request, changelist.queryset):
                answer.context_data["blind"] = True
            elif len(currencies) == 1:
                sums = changelist.queryset.order_by().aggregate(sum=Sum(self.summed_by(request), default=ZERO))
                answer.context_data["sum"] = display.money(sums["sum"], currencies[0])
        return answer

    def summed_by(self, request: HttpRequest) -> str:
        return self.summed

    def telling(self, request: HttpRequest, rows: Any) -> Any:
        """Of ``rows`` those whose sum tells what is in a drawer."""
        return rows

    def is_blind(self, request: HttpRequest, rows: Any) -> bool:
        """Whether the sum of ``rows`` waits for the count of a drawer that the person may count."""
        user: Any = request.user
        counts = [pk for pk in roles_of(user) if may(user, Act.COUNT_DRAWER, pk)]
        telling = self.telling(request, rows.filter(administration__in=counts)).order_by()
        days = ClinicDay.objects.filter(pk__in=telling.values("clinic_day"), is_finalized=False)
        return any(cash_hidden(day) for day in days)
