"""Drawers over HTTP: shifts, cash that is no payment, blind counts, terminals' totals.

What should be in a drawer stands nowhere here before its count is final.
"""

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import OuterRef, Prefetch, Subquery
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.api.drawer_shapes import (
    CashMovementFormSerializer,
    CashMovementSerializer,
    CountFormSerializer,
    CountSerializer,
    DrawerChangeSerializer,
    DrawerFormSerializer,
    DrawerSerializer,
    HandedOverSerializer,
    HandOverSerializer,
    NoteFormSerializer,
    ShiftFormSerializer,
    ShiftSerializer,
    TerminalBatchFormSerializer,
    TerminalBatchSerializer,
)
from apps.billing.models import (
    CashMovement,
    ClinicDay,
    CountNote,
    Drawer,
    DrawerCount,
    Shift,
    TerminalBatch,
)
from apps.billing.services import drawers
from apps.core.api import CursorPages, RefusalSerializer
from apps.core.models import Administration, Membership, User
from apps.core.owned_api import OwnedFilter, OwnedViewSet, named_row
from apps.core.permissions import Act
from apps.ledger.models import Account

# Filters -------------------------------------------------------------------------------------------------------------


class DrawerFilter(OwnedFilter):
    class Meta:
        model = Drawer
        fields = ("code", "is_active")


class DayFilter(OwnedFilter):
    day = django_filters.DateFilter(field_name="clinic_day__date")
    start_date = django_filters.DateFilter(field_name="clinic_day__date", lookup_expr="gte")
    end_date = django_filters.DateFilter(field_name="clinic_day__date", lookup_expr="lte")


class ShiftFilter(DayFilter):
    drawer_id = django_filters.UUIDFilter(field_name="drawer")
    cashier_id = django_filters.UUIDFilter(field_name="cashier")
    is_open = django_filters.BooleanFilter(field_name="closed_at", lookup_expr="isnull")

    class Meta:
        model = Shift
        fields = ()


class CashMovementFilter(DayFilter):
    shift_id = django_filters.UUIDFilter(field_name="shift")
    drawer_id = django_filters.UUIDFilter(field_name="shift__drawer")

    class Meta:
        model = CashMovement
        fields = ("kind",)


class CountFilter(DayFilter):
    shift_id = django_filters.UUIDFilter(field_name="shift")
    drawer_id = django_filters.UUIDFilter(field_name="shift__drawer")

    class Meta:
        model = DrawerCount
        fields = ("is_final",)


class TerminalBatchFilter(DayFilter):
    class Meta:
        model = TerminalBatch
        fields = ("terminal", "batch")


# Viewsets ------------------------------------------------------------------------------------------------------------


def _newest(column: str) -> Subquery:
    """``column`` of a shift's newest count; what was expected stands in it only once it is final."""
    counts = DrawerCount.objects.filter(shift=OuterRef("pk")).order_by("-revision", "-attempt")
    return Subquery(counts.values(column)[:1])


def _attempts() -> Subquery:
    counts = DrawerCount.objects.filter(shift=OuterRef("shift"), revision=OuterRef("revision"))
    return Subquery(counts.order_by("-attempt").values("attempt")[:1])


SHIFTS = Shift.objects.select_related("administration", "clinic_day").annotate(
    newest_is_final=_newest("is_final"),
    newest_total=_newest("total"),
    expected=_newest("expected"),
    difference=_newest("difference"),
)
COUNTS = (
    DrawerCount.objects.select_related("administration", "clinic_day")
    .prefetch_related(Prefetch("notes", CountNote.objects.order_by("id")))
    .annotate(newest_attempt=_attempts())
)


def refusals(*codes: str) -> dict[int, Any]:
    return {409: OpenApiResponse(RefusalSerializer, description=", ".join(codes))}


def person(pk: UUID, administration: Administration, field: str) -> User:
    """Somebody of ``administration``; who is not there and who is of another one are refused alike."""
    found = Membership.objects.filter(administration=administration, user=pk).select_related("user").first()
    if found is None:
        raise serializers.ValidationError({field: [_("There is no such row here: %s.") % pk]})
    return found.user


class _ListedViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, OwnedViewSet):
    """No update, no destroy: what was moved or counted is corrected by a new row."""

    pagination_class = CursorPages

    def of_shift(self, form: dict[str, Any]) -> Shift:
        """The shift that a body names, of a clinic where the caller may do this. Raises ValidationError, as for any
        row that a body names: a foreign one and a missing one alike."""
        user: Any = self.request.user
        visible = Shift.objects.visible_to(user).select_related("administration", "clinic_day__administration")
        shift = visible.select_related("drawer__administration").filter(pk=form["shift_id"]).first()
        if shift is None:
            raise serializers.ValidationError({"shift_id": [_("There is no such row here: %s.") % form["shift_id"]]})
        return shift

    def answer(self, row: Any, code: int = status.HTTP_201_CREATED) -> Response:
        whole = self.get_queryset().get(pk=row.pk)
        return Response(self.get_serializer(whole).data, status=code)


@extend_schema(tags=["cash"])
@extend_schema_view(
    list=extend_schema(summary="Drawers, by code"),
    retrieve=extend_schema(summary="One drawer"),
)
class DrawerViewSet(_ListedViewSet):
    queryset = Drawer.objects.select_related("administration")
    serializer_class = DrawerSerializer
    filterset_class = DrawerFilter
    ordering_fields = ("code", "name")
    http_method_names = ("get", "post", "patch", "head", "options")
    acts = {"*": Act.READ_CLINIC, "create": Act.SET_PRICES, "partial_update": Act.SET_PRICES}

    class Pages(CursorPages):
        ordering = ("code", "id")

    pagination_class = Pages

    @extend_schema(
        summary="Set up a drawer",
        request=DrawerFormSerializer,
        responses={201: DrawerSerializer, **refusals("CODE_TAKEN")},
    )
    def create(self, request: Request) -> Response:
        form = self.form(DrawerFormSerializer)
        return self.answer(drawers.add_drawer(form.pop("administration"), **form, by=request.user))  # type: ignore[arg-type]

    @extend_schema(
        summary="Rename a drawer, say what stays in it, take it out of use",
        request=DrawerChangeSerializer,
        responses={200: DrawerSerializer, **refusals("DRAWER_HELD")},
    )
    def partial_update(self, request: Request, pk: str) -> Response:
        form = self.form(DrawerChangeSerializer)
        return self.answer(drawers.change_drawer(self.get_object(), **form, by=request.user), status.HTTP_200_OK)  # type: ignore[arg-type]


@extend_schema(tags=["cash"])
@extend_schema_view(
    list=extend_schema(summary="Shifts, newest first"),
    retrieve=extend_schema(summary="One shift; what was expected only after its final count"),
)
class ShiftViewSet(_ListedViewSet):
    queryset = SHIFTS
    serializer_class = ShiftSerializer
    filterset_class = ShiftFilter
    ordering_fields = ("opened_at",)
    http_method_names = ("get", "post", "head", "options")
    acts = {"*": Act.READ_CLINIC, "create": Act.COUNT_DRAWER, "hand_over": Act.COUNT_DRAWER}

    class Pages(CursorPages):
        ordering = ("-opened_at", "-id")

    pagination_class = Pages

    @extend_schema(
        summary="Open a shift at a drawer",
        request=ShiftFormSerializer,
        responses={201: ShiftSerializer, **refusals("DRAWER_HAS_SHIFT", "DRAWER_NOT_IN_USE")},
    )
    def create(self, request: Request) -> Response:
        form = self.form(ShiftFormSerializer)
        administration, cashier = form["administration"], form["cashier_id"]
        shift = drawers.open_shift(
            named_row(Drawer, form["drawer_id"], administration, "drawer_id"),
            opening_float=form["opening_float"],
            cashier=cashier and person(cashier, administration, "cashier_id"),
            by=request.user,  # type: ignore[arg-type]
        )
        return self.answer(shift)

    @extend_schema(
        summary="Count the drawer and hand it over",
        request=HandOverSerializer,
        responses={201: HandedOverSerializer, **refusals("COUNT_KEPT", "DAY_FINALIZED")},
    )
    @action(detail=True, methods=["post"], url_path="hand-over")
    def hand_over(self, request: Request, pk: str) -> Response:
        shift = self.get_object()
        form = self.form(HandOverSerializer)
        count, following = drawers.hand_over(
            shift,
            to=person(form["to"], shift.administration, "to"),
            total=form["total"],
            denominations=form["denominations"],
            by=request.user,  # type: ignore[arg-type]
        )
        answer = {"count": COUNTS.get(pk=count.pk), "shift": following and SHIFTS.get(pk=following.pk)}
        return Response(HandedOverSerializer(answer).data, status=status.HTTP_201_CREATED)


@extend_schema(tags=["cash"])
@extend_schema_view(
    list=extend_schema(summary="Pay-ins, pay-outs and deposits, newest first"),
    retrieve=extend_schema(summary="One of them"),
)
class CashMovementViewSet(_ListedViewSet):
    queryset = CashMovement.objects.select_related("administration", "clinic_day")
    serializer_class = CashMovementSerializer
    filterset_class = CashMovementFilter
    ordering_fields = ("at", "number")
    http_method_names = ("get", "post", "head", "options")
    acts = {"*": Act.READ_CLINIC, "create": Act.COUNT_DRAWER}

    @extend_schema(
        summary="Put cash in, pay out of the drawer, or take it to the bank",
        request=CashMovementFormSerializer,
        responses={201: CashMovementSerializer, **refusals("SHIFT_CLOSED", "DAY_FINALIZED")},
    )
    def create(self, request: Request) -> Response:
        form = self.form(CashMovementFormSerializer)
        shift, account = self.of_shift(form), form["account_id"]
        movement = drawers.move_cash(
            shift,
            account=account and named_row(Account, account, shift.administration, "account_id"),
            **{name: form[name] for name in ("kind", "amount", "reason", "reference")},
            by=request.user,  # type: ignore[arg-type]
        )
        return self.answer(movement)


@extend_schema(tags=["cash"])
@extend_schema_view(
    list=extend_schema(summary="Counts, newest first"),
    retrieve=extend_schema(summary="One count"),
)
class CountViewSet(_ListedViewSet):
    queryset = COUNTS
    serializer_class = CountSerializer
    filterset_class = CountFilter
    ordering_fields = ("counted_at",)
    http_method_names = ("get", "post", "head", "options")
    acts = {"*": Act.READ_CLINIC, "create": Act.COUNT_DRAWER, "notes": Act.COUNT_DRAWER}

    @extend_schema(
        summary="Count a drawer, blind",
        description="One that is off by more than the clinic's threshold is kept and a second one is asked for; the "
        "answer says no more than that. Once a count is final it says what was expected.",
        request=CountFormSerializer,
        responses={201: CountSerializer, **refusals("COUNT_KEPT", "DAY_FINALIZED")},
    )
    def create(self, request: Request) -> Response:
        form = self.form(CountFormSerializer)
        named = {name: form[name] for name in ("total", "denominations")}
        return self.answer(drawers.count_drawer(self.of_shift(form), **named, by=request.user))  # type: ignore[arg-type]

    @extend_schema(summary="Add a note to a count", request=NoteFormSerializer, responses={201: CountSerializer})
    @action(detail=True, methods=["post"])
    def notes(self, request: Request, pk: str) -> Response:
        count = self.get_object()
        drawers.note_count(count, text=self.form(NoteFormSerializer)["text"], by=request.user)  # type: ignore[arg-type]
        return self.answer(count)


@extend_schema(tags=["cash"])
@extend_schema_view(
    list=extend_schema(summary="What card terminals printed, newest first"),
    retrieve=extend_schema(summary="One of a terminal's totals"),
)
class TerminalBatchViewSet(_ListedViewSet):
    queryset = TerminalBatch.objects.select_related("administration", "clinic_day")
    serializer_class = TerminalBatchSerializer
    filterset_class = TerminalBatchFilter
    ordering_fields = ("at",)
    http_method_names = ("get", "post", "head", "options")
    acts = {"*": Act.READ_CLINIC, "create": Act.COUNT_DRAWER}

    @extend_schema(
        summary="Enter a terminal's total of a day",
        description="The newest total of a terminal and batch is the one that counts.",
        request=TerminalBatchFormSerializer,
        responses={201: TerminalBatchSerializer, **refusals("DAY_FINALIZED")},
    )
    def create(self, request: Request) -> Response:
        form = self.form(TerminalBatchFormSerializer)
        day = ClinicDay(administration=form.pop("administration"), date=form.pop("day"))
        return self.answer(drawers.enter_terminal_total(day, **form, by=request.user))  # type: ignore[arg-type]
