"""Leaks over HTTP: look at them, and dismiss one."""

from typing import Any

import django_filters
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.models import Leak
from apps.billing.reports.leaks import BY_NAME
from apps.billing.reports.leaks.figures import open_as_of
from apps.billing.services.days import local_date
from apps.billing.services.leaks import dismiss_leak
from apps.core.api import AmountField, CursorPages, RefusalSerializer
from apps.core.money import text
from apps.core.owned_api import OwnedFilter, OwnedViewSet, OwnerSerializer
from apps.core.permissions import Act


class LeakSerializer(serializers.ModelSerializer[Leak]):
    """A leak. Amounts are in the administration's currency; one without ``amount`` is unpriced."""

    title = serializers.SerializerMethodField()
    what_to_do = serializers.SerializerMethodField()
    currency = serializers.CharField(source="administration.currency")
    amount = AmountField(allow_null=True)
    recovered_amount = AmountField()
    age_days = serializers.SerializerMethodField(help_text="Since the day on which it became one; while it is open.")

    class Meta:
        model = Leak
        fields = (
            "id",
            "administration_id",
            "rule",
            "leak_class",
            "title",
            "what_to_do",
            "entity_type",
            "entity_id",
            "version",
            "day",
            "age_days",
            "amount",
            "currency",
            "facts",
            "visit_id",
            "bill_id",
            "state",
            "first_seen_at",
            "last_seen_at",
            "resolved_at",
            "resolved_by",
            "reason",
            "recovered_amount",
        )

    def get_title(self, leak: Leak) -> str:
        rule = BY_NAME.get((leak.rule, leak.entity_type))
        return str(rule.title) if rule else leak.rule

    def get_what_to_do(self, leak: Leak) -> str:
        rule = BY_NAME.get((leak.rule, leak.entity_type))
        return str(rule.what_to_do) if rule and leak.state == Leak.State.OPEN else ""

    def get_age_days(self, leak: Leak) -> int | None:
        return (local_date(leak.administration) - leak.day).days if leak.state == Leak.State.OPEN else None


class DismissalSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200)


class ClassOfLeaksSerializer(serializers.Serializer[Any]):
    """The open leaks of one class, today's and older ones."""

    leak_class = serializers.CharField()
    count = serializers.IntegerField()
    amount = serializers.CharField()
    older_count = serializers.IntegerField()
    older_amount = serializers.CharField()
    unpriced = serializers.IntegerField()
    oldest = serializers.DateField()
    age = serializers.IntegerField(help_text="Days since the oldest became one.")


class LeakFilter(OwnedFilter):
    rule = django_filters.CharFilter(field_name="rule", lookup_expr="iexact")
    leak_class = django_filters.CharFilter(method="of_choice")
    state = django_filters.CharFilter(method="of_choice")
    start_date = django_filters.DateFilter(field_name="day", lookup_expr="gte")
    end_date = django_filters.DateFilter(field_name="day", lookup_expr="lte")

    class Meta:
        model = Leak
        fields = ("client_id", "administration_id", "rule", "leak_class", "state", "start_date", "end_date")

    def of_choice(self, queryset: Any, name: str, value: str) -> Any:
        """Taken in any case; an unknown one is refused, not ignored."""
        words = (Leak.Class if name == "leak_class" else Leak.State).values
        if value.upper() not in words:
            raise serializers.ValidationError({name: [_("One of %s.") % ", ".join(words)]})
        return queryset.filter(**{name: value.upper()})


class LeakPages(CursorPages):
    ordering = ("-day", "-id")


@extend_schema(tags=["leaks"])
@extend_schema_view(
    list=extend_schema(summary="Leaks, newest first"),
    retrieve=extend_schema(summary="One leak"),
)
class LeakViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    queryset = Leak.objects.select_related("administration")
    serializer_class = LeakSerializer
    filterset_class = LeakFilter
    ordering_fields = ("day", "rule", "leak_class", "first_seen_at")
    pagination_class = LeakPages
    acts = {"*": Act.READ_CLINIC, "dismiss": Act.APPROVE}

    @extend_schema(
        summary="Say that a leak is none, or is accepted",
        request=DismissalSerializer,
        responses={200: LeakSerializer, 409: OpenApiResponse(RefusalSerializer, description="LEAK_NOT_OPEN")},
    )
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, pk: str) -> Response:
        leak = self.get_object()
        form = DismissalSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        leak = dismiss_leak(leak, reason=form.validated_data["reason"], by=request.user)  # type: ignore[arg-type]
        return Response(LeakSerializer(leak).data)

    @extend_schema(
        summary="What is open, by class", parameters=[OwnerSerializer], responses=ClassOfLeaksSerializer(many=True)
    )
    @action(detail=False, pagination_class=None, filterset_class=None)
    def summary(self, request: Request) -> Response:
        administration = self.query(OwnerSerializer)["administration"]
        code = administration.currency
        rows = [
            {
                "leak_class": one.leak_class,
                "count": one.count,
                "amount": text(one.amount, code),
                "older_count": one.older_count,
                "older_amount": text(one.older_amount, code),
                "unpriced": one.unpriced,
                "oldest": one.oldest,
                "age": one.age,
            }
            for one in open_as_of(administration, local_date(administration))
        ]
        return Response(ClassOfLeaksSerializer(rows, many=True).data)
