"""Foreign keys of tables that grow by the million."""

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import Administration, User


def named(to: type[models.Model], **options: Any) -> Any:
    """A row of the same administration: ``same_administration`` keeps the key, so no second one is checked."""
    return models.ForeignKey(
        to, **{"on_delete": models.PROTECT, "db_constraint": False, "related_name": "+", **options}
    )


def administration_of_many() -> Any:
    """The administration of a row; the indexes that begin with it find it."""
    return models.ForeignKey(
        Administration,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        verbose_name=_("administration"),
    )


def person(**options: Any) -> Any:
    """Whoever did something to the row; nobody looks rows up by them."""
    return models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False, **options
    )
