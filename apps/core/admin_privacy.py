"""The page of what is held about one person: to read, to take along as a file, to erase."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from apps.core.admin_site import ScopedAdmin
from apps.core.errors import DomainError
from apps.core.privacy import Erasure, Ground, PersonalData, Text, attachment


class ErasureForm(forms.Form):
    """Why somebody is erased. Nothing is chosen beforehand: choosing is the confirmation."""

    reason = forms.ChoiceField(label=_("Why"), choices=[("", _("Choose why")), *Ground.choices])


class PersonalDataPage(ScopedAdmin):
    """A model's page that leads to what is held about the person; for those alone who may answer for them."""

    # Whether somebody may ask this of a person; what is held; the same ``by`` somebody; the erasure for a ``reason``.
    may_answer_for: Callable[..., bool]
    data_of: Callable[..., PersonalData]
    export: Callable[..., PersonalData]
    erase: Callable[..., Erasure]
    what_happens: ClassVar[Text]  # the sentence above the button that erases

    change_form_outer_before_template = "admin/core/personal_data_link.html"

    @property
    def page_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_personal_data"

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.personal_data_page)
        return [path("<uuid:object_id>/personal-data/", page, name=self.page_name), *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        person = context.get("original")
        if person and self.may_answer_for(request.user, person):
            context["personal_data"] = reverse(f"admin:{self.page_name}", args=[person.pk])
        return super().render_change_form(request, context, *args, **kwargs)

    def personal_data_page(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """What is held; sent with ``download`` the file, sent with a reason the erasure and what it leaves."""
        by: Any = request.user
        person = self.get_object(request, str(object_id))
        if person is None:
            raise Http404
        if not self.may_answer_for(by, person):
            raise PermissionDenied
        if "download" in request.POST:
            return as_file(self.export(person, by=by))
        form = ErasureForm(request.POST or None)
        erasure = None
        if form.is_valid():
            try:
                erasure = self.erase(person, by=by, reason=form.cleaned_data["reason"])
            except DomainError as refusal:
                form.add_error(None, " ".join(filter(None, (str(refusal), refusal.detail().get("hint")))))
            else:
                person.refresh_from_db()
        context = {
            **self.admin_site.each_context(request),
            "data": self.data_of(person),
            "title": _("What is held about %(person)s") % {"person": person},
            "form": None if person.erased_at else form,
            "what_happens": self.what_happens,
            "erasure": erasure,
            "erased_at": person.erased_at,
            "back": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"),
        }
        return as_page(request, context)


def as_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """The data to read, on a page that is not cached."""
    return TemplateResponse(request, "admin/core/personal_data.html", context, headers={"Cache-Control": "no-store"})


def as_file(data: PersonalData) -> HttpResponse:
    """The data as JSON that people can read as well."""
    dumped: dict[str, Any] = {"indent": 2, "ensure_ascii": False}
    return JsonResponse(data.as_dict(), json_dumps_params=dumped, headers=attachment("personal-data.json"))
