"""What addresses of owned rows have in common: which administration is meant, and rows that a body names by id."""

from collections.abc import Iterable
from typing import Any, TypeVar
from uuid import UUID

import django_filters
from django.db import models
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.api import AmountField, ScopedViewSet
from apps.core.models import Administration
from apps.core.money import quantize

Row = TypeVar("Row", bound=models.Model)


class OwnerSerializer(serializers.Serializer[Any]):
    """The administration that a request is about, by either of its names."""

    client_id = serializers.UUIDField(required=False)
    administration_id = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        client, administration = attrs.pop("client_id", None), attrs.pop("administration_id", None)
        if client and administration and client != administration:
            raise serializers.ValidationError({"client_id": [_("Is another one than administration_id.")]})
        return {**attrs, "administration": client or administration}


class OwnedFilter(django_filters.FilterSet):
    client_id = django_filters.UUIDFilter(field_name="administration")
    administration_id = django_filters.UUIDFilter(field_name="administration")


class OwnedViewSet(ScopedViewSet):
    """Rows of an administration, and forms that say which."""

    def form(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The body, with the ``administration`` that it means when the form asks for one."""
        return self._taken(serializer(data=self.request.data))

    def query(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The same of the query parameters."""
        return self._taken(serializer(data=self.request.query_params))

    def _taken(self, form: serializers.Serializer[Any]) -> dict[str, Any]:
        form.is_valid(raise_exception=True)
        taken: dict[str, Any] = form.validated_data
        if "administration" in taken:
            taken["administration"] = self.administration(taken["administration"])
        return taken


def named_rows(
    model: type[Row], ids: Iterable[UUID | None], administration: Administration, field: str
) -> dict[UUID | None, Row | None]:
    """The rows that a body names under ``field``, in one query; None stays None.

    A row of other books and one that is not there are refused alike, as a body that cannot be taken.
    """
    asked = {pk for pk in ids if pk}
    found: dict[UUID | None, Row | None] = {
        row.pk: row for row in model._default_manager.filter(administration=administration, pk__in=asked)
    }
    if missing := asked - set(found):
        words = _("There is no such row here: %s.") % ", ".join(sorted(map(str, missing)))
        raise serializers.ValidationError({field: [words]})
    return {**found, None: None}


def named_row(model: type[Row], pk: UUID, administration: Administration, field: str) -> Row:
    """One of them."""
    row = named_rows(model, [pk], administration, field)[pk]
    assert row is not None  # noqa: S101 - for the type checker; a missing one was refused
    return row


def amount_input(**options: Any) -> serializers.DecimalField:
    """An amount in a body; how many digits its currency has is for the service to say."""
    return serializers.DecimalField(max_digits=19, decimal_places=4, **options)


@extend_schema_field({"type": "string", "format": "decimal", "example": "65.00"})
class CurrencyAmountField(AmountField):
    """An amount in the row's own currency; without one, in that of its administration."""

    def get_attribute(self, instance: Any) -> Any:
        amount = serializers.DecimalField.get_attribute(self, instance)
        return None if amount is None else quantize(amount, instance.currency or instance.administration.currency)
