"""VAT over HTTP (contract area vat): the return, the ICP listing, anomalies, filing and correcting, registrations."""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import django_filters
from django.core.exceptions import ValidationError
from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from apps.core.api import AnswersFiles, CursorPages, ScopedViewSet, renderer
from apps.core.models import Administration
from apps.core.owned_api import OwnedFilter
from apps.core.permissions import Act
from apps.core.tables.download import TYPES, download
from apps.ledger.models import Period, VatCode
from apps.periods.api import vat_shapes as shapes
from apps.periods.errors import VatNotFiled, VatPeriodOpen
from apps.periods.models import VatFiling, VatRegistration
from apps.periods.reports.icp import icp_listing
from apps.periods.reports.pro_rata import pro_rata
from apps.periods.reports.vat_anomalies import anomalies_of, vat_anomalies
from apps.periods.reports.vat_filed import correction_of, deadlines, filings_of, open_periods, state_of
from apps.periods.reports.vat_return import vat_return
from apps.periods.reports.vat_spans import span_of
from apps.periods.reports.vat_tables import icp_table, vat_return_table
from apps.periods.services.filing import file_correction, file_return
from apps.periods.services.pro_rata import correct_pro_rata
from apps.periods.services.registering import register_vat

PERIOD = r"periods/(?P<period_id>[^/.]+)/"
FILES = {(200, kind): OpenApiTypes.BINARY for kind in TYPES.values()}
IN_PATH = OpenApiParameter("period_id", OpenApiTypes.UUID, OpenApiParameter.PATH)


@extend_schema(tags=["vat"])
class ClientVatViewSet(AnswersFiles, ScopedViewSet):
    """The VAT of one administration: ``client_id`` is its id. A return is about the months of the calendar that a
    period stands for, whatever the fiscal year is."""

    queryset = Administration.objects.all()
    lookup_url_kwarg = "client_id"
    acts = {
        "*": Act.READ_LEDGER,
        "vat_validate": Act.CLOSE_PERIODS,
        "vat_file": Act.CLOSE_PERIODS,
        "vat_correct": Act.CLOSE_PERIODS,
        "vat_register": Act.CLOSE_PERIODS,
        "vat_pro_rata": Act.CLOSE_PERIODS,
    }
    pagination_class = None
    filter_backends: Any = ()
    renderer_classes = (JSONRenderer,)
    files = (JSONRenderer, *(renderer(ending) for ending in TYPES))

    # Reading --------------------------------------------------------------------------------------------------------

    @extend_schema(
        summary="The VAT return of a period",
        parameters=[shapes.ReturnQuerySerializer, IN_PATH],
        responses={(200, "application/json"): shapes.VatReturnSerializer, **FILES},
    )
    @action(detail=True, url_path=PERIOD + "reports/vat", renderer_classes=files, limit="vat_return")
    def vat_return(self, request: Request, client_id: str, period_id: str) -> HttpResponseBase:
        period, asked = self._period(client_id, period_id), self._asked(shapes.ReturnQuerySerializer)
        self._refuse_draft(period, allowed=asked["allow_draft"])
        report = vat_return(period, asked.get("known_at"))
        if self._ending() != "json":
            return self._file(period.administration, vat_return_table(report))
        return self._told(
            shapes.VatReturnSerializer,
            period,
            report=report,
            anomalies=anomalies_of(report.span, report.known_at),
            icp=icp_listing(period, report.known_at),
            state=state_of(report.span).value,
            generated_at=timezone.now(),
        )

    @extend_schema(
        summary="The ICP listing of a period",
        parameters=[shapes.ReturnQuerySerializer, IN_PATH],
        responses={(200, "application/json"): shapes.IcpSerializer, **FILES},
    )
    @action(detail=True, url_path=PERIOD + "reports/vat/icp", renderer_classes=files)
    def icp(self, request: Request, client_id: str, period_id: str) -> HttpResponseBase:
        period, asked = self._period(client_id, period_id), self._asked(shapes.ReturnQuerySerializer)
        report = icp_listing(period, asked.get("known_at"))
        if self._ending() != "json":
            return self._file(period.administration, icp_table(report))
        return self._told(shapes.IcpSerializer, period, report=report)

    @extend_schema(
        summary="What changed since the return of a period was filed",
        parameters=[IN_PATH],
        responses=shapes.VatCorrectionSerializer,
    )
    @action(detail=True, url_path=PERIOD + "vat/correction")
    def vat_correction(self, request: Request, client_id: str, period_id: str) -> Response:
        period = self._period(client_id, period_id)
        span = span_of(period)
        filings = filings_of(span)
        if not filings:
            raise VatNotFiled(span=span.name)
        found = correction_of(span, filings)
        told = {"correction": found} if found else {}
        return self._told(
            shapes.VatCorrectionSerializer, period, filed=filings[0], has_changes=found is not None, **told
        )

    @extend_schema(summary="Returns that must be filed, and until when", responses=shapes.VatDeadlinesSerializer)
    @action(detail=True, url_path="vat/deadlines")
    def vat_deadlines(self, request: Request, client_id: str) -> Response:
        administration = self.administration(client_id)
        found = deadlines(administration, _today(administration))
        told = {"client_id": administration.pk, "deadlines": found, "total_count": len(found)}
        return Response(shapes.VatDeadlinesSerializer(told).data)

    # Writing --------------------------------------------------------------------------------------------------------

    @extend_schema(
        summary="Look for what is wrong in the VAT of a period",
        parameters=[IN_PATH],
        request=None,
        responses=shapes.VatValidationSerializer,
    )
    @action(detail=True, methods=["post"], url_path=PERIOD + "vat/validate")
    def vat_validate(self, request: Request, client_id: str, period_id: str) -> Response:
        period = self._period(client_id, period_id)
        report = vat_anomalies(period)
        return self._told(shapes.VatValidationSerializer, period, report=report, message=_said(report))

    @extend_schema(
        summary="File the VAT return of a period",
        parameters=[IN_PATH],
        request=shapes.VatFileReturnSerializer,
        responses={201: shapes.VatFilingSerializer},
    )
    @action(detail=True, methods=["post"], url_path=PERIOD + "vat/file")
    def vat_file(self, request: Request, client_id: str, period_id: str) -> Response:
        period = self._period(client_id, period_id)
        form = self._body(shapes.VatFileReturnSerializer)
        carry = form.pop("carry_corrections")
        filing = file_return(span_of(period), by=request.user, carry=carry, **form)  # type: ignore[arg-type]
        return Response(shapes.VatFilingSerializer(filing).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="File the VAT return of a period anew, since the books changed",
        parameters=[IN_PATH],
        request=shapes.VatFileSerializer,
        responses={201: shapes.VatFilingSerializer},
    )
    @action(detail=True, methods=["post"], url_path=PERIOD + "vat/correct")
    def vat_correct(self, request: Request, client_id: str, period_id: str) -> Response:
        period = self._period(client_id, period_id)
        form = self._body(shapes.VatFileSerializer)
        filing = file_correction(span_of(period), by=request.user, **form)  # type: ignore[arg-type]
        return Response(shapes.VatFilingSerializer(filing).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="How the administration stands towards the tax administration, newest first",
        responses=shapes.VatRegistrationsSerializer,
    )
    @action(detail=True, url_path="vat/registrations")
    def vat_registrations(self, request: Request, client_id: str) -> Response:
        administration = self.administration(client_id)
        rows = list(VatRegistration.objects.filter(administration=administration))
        told = {"client_id": administration.pk, "registrations": rows, "total_count": len(rows)}
        return Response(shapes.VatRegistrationsSerializer(told).data)

    @extend_schema(
        summary="Say how it stands from a day on",
        request=shapes.VatRegistrationSerializer,
        responses={201: shapes.VatRegistrationSerializer},
    )
    @vat_registrations.mapping.post
    def vat_register(self, request: Request, client_id: str) -> Response:
        administration = self.administration(client_id)
        facts = self._body(shapes.VatRegistrationSerializer)
        registration = register_vat(administration, by=request.user, **facts)  # type: ignore[arg-type]
        return Response(shapes.VatRegistrationSerializer(registration).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        summary="What was deducted of mixed costs, and what the year says", responses=shapes.ProRataSerializer
    )
    @action(detail=True, url_path=r"vat/pro-rata/(?P<year>20\d\d)")
    def pro_rata(self, request: Request, client_id: str, year: str) -> Response:
        administration = self.administration(client_id)
        found = pro_rata(administration, int(year))
        return Response(shapes.ProRataSerializer(found, context={"currency": administration.currency}).data)

    @extend_schema(
        summary="Post the annual correction of what was deducted of mixed costs",
        request=None,
        responses={201: shapes.ProRataPostedSerializer},
    )
    @pro_rata.mapping.post
    def vat_pro_rata(self, request: Request, client_id: str, year: str) -> Response:
        entry = correct_pro_rata(self.administration(client_id), int(year), by=request.user)  # type: ignore[arg-type]
        return Response(shapes.ProRataPostedSerializer(entry).data, status=status.HTTP_201_CREATED)

    # What they share ------------------------------------------------------------------------------------------------

    def _period(self, client_id: str, period_id: str) -> Period:
        """Raises Http404 for a period of other books."""
        administration = self.administration(client_id)
        try:
            period = Period.objects.get(administration=administration, pk=period_id)
        except (Period.DoesNotExist, ValidationError):
            raise Http404 from None
        period.administration = administration
        return period

    def _asked(self, query: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        form = query(data=self.request.query_params)
        form.is_valid(raise_exception=True)
        return form.validated_data

    def _body(self, shape: type[serializers.BaseSerializer[Any]]) -> dict[str, Any]:
        form = shape(data=self.request.data)
        form.is_valid(raise_exception=True)
        return dict(form.validated_data)

    def _refuse_draft(self, period: Period, *, allowed: bool) -> None:
        if period.status == Period.Status.OPEN and not allowed and open_periods(span_of(period)):
            raise VatPeriodOpen(period=str(period))

    def _ending(self) -> str:
        return str(self.request.accepted_renderer.format)

    def _told(self, shape: type[serializers.Serializer[Any]], period: Period, **told: Any) -> Response:
        code = period.administration.currency
        return Response(shape({"period": period, "currency": code, **told}, context={"currency": code}).data)

    def _file(self, administration: Administration, table: Any) -> HttpResponseBase:
        user: Any = self.request.user
        return download(table, self._ending(), administration=administration, by=user)


class FilingFilter(OwnedFilter):
    since = django_filters.DateFilter(field_name="last_day", lookup_expr="gte", help_text="Of returns that end then.")
    until = django_filters.DateFilter(field_name="last_day", lookup_expr="lte")

    class Meta:
        model = VatFiling
        fields = ("kind",)


class FilingPages(CursorPages):
    ordering = ("-last_day", "-id")


@extend_schema(tags=["vat"])
class VatFilingViewSet(ListModelMixin, ScopedViewSet):
    """Filed returns and their revisions, the newest first."""

    queryset = VatFiling.objects.select_related("administration").prefetch_related("boxes")
    serializer_class = shapes.VatFilingSerializer
    filterset_class = FilingFilter
    ordering_fields = ("last_day", "filed_at")
    pagination_class = FilingPages
    acts = {"*": Act.READ_LEDGER}

    @extend_schema(summary="Filed VAT returns")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)


@extend_schema(tags=["vat"])
class ListedVatCodesViewSet(ScopedViewSet):
    """The VAT codes of an administration; of all of the caller's where none is named."""

    queryset = VatCode.objects.all()
    acts = {"*": Act.READ_LEDGER}
    pagination_class = None
    filter_backends: Any = ()

    @extend_schema(
        summary="VAT codes with their boxes",
        parameters=[shapes.VatCodesQuerySerializer],
        responses=shapes.ListedVatCodesSerializer,
    )
    def list(self, request: Request) -> Response:
        form = shapes.VatCodesQuerySerializer(data=request.query_params)
        form.is_valid(raise_exception=True)
        named = form.validated_data.get("administration_id") or form.validated_data.get("client_id")
        codes: Any = self.get_queryset()
        today = timezone.localdate()
        if named:
            administration = self.administration(named)
            codes, today = codes.filter(administration=administration), _today(administration)
        if form.validated_data["active_only"]:
            codes = codes.valid_on(today)
        rows = list(codes.order_by("administration", "code"))
        told = {"vat_codes": rows, "total_count": len(rows)}
        return Response(shapes.ListedVatCodesSerializer(told, context={"today": today}).data)


def _today(administration: Administration) -> date:
    return timezone.localdate(timezone=ZoneInfo(administration.time_zone))


def _said(report: Any) -> str:
    if report.red:
        words = ngettext("VAT data has %(n)s error.", "VAT data has %(n)s errors.", len(report.red))
        return words % {"n": len(report.red)} + " " + _("Mend them before the return is filed.")
    if report.yellow:
        words = ngettext(
            "VAT data has %(n)s warning(s) that can be acknowledged.",
            "VAT data has %(n)s warning(s) that can be acknowledged.",
            len(report.yellow),
        )
        return words % {"n": len(report.yellow)}
    return _("No VAT anomalies detected")


router = SimpleRouter()
router.register("clients", ClientVatViewSet, basename="client-vat")
router.register("vat-filings", VatFilingViewSet, basename="vat-filing")
router.register("vat-codes", ListedVatCodesViewSet, basename="listed-vat-code")
