"""The one base of every model page in the admin: a person finds what their memberships give, and nothing else.

Django's own permissions are not asked. ``view_act``, ``add_act``, ``change_act`` and ``delete_act`` name what a
role must allow; None means never. A superuser is an operator: they find only what ``operators_may`` says.
"""

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin import ListFilter, RelatedFieldListFilter, ShowFacets, action, site
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import URLPattern
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, StackedInline, TabularInline
from unfold.forms import PaginationInlineFormSet

from apps.core.errors import DomainError, refusal_for, tell
from apps.core.events import record
from apps.core.exporting import export
from apps.core.models import Administration, User
from apps.core.permissions import Act, may, may_somewhere, roles_of, roles_with


def offered(model: type[models.Model], user: Any, roles: Any = None) -> models.QuerySet[Any]:
    """The rows of ``model`` that a person may choose from: those of their administrations, and people they share
    one with. A table that belongs to nobody is offered whole."""
    rows = model._default_manager.all()
    if hasattr(rows, "visible_to"):
        return rows.visible_to(user, roles=roles)
    if model is User and not user.is_superuser:
        return rows.filter(memberships__administration__in=list(roles_of(user))).distinct()
    return rows


class ScopedChoices(RelatedFieldListFilter):
    """A filter that names only rows the person may see."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> Any:
        ordering = self.field_admin_ordering(field, request, model_admin)
        rows = offered(field.related_model, request.user)
        return field.get_choices(include_blank=False, ordering=ordering, limit_choices_to={"pk__in": rows.values("pk")})


# What a filter, or the way down from year to day, writes behind the name of its field.
ASKED = re.compile(r"(__(exact|id__exact|isnull|isempty|gte|lt|year|month|day)|_from|_to)?")


class ByActs:
    """Permissions of a page or of an inline by the acts of the person's role."""

    view_act: Act | None = None
    add_act: Act | None = None
    change_act: Act | None = None
    delete_act: Act | None = None
    operators_may: frozenset[str] = frozenset()  # of "view", "add", "change", "delete"

    def administration_of(self, obj: Any) -> UUID | None:
        """The administration whose membership counts for ``obj``; for an inline ``obj`` is the page's own row."""
        return obj.administration_id

    def allows(self, verb: str, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        if user.is_active and user.is_superuser and verb in self.operators_may:
            return True
        act = getattr(self, f"{verb}_act")
        if act is None:
            return False
        administration = None if obj is None else self.administration_of(obj)
        return may_somewhere(user, act) if administration is None else may(user, act, administration)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows("view", request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows("add", request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows("change", request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows("delete", request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.allows("view", request)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offers only rows of the person's administrations, and only administrations where they may write this."""
        if "queryset" not in kwargs:
            act = self.add_act or self.change_act
            roles = roles_with(act) if act and db_field.related_model is Administration else None
            kwargs["queryset"] = offered(db_field.related_model, request.user, roles)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offers only rows of the person's administrations, as where one row is chosen."""
        kwargs.setdefault("queryset", offered(db_field.related_model, request.user))
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]


class ScopedAdmin(ByActs, ModelAdmin):
    """Rows of the person's administrations. A foreign row and a missing one answer the same 404, a role that lacks
    the act 403. What a rule refuses is said beside the form, which keeps what was typed.
    """

    refusal_fields: dict[str, str] = {}  # code of a refusal -> the field it stands beside
    when_empty: Any = ""  # what an empty list says of how its first row comes to be
    linked_by: tuple[str, ...] = ()  # lookups that links from other pages make, beside those of the list's filters

    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    warn_unsaved_form = True

    def get_urls(self) -> list[URLPattern]:
        """What is never allowed has no address: no history, no redirect from an id, no add or delete without an act."""
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        absent = {f"{name}_history"}
        absent |= {f"{name}_{verb}" for verb in ("add", "delete") if not self.ever(verb)}
        return [url for url in super().get_urls() if url.name not in absent and str(url.pattern) != "<path:object_id>/"]

    def ever(self, verb: str) -> bool:
        """Whether anybody at all may do ``verb`` here."""
        return getattr(self, f"{verb}_act") is not None or verb in self.operators_may

    # Rows ------------------------------------------------------------------------------------------------------------

    def reach(self, rows: Any, user: User, roles: Any) -> Any:
        """The ``rows`` that belong to administrations of ``user`` (with one of ``roles``, when given)."""
        if user.is_superuser and "view" in self.operators_may:
            return rows
        return rows.visible_to(user, roles=roles)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        # One row: any membership finds it, so that a wrong role is told 403. Many: only where the role may look.
        user: Any = request.user
        roles = None if self.view_act is None or getattr(request, "one_row", False) else roles_with(self.view_act)
        return self.reach(super().get_queryset(request), user, roles)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        request.one_row = True  # type: ignore[attr-defined]
        try:
            return super().get_object(request, object_id, from_field)
        finally:
            request.one_row = False  # type: ignore[attr-defined]

    def find(self, request: HttpRequest, object_id: str, act: Act) -> Any:
        """The row of a page of our own. Raises Http404, or PermissionDenied when the role lacks ``act``."""
        obj = self.get_object(request, object_id)
        if obj is None:
            raise Http404
        administration = self.administration_of(obj)
        if administration is None or not may(request.user, act, administration):  # type: ignore[arg-type]
            raise PermissionDenied
        return obj

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        raise Http404

    def get_list_filter(self, request: HttpRequest) -> Sequence[Any]:
        return [self._scoped_filter(entry) for entry in super().get_list_filter(request)]

    def _scoped_filter(self, entry: Any) -> Any:
        path, kind = entry if isinstance(entry, list | tuple) else (entry, RelatedFieldListFilter)
        if not isinstance(path, str) or not issubclass(kind, RelatedFieldListFilter):
            return entry
        if not get_fields_from_path(self.model, path)[-1].is_relation:
            return entry
        return path, type(kind.__name__, (ScopedChoices, kind), {})

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Only what the filters, the dates and our own links ask.

        Django lets an address ask for any column of the row: a colleague's password hash, letter by letter.
        """
        names = [self.date_hierarchy, *map(_asks_for, self.list_filter)]
        ours = (name for name in names if name and lookup.startswith(name))
        return lookup in self.linked_by or any(ASKED.fullmatch(lookup.removeprefix(name)) for name in ours)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The theme offers "Show all" where it does not know how many there are: not where all are shown."""
        changelist = super().get_changelist_instance(request)
        if not request.GET:
            changelist.full_result_count = changelist.result_count
        return changelist

    # The list as a file ----------------------------------------------------------------------------------------------

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Who reads a list may take it along, also where ``actions`` is None."""
        actions: dict[str, Any] = super().get_actions(request)
        if IS_POPUP_VAR not in request.GET and self.has_view_permission(request):
            function, name, words = self.get_action("export_list")
            actions[name] = (function, name, words)
        return actions

    @action(description=_("Export as CSV"), permissions=["view"])
    def export_list(self, request: HttpRequest, rows: Any) -> StreamingHttpResponse:
        return export(self, request, rows)

    def complete(self, rows: list[Any]) -> None:
        """Add to ``rows`` what columns show beyond the query, for all of them at once."""

    # Forms -----------------------------------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save and record it. A page whose rows have rules calls their service here instead."""
        super().save_model(request, obj, form, change)
        if form.changed_data or not change:
            verb = "changed" if change else "added"
            record(f"{self._noun}_{verb}", obj, by=request.user, fields=form.changed_data)  # type: ignore[arg-type]

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        record(f"{self._noun}_deleted", obj, by=request.user)  # type: ignore[arg-type]
        super().delete_model(request, obj)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Nothing: the events say who did what. Django's own log would repeat the names of people beside them."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Nothing, as above."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Nothing, as above."""

    @property
    def _noun(self) -> str:
        return f"{self.opts.app_label}.{self.opts.model_name}"

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        field = form.base_fields.get("administration")
        if field is not None:
            _fix_administration(field, obj)
        refusal = getattr(request, "refusal", None)
        if refusal is not None:
            _say(form, refusal, self.refusal_fields.get(refusal.code))
        return form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (DomainError, IntegrityError) as error:
            refusal = _refusal(error)
        # Once more, now that everything is rolled back: the same form, with the refusal on it.
        request.refusal = refusal  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return self._or_message(request, super().changelist_view, request, extra_context)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        return self._or_message(request, super().delete_view, request, object_id, extra_context)

    def _or_message(self, request: HttpRequest, view: Any, *args: Any) -> Any:
        try:
            return view(*args)
        except (DomainError, IntegrityError) as error:
            self.message_user(request, _words(_refusal(error)), messages.ERROR)
        return HttpResponseRedirect(request.get_full_path())


class OwnedFormSet(PaginationInlineFormSet):
    """Rows inside the page of another row belong to the administration of that row."""

    def save_new(self, form: Any, commit: bool = True) -> Any:
        form.instance.administration_id = self.instance.administration_id  # a new page's own row has one only by now
        return super().save_new(form, commit)


class ScopedTabularInline(ByActs, TabularInline):
    formset = OwnedFormSet
    exclude: Any = ("administration",)
    extra = 0


class ScopedStackedInline(ByActs, StackedInline):
    formset = OwnedFormSet
    exclude: Any = ("administration",)
    extra = 0


def choices_while_typing(request: HttpRequest) -> HttpResponse:
    """The admin's autocomplete, for the fields that a page of ours asks by typing. Django's answers for every relation
    of every model, and fails on those that have no page."""
    label = f"{request.GET.get('app_label')}.{request.GET.get('model_name')}"
    page = next((page for model, page in site._registry.items() if model._meta.label_lower == label), None)
    if page is None or request.GET.get("field_name") not in page.autocomplete_fields:
        raise PermissionDenied
    return site.autocomplete_view(request)


def _fix_administration(field: Any, obj: Any) -> None:
    """A row stays in its administration; a new one goes to the only one that there is, without a question."""
    only = list(field.queryset[:2])
    if obj is not None:
        field.disabled, field.queryset = True, Administration.objects.filter(pk=obj.administration_id)
    elif len(only) == 1:
        field.disabled, field.initial = True, only[0]
    if len(only) < 2:
        field.widget = forms.HiddenInput()


def _asks_for(entry: Any) -> str:
    """The field, or the parameter, that an entry of ``list_filter`` asks for."""
    if isinstance(entry, type) and issubclass(entry, ListFilter):
        return str(getattr(entry, "parameter_name", ""))
    return str(entry[0] if isinstance(entry, list | tuple) else entry)


def _refusal(error: Exception) -> DomainError:
    """The refusal that ``error`` is or that a broken law stands for; what is neither is a bug and goes on."""
    refusal = error if isinstance(error, DomainError) else refusal_for(error)
    if refusal is None:
        raise error
    tell(refusal)
    return refusal


def _words(refusal: DomainError) -> str:
    said = refusal.detail()
    return " ".join(str(said[part]) for part in ("message", "hint") if said.get(part))


def _say(form: Any, refusal: DomainError, field: str | None) -> None:
    """Make ``form`` (a class made for this request) answer with the refusal, on its field when it has one."""
    post_clean = form._post_clean

    def refused(self: Any) -> None:
        post_clean(self)
        self.add_error(field if field in self.fields else None, ValidationError(_words(refusal), code=refusal.code))

    form._post_clean = refused
