"""Pages of core: administrations, people, memberships; events, deliveries and jobs; signing in."""

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from apps.core.admin_site import ScopedAdmin, ScopedStackedInline, ScopedTabularInline
from apps.core.display import amount, day, moment, money, status
from apps.core.errors import EmailNotVerified, told_again
from apps.core.models import Administration, Delivery, Event, Job, Membership, User
from apps.core.permissions import Act, may
from apps.core.services import delivery as deliveries
from apps.core.services import people

__all__ = ["ScopedAdmin", "ScopedStackedInline", "ScopedTabularInline", "amount", "day", "moment", "money", "status"]


class SignInForm(AuthenticationForm):
    """The admin's sign-in keeps the rules of the API's: an address that was not verified stays outside."""

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if not user.is_email_verified:
            refusal = EmailNotVerified()
            raise ValidationError(f"{refusal} {refusal.hint}", code=refusal.code)


admin.site.login_form = SignInForm
admin.site.unregister(Group)  # what people may do stands in their memberships


class PersonFields(forms.ModelForm):
    """Somebody gets a role: known by e-mail address, or new with a name and a first password."""

    email = forms.EmailField(label=_("E-mail address"), widget=UnfoldAdminEmailInputWidget())
    full_name = forms.CharField(label=_("Full name"), max_length=200, widget=UnfoldAdminTextInputWidget())
    password = forms.CharField(
        label=_("First password"),
        help_text=_("For somebody new to Daybook; a colleague who signs in elsewhere keeps their own."),
        strip=False,
        widget=UnfoldAdminPasswordWidget(),
    )

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password


class OpeningForm(PersonFields):
    """A new administration names its first owner."""

    class Meta:
        model = Administration
        fields = ("name",)


class MemberForm(PersonFields):
    class Meta:
        model = Membership
        fields = ("administration", "role")


@admin.register(Administration)
class AdministrationAdmin(ScopedAdmin):
    view_act = change_act = Act.MANAGE_SETTINGS
    operators_may = frozenset({"view", "add"})
    refusal_fields = {"OWN_ROLE": "email"}

    list_display = ("name", "country", "currency", "time_zone", "closing_time")
    search_fields = ("name",)
    fields = (
        "name", "country", "currency", "time_zone", "organization_number", "vat_number", "closing_time",
        "single_sign_off",
    )  # fmt: skip

    def administration_of(self, obj: Administration) -> Any:
        return obj.pk

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if not change and obj is None:
            kwargs["form"] = OpeningForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        settings = (None, {"fields": self.fields})
        return [settings] if obj else [settings, (_("First owner"), {"fields": ("email", "full_name", "password")})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("currency",) if obj else ()  # every amount in the books is in it

    def save_model(self, request: Any, obj: Administration, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        asked = form.cleaned_data
        people.open_administration(
            obj,
            owner_email=asked["email"],
            owner_name=asked["full_name"],
            owner_password=asked["password"],
            by=request.user,
        )


class PersonForm(forms.ModelForm):
    """A new person, with their first password; later on the password is theirs alone."""

    password = forms.CharField(label=_("First password"), strip=False, widget=UnfoldAdminPasswordWidget())

    class Meta:
        model = User
        fields = ("email", "full_name", "role", "is_email_verified")

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password

    def save(self, commit: bool = True) -> User:
        self.instance.set_password(self.cleaned_data["password"])
        return super().save(commit)


@admin.register(User)
class UserAdmin(ScopedAdmin):
    view_act = Act.MANAGE_PEOPLE
    operators_may = frozenset({"view", "add", "change"})

    list_display = ("email", "full_name", "role", "is_active", "is_email_verified")
    list_filter = ("is_active", "role")
    search_fields = ("email", "full_name")
    fields = ("email", "full_name", "role", "is_active", "is_email_verified", "is_superuser", "last_login")
    readonly_fields = ("last_login",)

    def administration_of(self, obj: User) -> None:
        return None  # ``reach`` has found a person only where the act is allowed

    def reach(self, rows: Any, user: User, roles: Any) -> Any:
        if user.is_superuser:
            return rows
        shared = Administration.objects.visible_to(user, roles=roles)
        return rows.filter(memberships__administration__in=shared).distinct()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if not change and obj is None:
            kwargs["form"] = PersonForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ("email", "full_name", "role", "is_email_verified", "password")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("email", "last_login") if obj else ()


@admin.register(Membership)
class MembershipAdmin(ScopedAdmin):
    view_act = add_act = change_act = delete_act = Act.MANAGE_PEOPLE
    refusal_fields = {"OWN_ROLE": "email", "ALREADY_MEMBER": "email"}

    list_display = ("user", "role", "administration")
    list_filter = ("administration", "role")
    list_select_related = ("user", "administration")
    search_fields = ("user__email", "user__full_name")
    actions = None

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if not change and obj is None:
            kwargs["form"] = MemberForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        who = ("user",) if obj else ("email", "full_name", "password")
        return ("administration", *who, "role")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("user",) if obj else ()

    def save_model(self, request: Any, obj: Membership, form: Any, change: bool) -> None:
        if change:
            people.change_role(obj, role=obj.role, by=request.user)
            return
        asked = form.cleaned_data
        added = people.add_member(
            asked["administration"],
            email=asked["email"],
            full_name=asked["full_name"],
            password=asked["password"],
            role=asked["role"],
            by=request.user,
        )
        obj.pk, obj.user = added.pk, added.user

    def delete_model(self, request: Any, obj: Membership) -> None:
        people.end_membership(obj, by=request.user)


@admin.register(Event)
class EventAdmin(ScopedAdmin):
    view_act = Act.READ_LEDGER
    operators_may = frozenset({"view"})

    list_display = ("at", "name", "subject_type", "by", "administration")
    list_filter = ("administration",)
    list_select_related = ("by", "administration")
    search_fields = ("name", "subject_id")
    date_hierarchy = "at"
    fields = ("at", "name", "administration", "subject_type", "subject_id", "by", "facts_shown")

    @admin.display(description=_("facts"))
    def facts_shown(self, event: Event) -> SafeString:
        return format_html("<pre>{}</pre>", json.dumps(event.facts, indent=2, ensure_ascii=False))

    def reach(self, rows: Any, user: User, roles: Any) -> Any:
        """An operator sees what concerns no administration; their memberships add the rest."""
        mine = rows.visible_to(user, roles=roles)
        return mine | rows.filter(administration=None) if user.is_superuser else mine

    def allows(self, verb: str, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        if obj is None:
            return super().allows(verb, request)
        if obj.administration_id is None:
            return verb == "view" and bool(user.is_superuser)
        return verb == "view" and may(user, Act.READ_LEDGER, obj.administration_id)


@admin.register(Delivery)
class DeliveryAdmin(ScopedAdmin):
    operators_may = frozenset({"view", "retry"})

    list_display = ("event", "handler", "attempts", "state", "next_attempt_at")
    list_filter = (("gave_up_at", admin.EmptyFieldListFilter), "handler")
    list_select_related = ("event",)
    fields = ("event", "handler", "attempts", "state", "next_attempt_at", "delivered_at", "gave_up_at", "last_error")
    actions = ("retry",)

    def administration_of(self, obj: Delivery) -> None:
        return None

    def reach(self, rows: Any, user: User, roles: Any) -> Any:
        return rows if user.is_superuser else rows.none()

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    @admin.display(description=_("state"))
    def state(self, delivery: Delivery) -> SafeString:
        if delivery.delivered_at:
            return status("DELIVERED", _("Delivered"))
        return status("GAVE_UP", _("Gave up")) if delivery.gave_up_at else status("WAITING", _("Waiting"))

    @admin.action(description=_("Try selected deliveries again"), permissions=["retry"])
    def retry(self, request: HttpRequest, rows: Any) -> None:
        for delivery in rows.filter(delivered_at=None):
            deliveries.retry(delivery)
            self.message_user(request, _("%(delivery)s is tried again.") % {"delivery": delivery}, messages.SUCCESS)


@admin.register(Job)
class JobAdmin(ScopedAdmin):
    """A person's own long work, and an operator's view of all of it."""

    operators_may = frozenset({"view"})

    list_display = ("title_shown", "state_shown", "progress_shown", "created_at")
    ordering = ("-id",)

    def administration_of(self, obj: Job) -> None:
        return None

    def allows(self, verb: str, request: HttpRequest, obj: Any = None) -> bool:
        return verb == "view" and request.user.is_authenticated

    def reach(self, rows: Any, user: User, roles: Any) -> Any:
        return rows if user.is_superuser else rows.filter(by=user)

    def get_urls(self) -> list[URLPattern]:
        page = path("<uuid:object_id>/", self.admin_site.admin_view(self.progress), name="core_job_change")
        state = path("<uuid:object_id>/state/", self.admin_site.admin_view(self.progress_state), name="core_job_state")
        return [page, state, *(url for url in super().get_urls() if url.name != "core_job_change")]

    @admin.display(description=_("job"), ordering="title")
    def title_shown(self, job: Job) -> str:
        return str(job)

    @admin.display(description=_("state"))
    def state_shown(self, job: Job) -> SafeString:
        return status(job.state, job.get_state_display())

    @admin.display(description=_("progress"))
    def progress_shown(self, job: Job) -> str:
        return f"{job.done} / {job.total}" if job.total else str(job.done)

    def progress(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """How far it is. The page may be left: the work goes on."""
        job = self._job(request, object_id)
        context = {**self.admin_site.each_context(request), "title": str(job), "opts": self.opts, "job": job,
                   "refusals": [told_again(refusal) for refusal in job.refusals],
                   "percent": _percent(job), "state_url": reverse("admin:core_job_state", args=[job.pk])}  # fmt: skip
        return TemplateResponse(request, "admin/core/job/progress.html", context)

    def progress_state(self, request: HttpRequest, object_id: Any) -> JsonResponse:
        job = self._job(request, object_id)
        answer = {
            "state": job.state,
            "word": job.get_state_display(),
            "done": job.done,
            "total": job.total,
            "percent": _percent(job),
            "refusals": [told_again(refusal) for refusal in job.refusals],
            "finished": job.finished_at is not None,
        }
        return JsonResponse(answer, headers={"Cache-Control": "no-store"})

    def _job(self, request: HttpRequest, object_id: Any) -> Job:
        job = self.get_object(request, str(object_id))
        if job is None:
            raise Http404
        return job


def _percent(job: Job) -> int:
    if job.state == Job.State.DONE:
        return 100
    return min(100, 100 * job.done // job.total) if job.total else 0
