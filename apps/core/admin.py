"""Pages of core: administrations, people, memberships; events, deliveries and jobs; signing in."""

import json
from typing import Any

from csp.decorators import csp_replace
from django import forms
from django.apps import apps
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, Q
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminTextInputWidget

from apps.core.admin_privacy import PersonalDataPage, as_file, as_page
from apps.core.admin_site import ScopedAdmin, ScopedStackedInline, ScopedTabularInline
from apps.core.display import NOTHING, amount, day, moment, money, status
from apps.core.errors import DomainError, told_again
from apps.core.models import Administration, Delivery, Event, Invitation, Job, Membership, Upload, User
from apps.core.permissions import Act, may, may_somewhere, roles_of, roles_with
from apps.core.services import delivery as deliveries
from apps.core.services import invitations, lockout, people, privacy, second_factor
from apps.core.services.uploads import delete_upload, readable_by

__all__ = ["ScopedAdmin", "ScopedStackedInline", "ScopedTabularInline", "amount", "day", "moment", "money", "status"]


admin.site.unregister(Group)  # what people may do stands in their memberships
admin.site.unregister(TOTPDevice)  # its page would show the secret


class OpeningForm(forms.ModelForm):
    """A new administration invites its first owner."""

    email = forms.EmailField(label=_("E-mail address"), widget=UnfoldAdminEmailInputWidget())
    full_name = forms.CharField(label=_("Full name"), max_length=200, widget=UnfoldAdminTextInputWidget())

    class Meta:
        model = Administration
        fields = ("name",)


@admin.register(Administration)
class AdministrationAdmin(ScopedAdmin):
    view_act = change_act = Act.MANAGE_SETTINGS
    operators_may = frozenset({"view", "add"})
    refusal_fields = {"OWN_ROLE": "email"}

    list_display = ("name", "country", "currency", "time_zone", "closing_time")
    search_fields = ("name",)
    fields = (
        "name", "country", "currency", "time_zone", "organization_number", "vat_number", "closing_time",
        "single_sign_off", "second_factor_required", "materiality",
    )  # fmt: skip

    def administration_of(self, obj: Administration) -> Any:
        return obj.pk

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if not change and obj is None:
            kwargs["form"] = OpeningForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        settings = (None, {"fields": self.fields})
        return [settings] if obj else [settings, (_("First owner"), {"fields": ("email", "full_name")})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("currency",) if obj else ()  # every amount in the books is in it

    def save_model(self, request: Any, obj: Administration, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        asked = form.cleaned_data
        people.open_administration(obj, owner_email=asked["email"], owner_name=asked["full_name"], by=request.user)
        self.message_user(request, _("%(email)s is invited as its owner.") % {"email": asked["email"]})


@admin.register(User)
class UserAdmin(PersonalDataPage):
    """A person: where they work, what they did last. Nobody makes people here: they register or are invited."""

    view_act = Act.MANAGE_PEOPLE
    operators_may = frozenset({"view", "change"})

    list_display = ("email", "full_name", "role", "is_active", "is_email_verified", "second_factor")
    list_filter = ("is_active", "role")
    search_fields = ("email", "full_name")
    fields = (
        "email", "full_name", "role", "is_active", "is_email_verified", "second_factor", "is_superuser", "last_login",
        "works_in", "last_actions",
    )  # fmt: skip
    readonly_fields = ("email", "last_login", "second_factor", "works_in", "last_actions")
    actions = ("lift_lockout", "remove_second_factor")

    may_answer_for = staticmethod(privacy.may_answer_for)
    data_of = staticmethod(privacy.data_of_user)
    export = staticmethod(privacy.export_user)
    erase = staticmethod(privacy.erase_user)
    what_happens = _(
        "Erasing empties the name, the e-mail address and the password, ends every role and session, and lets the "
        "person in no more. What they posted and signed stays in the books, by “Erased person”. It cannot be undone."
    )

    def administration_of(self, obj: User) -> None:
        return None  # ``reach`` has found a person only where the act is allowed

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not (obj and obj.erased_at)

    def reach(self, rows: Any, user: User, roles: Any) -> Any:
        rows = rows.annotate(has_second_factor=Exists(TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)))
        if user.is_superuser:
            return rows
        shared = Administration.objects.visible_to(user, roles=roles)
        return rows.filter(memberships__administration__in=shared).distinct()

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        person = super().get_object(request, object_id, from_field)
        if person is not None:
            person.seen_by = request.user  # whose administrations bound what the page tells of the person
        return person

    @admin.display(description=_("works in"))
    def works_in(self, person: Any) -> SafeString | str:
        shared = _shared(Membership.objects.filter(user=person), person.seen_by).select_related("administration")
        told = [(membership.administration, membership.get_role_display()) for membership in shared]
        return _lines(told)

    @admin.display(description=_("did last"))
    def last_actions(self, person: Any) -> SafeString | str:
        events = _shared(Event.objects.filter(by=person), person.seen_by).select_related("administration")[:20]
        told = [(date_format(timezone.localtime(event.at), "DATETIME_FORMAT"), event.name) for event in events]
        return _lines(told)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    @admin.display(description=_("second factor"), boolean=True)
    def second_factor(self, person: Any) -> bool:
        return bool(person.has_second_factor)

    @admin.action(description=_("Lift the lock after wrong passwords"), permissions=["operate"])
    def lift_lockout(self, request: HttpRequest, rows: Any) -> None:
        for person in rows:
            lockout.lift(person)
            self.message_user(request, _("%(person)s may try again.") % {"person": person}, messages.SUCCESS)

    @admin.action(description=_("Take the second factor away (the phone is lost)"), permissions=["operate"])
    def remove_second_factor(self, request: Any, rows: Any) -> None:
        for person in rows:
            second_factor.remove(person, by=request.user)
            words = _("%(person)s signs in with the password alone, and is told by e-mail.") % {"person": person}
            self.message_user(request, words, messages.SUCCESS)


def _lines(told: Any) -> SafeString | str:
    lines = format_html_join("", "<li>{} · {}</li>", told)
    return format_html("<ul>{}</ul>", lines) if lines else NOTHING


def _shared(rows: Any, seen_by: User) -> Any:
    """Of ``rows``, what an operator or a colleague who manages people may be told."""
    if seen_by.is_superuser:
        return rows
    return rows.filter(
        administration__in=Administration.objects.visible_to(seen_by, roles=roles_with(Act.MANAGE_PEOPLE))
    )


@csp_replace(settings.ADMIN_CONTENT_SECURITY_POLICY)  # in the admin's frame, but at an address outside of it
def own_data(request: HttpRequest) -> HttpResponse:
    """What is held about whoever is signed in, for themselves."""
    user: Any = request.user
    if request.method == "POST":
        return as_file(privacy.export_user(user, by=user))
    title, data = _("What is held about you"), privacy.data_of_user(user)
    return as_page(request, {**admin.site.each_context(request), "title": title, "data": data})


@admin.register(Membership)
class MembershipAdmin(ScopedAdmin):
    """Who works where. A role is offered by an invitation; here it changes or ends."""

    view_act = change_act = delete_act = Act.MANAGE_PEOPLE

    list_display = ("user", "role", "administration")
    list_filter = ("administration", "role")
    list_select_related = ("user", "administration")
    search_fields = ("user__email", "user__full_name")
    actions = None
    fields = ("administration", "user", "role")
    readonly_fields = ("user",)

    def save_model(self, request: Any, obj: Membership, form: Any, change: bool) -> None:
        people.change_role(obj, role=obj.role, by=request.user)

    def delete_model(self, request: Any, obj: Membership) -> None:
        people.end_membership(obj, by=request.user)


@admin.register(Invitation)
class InvitationAdmin(ScopedAdmin):
    view_act = add_act = Act.INVITE
    refusal_fields = {"OWN_ROLE": "email", "ALREADY_MEMBER": "email", "ALREADY_INVITED": "email", "NOT_ALLOWED": "role"}

    list_display = ("email", "role", "administration", "state", "expires_at", "invited_by")
    list_filter = ("administration", "role")
    list_select_related = ("administration", "invited_by")
    search_fields = ("email", "full_name")
    fields = ("administration", "email", "full_name", "role", "language")
    actions = ("send_again", "withdraw")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*self.fields, "state", "invited_by", "created_at", "expires_at") if obj else self.fields

    def formfield_for_choice_field(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if db_field.name == "role":
            offered = {role for pk in roles_of(request.user) for role in invitations.roles_to_give(request.user, pk)}
            kwargs["choices"] = [choice for choice in Membership.Role.choices if choice[0] in offered]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def save_model(self, request: Any, obj: Invitation, form: Any, change: bool) -> None:
        asked = form.cleaned_data
        invited = invitations.invite(
            asked["administration"],
            email=asked["email"],
            full_name=asked["full_name"],
            role=asked["role"],
            language=asked["language"],
            by=request.user,
        )
        obj.pk = invited.pk

    @admin.display(description=_("state"))
    def state(self, invitation: Invitation) -> SafeString:
        if invitation.accepted_at:
            return status("ACCEPTED", _("Accepted"))
        if invitation.withdrawn_at:
            return status("WITHDRAWN", _("Withdrawn"))
        over = invitation.expires_at <= timezone.now()
        return status("EXPIRED", _("Expired")) if over else status("WAITING", _("Waiting"))

    @admin.action(description=_("Send selected invitations again"), permissions=["add"])
    def send_again(self, request: Any, rows: Any) -> None:
        self._each(request, rows, invitations.send_again, _("A new link goes to %(email)s."))

    @admin.action(description=_("Withdraw selected invitations"), permissions=["add"])
    def withdraw(self, request: Any, rows: Any) -> None:
        self._each(request, rows, invitations.withdraw, _("The invitation of %(email)s is withdrawn."))

    def _each(self, request: Any, rows: Any, service: Any, done: Any) -> None:
        for invitation in rows:
            try:
                service(invitation, by=request.user)
            except DomainError as refusal:
                self.message_user(request, f"{invitation.email}: {refusal}", messages.ERROR)
            else:
                self.message_user(request, done % {"email": invitation.email}, messages.SUCCESS)


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


class DeliveryState(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"
    states = {
        "gave-up": Q(gave_up_at__isnull=False),
        "waiting": Q(gave_up_at=None, delivered_at=None),
        "delivered": Q(delivered_at__isnull=False),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return [("gave-up", _("Gave up")), ("waiting", _("Waiting")), ("delivered", _("Delivered"))]

    def queryset(self, request: HttpRequest, rows: Any) -> Any:
        return rows.filter(self.states.get(self.value() or "", Q()))


@admin.register(Delivery)
class DeliveryAdmin(ScopedAdmin):
    """Events on their way; those that gave up wait here for somebody to mend the cause and try them again."""

    operators_may = frozenset({"view", "retry"})

    list_display = ("event", "handler", "attempts", "state", "last_error", "next_attempt_at")
    list_filter = (DeliveryState, "handler")
    ordering = ("-id",)
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
                   "made": _made(job), "percent": _percent(job),
                   "state_url": reverse("admin:core_job_state", args=[job.pk])}  # fmt: skip
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


@admin.register(Upload)
class UploadAdmin(ScopedAdmin):
    """What was sent, to look at and to download. Files come and go with what they are for; those of an import, which
    nothing names any more, are deleted here."""

    view_act = Act.READ_FILES
    actions = ("delete_of_import",)

    list_display = ("file_name", "purpose", "size_shown", "uploaded_by", "uploaded", "administration", "download")
    list_filter = ("administration", "purpose")
    list_select_related = ("uploaded_by", "administration")
    search_fields = ("file_name",)
    ordering = ("-id",)
    fields = (
        "download", "file_name", "purpose", "file_type", "size_shown", "sha256", "scan_verdict", "uploaded_by",
        "uploaded", "administration",
    )  # fmt: skip

    def reach(self, rows: Any, user: User, roles: Any) -> Any:
        return readable_by(user, super().reach(rows, user, roles))

    def has_import_permission(self, request: HttpRequest) -> bool:
        return may_somewhere(request.user, Act.MANAGE_SETTINGS)

    @admin.action(description=_("Delete selected files of imports"), permissions=["import"])
    def delete_of_import(self, request: Any, rows: Any) -> None:
        """What was imported stays; the files, which hold names of patients, go."""
        for upload in rows.filter(purpose="import").select_related("administration"):
            try:
                delete_upload(upload, by=request.user)
            except DomainError as refusal:
                self.message_user(request, f"{upload}: {refusal}", messages.ERROR)
            else:
                self.message_user(request, _("%(file)s is deleted.") % {"file": upload}, messages.SUCCESS)

    @admin.display(description=_("size"), ordering="file_size")
    def size_shown(self, upload: Upload) -> str:
        return filesizeformat(upload.file_size)

    @admin.display(description=_("uploaded at"), ordering="uploaded_at")
    def uploaded(self, upload: Upload) -> str:
        return moment(upload.uploaded_at, upload.administration.time_zone)

    @admin.display(description=_("download"))
    def download(self, upload: Upload) -> SafeString:
        return format_html('<a href="{}">{}</a>', reverse("upload-content", args=[upload.pk]), _("Download"))


def _made(job: Job) -> list[tuple[int, Any]]:
    """How many rows of which kind the job made, where its task says so: ``made`` of its arguments, by model."""
    made = job.arguments.get("made", {})
    return [(count, apps.get_model(label)._meta.verbose_name_plural) for label, count in made.items()]


def _percent(job: Job) -> int:
    if job.state == Job.State.DONE:
        return 100
    return min(100, 100 * job.done // job.total) if job.total else 0
