"""People, administrations, the event log and what stands beside it."""

from typing import Any, Self
from zoneinfo import available_timezones

import pgtrigger
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from uuid_utils.compat import uuid7

from apps.core import laws
from apps.core.money import CURRENCIES, amount_field


class Row(models.Model):
    """A row with a UUIDv7 for its key, made in Python so that PostgreSQL 15 and later serve."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        abstract = True


class ScopedQuerySet(models.QuerySet[Any, Any]):
    """The one way to reach rows: by the administrations that a person is a member of."""

    administration_path = "administration"

    def visible_to(self, user: "User", roles: Any = None) -> Self:
        """Rows of the administrations in which ``user`` is a member (with one of ``roles``, when given)."""
        memberships = Membership.objects.filter(user=user.pk)
        if roles is not None:
            memberships = memberships.filter(role__in=roles)
        return self.filter(**{f"{self.administration_path}__in": memberships.values("administration")})


def call(model: type[models.Model], **words: Any) -> None:
    """What people call the fields of ``model``, told beside them: a name is no reason for a migration."""
    for name, word in words.items():
        model._meta.get_field(name).verbose_name = word  # type: ignore[union-attr]


class Owned(Row):
    """A row that belongs to one administration."""

    administration = models.ForeignKey("core.Administration", on_delete=models.PROTECT, related_name="+")

    objects: Any = ScopedQuerySet.as_manager()

    class Meta:
        abstract = True


call(Owned, administration=_("administration"))


class AdministrationQuerySet(ScopedQuerySet):
    administration_path = "pk"


def check_time_zone(name: str) -> None:
    """Raises ValidationError for a name that is not in the IANA time zone database."""
    if name not in available_timezones():
        raise ValidationError(_("%(name)s is not an IANA time zone such as Europe/Amsterdam."), params={"name": name})


def check_currency(code: str) -> None:
    """Raises ValidationError for a code that is not an active ISO 4217 currency."""
    if code not in CURRENCIES:
        raise ValidationError(_("%(code)s is not an ISO 4217 currency such as EUR."), params={"code": code})


class Administration(Row):
    """One set of books: a clinic or a company. It owns every row."""

    name = models.CharField(_("name"), max_length=200)
    country = models.CharField(_("country"), max_length=2, help_text=_("ISO 3166-1: NL, NO, NG"))
    currency = models.CharField(_("currency"), max_length=3, default="EUR", validators=[check_currency])
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="Europe/Amsterdam", validators=[check_time_zone]
    )
    organization_number = models.CharField(_("KVK or organisation number"), max_length=32, blank=True)
    vat_number = models.CharField(_("VAT number"), max_length=32, blank=True)
    single_sign_off = models.BooleanField(
        _("single sign-off"), default=False, help_text=_("A one-person practice: whoever prepares may also sign.")
    )
    second_factor_required = models.BooleanField(
        _("second factor required"),
        default=False,
        help_text=_("Everybody here signs in with a password and a code. Turning it on signs them all out."),
    )
    manual_entry_limit = amount_field(
        verbose_name=_("limit of manual entries"),
        null=True,
        blank=True,
        help_text=_("A manual entry above it is posted by a second person. Empty: no limit."),
    )
    materiality = amount_field(
        verbose_name=_("materiality"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("An acknowledged issue asks again when its amount moves by more than this. Empty: by anything."),
    )
    closing_time = models.TimeField(
        _("closing time"),
        default="23:00",
        help_text=_("Local time at which the day is closed by itself; before noon it closes the day before."),
    )
    source = models.CharField(max_length=200, blank=True, editable=False, help_text="Where an import found it.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AdministrationQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = _("administration")
        verbose_name_plural = _("administrations")
        constraints = (
            models.UniqueConstraint(fields=["source"], condition=~models.Q(source=""), name="administration_source"),
        )
        triggers = (
            laws.Law(
                name="second_factor_ends_sign_ins",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("second_factor_required"),
                condition=pgtrigger.Q(old__second_factor_required=False, new__second_factor_required=True),
                func="""
                UPDATE core_user SET access_version = access_version + 1
                WHERE id IN (SELECT user_id FROM core_membership WHERE administration_id = NEW.id);
                RETURN NULL;
                """,
            ),
        )

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    """Users are known by their e-mail address, in lower case."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=email.lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """An operator: sees users, administrations and the state of the site; no money without a membership."""
        return self.create_user(
            email, password, **{"is_superuser": True, "is_email_verified": True, "role": User.Role.ADMIN, **fields}
        )

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class User(Row, AbstractBaseUser, PermissionsMixin):
    """A person who signs in. What they may do stands in their memberships."""

    class Role(models.TextChoices):
        """The kind that a person registered as or was invited as."""

        ZZP = "zzp", _("Practice owner")
        ACCOUNTANT = "accountant", _("Accountant")
        STAFF = "staff", _("Clinic staff")
        ADMIN = "admin", _("Operator")

    email = models.EmailField(_("e-mail address"), unique=True)
    full_name = models.CharField(_("full name"), max_length=200)
    role = models.CharField(_("kind"), max_length=12, choices=Role.choices, default=Role.STAFF)
    is_active = models.BooleanField(_("active"), default=True)
    is_email_verified = models.BooleanField(_("e-mail verified"), default=False)
    language = models.CharField(
        _("language"), max_length=7, choices=settings.LANGUAGES, blank=True, help_text=_("Empty: the browser's.")
    )
    practice = models.JSONField(
        default=dict, editable=False, help_text="What a registration said of its practice, until it is opened."
    )
    access_version = models.PositiveIntegerField(
        default=0, editable=False, help_text="Every session and token names it; moving it ends them all."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    erased_at = models.DateTimeField(_("erased"), null=True, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["full_name"]

    class Meta:
        ordering = ("email",)
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = (
            models.UniqueConstraint(Lower("email"), name="user_email"),
            models.CheckConstraint(
                name="erased_person_is_nobody",
                condition=models.Q(erased_at=None)
                | models.Q(
                    ("password__startswith", "!"),  # Django's mark of a password that nobody has
                    email__endswith="@erased.invalid",
                    full_name="",
                    practice={},
                    is_active=False,
                    is_superuser=False,
                    last_login=None,
                ),
            ),
        )
        triggers = (
            laws.Law(
                name="access_version",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func="""
                NEW.access_version := greatest(NEW.access_version, OLD.access_version);
                IF (NEW.is_active, NEW.role, NEW.is_superuser, NEW.email)
                   IS DISTINCT FROM (OLD.is_active, OLD.role, OLD.is_superuser, OLD.email) THEN
                    NEW.access_version := OLD.access_version + 1;
                END IF;
                RETURN NEW;
                """,
            ),
        )

    def __str__(self) -> str:
        if self.erased_at:
            return str(_("Erased person"))
        return self.full_name or self.email

    def _get_session_auth_hash(self, secret: Any = None) -> str:
        """What a session must prove on every request: today's password and today's rights."""
        signed = f"{self.password}:{self.access_version}"
        return salted_hmac("apps.core.session", signed, secret=secret, algorithm="sha256").hexdigest()

    def get_full_name(self) -> str:
        """As Django's user has it: the frame of the admin asks for it."""
        return self.full_name

    @property
    def is_staff(self) -> bool:
        """Everybody works in the admin; what they find there is what their memberships give."""
        return self.is_active


class Membership(Owned):
    """One person in one administration, with one role."""

    class Role(models.TextChoices):
        RECEPTIONIST = "receptionist", _("Receptionist")
        CASHIER = "cashier", _("Cashier")
        MANAGER = "manager", _("Manager")
        OWNER = "owner", _("Owner")
        ACCOUNTANT = "accountant", _("Accountant")
        ADMIN = "admin", _("Administrator")

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("person"))
    administration = models.ForeignKey(
        Administration, on_delete=models.PROTECT, related_name="memberships", verbose_name=_("administration")
    )
    role = models.CharField(_("role"), max_length=12, choices=Role.choices)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = (models.UniqueConstraint(fields=["user", "administration"], name="one_role_per_membership"),)
        triggers = (
            laws.Law(
                name="role_ends_sign_ins",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func="""
                IF TG_OP = 'INSERT' THEN
                    UPDATE core_user SET access_version = access_version + 1
                    WHERE id = NEW.user_id AND EXISTS (
                        SELECT FROM core_administration WHERE id = NEW.administration_id AND second_factor_required);
                ELSE
                    UPDATE core_user SET access_version = access_version + 1 WHERE id = OLD.user_id;
                END IF;
                RETURN NULL;
                """,
            ),
        )

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()}"


class OneTimeToken(Row):
    """A secret that one person got once: kept as its SHA-256, good until it is used or its time is over."""

    class Purpose(models.TextChoices):
        VERIFY_EMAIL = "VERIFY_EMAIL", _("Verify an e-mail address")
        RESET_PASSWORD = "RESET_PASSWORD", _("Choose a new password")
        RECOVERY_CODE = "RECOVERY_CODE", _("Sign in without the second factor")

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="one_time_tokens")
    purpose = models.CharField(max_length=14, choices=Purpose.choices)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        triggers = (
            laws.Law(
                name="used_once",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=f"""
                IF OLD.used_at IS NOT NULL OR NEW.used_at IS NULL
                   OR (OLD.user_id, OLD.purpose, OLD.digest, OLD.expires_at)
                   IS DISTINCT FROM (NEW.user_id, NEW.purpose, NEW.digest, NEW.expires_at) THEN
                    {laws.refuse("token_used_once", "a one-time token is used once and never changed")}
                END IF;
                RETURN NEW;
                """,
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_purpose_display()} · {self.user}"


class Invitation(Owned):
    """Somebody is asked, by e-mail, to take a role in an administration. The link's secret is kept as its SHA-256."""

    email = models.EmailField(_("e-mail address"))
    full_name = models.CharField(_("full name"), max_length=200, blank=True)
    role = models.CharField(_("role"), max_length=12, choices=Membership.Role.choices)
    language = models.CharField(_("language"), max_length=7, choices=settings.LANGUAGES, default="en")
    digest = models.CharField(max_length=64, blank=True, editable=False)
    invited_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("invited by"))
    created_at = models.DateTimeField(_("invited"), default=timezone.now, editable=False)
    expires_at = models.DateTimeField(_("good until"), editable=False)
    accepted_at = models.DateTimeField(_("accepted"), null=True, editable=False)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, editable=False)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = (
            models.UniqueConstraint(
                fields=["administration", "email"],
                condition=models.Q(accepted_at=None, withdrawn_at=None),
                name="one_open_invitation",
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_at=None) | models.Q(withdrawn_at=None), name="invitation_ended_once"
            ),
        )
        indexes = (models.Index(fields=["digest"], condition=~models.Q(digest=""), name="invitation_digest"),)

    def __str__(self) -> str:
        return f"{self.email} · {self.get_role_display()}"


class Mail(Row):
    """An e-mail that was asked for: the outbox. What it says is put together when it is sent, and tokens made then.

    The address may be unknown to Daybook: whoever asks for a new password is answered alike, and as fast.
    """

    kind = models.CharField(_("kind"), max_length=40, help_text="The template: templates/mail/<kind>.txt")
    address = models.EmailField(_("address"))
    language = models.CharField(_("language"), max_length=7, choices=settings.LANGUAGES, default="en")
    facts = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    asked_at = models.DateTimeField(_("asked"), default=timezone.now)
    sent_at = models.DateTimeField(_("sent"), null=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("e-mail")
        verbose_name_plural = _("e-mails")

    def __str__(self) -> str:
        return self.kind


class Event(Row):
    """Something that happened: the audit trail and the outbox. Written with the fact itself, never changed."""

    name = models.CharField(max_length=80)
    administration = models.ForeignKey(Administration, on_delete=models.PROTECT, null=True, related_name="+")
    subject_type = models.CharField(max_length=80)
    subject_id = models.UUIDField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    facts = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    at = models.DateTimeField(default=timezone.now)

    objects: Any = ScopedQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = (
            models.Index(fields=["subject_id", "id"], name="event_subject"),
            models.Index(fields=["administration", "-id"], name="event_administration"),
        )
        triggers = (
            laws.append_only("event_append_only", "events never change"),
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        return self.name


call(
    Event,
    name=_("event"),
    administration=_("administration"),
    subject_type=_("about"),
    subject_id=_("its id"),
    by=_("by"),
    at=_("at"),
)


class Delivery(models.Model):
    """One event on its way to one handler. Claimed with SKIP LOCKED, so many dispatchers may run."""

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="deliveries")
    handler = models.CharField(max_length=200)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    delivered_at = models.DateTimeField(null=True)
    gave_up_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = (models.UniqueConstraint(fields=["event", "handler"], name="one_delivery_per_handler"),)
        indexes = (
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(delivered_at=None, gave_up_at=None),
                name="delivery_due",
            ),
            models.Index(fields=["gave_up_at"], condition=models.Q(gave_up_at__isnull=False), name="delivery_gave_up"),
        )

    def __str__(self) -> str:
        return f"{self.event} → {self.handler}"


call(
    Delivery,
    event=_("event"),
    handler=_("handler"),
    attempts=_("attempts"),
    next_attempt_at=_("next attempt"),
    delivered_at=_("delivered"),
    gave_up_at=_("gave up"),
    last_error=_("last error"),
)


class Counter(models.Model):
    """The last number given in a gap-free series, such as the bills of one administration.

    The row stays locked until the transaction that took the number ends, so a number that was rolled back is
    given again. ``series`` says what is counted: "bill", "day_close", "entry:<journal>:2026".
    """

    administration = models.ForeignKey(Administration, on_delete=models.PROTECT, related_name="+")
    series = models.CharField(max_length=80)
    last = models.PositiveIntegerField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["administration", "series"], name="one_counter_per_series"),)
        triggers = (
            laws.Law(
                name="counts_documents",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func=f"""
                IF TG_OP = 'DELETE' OR pg_trigger_depth() < 2 THEN
                    {laws.refuse("counter_counts_documents", "a counter moves only with the document it numbers")}
                END IF;
                RETURN NEW;
                """,
            ),
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        return f"{self.series}: {self.last}"


class Job(Row):
    """Long work for a person: what it is, how far it is, what was refused. A Celery task carries its id."""

    class State(models.TextChoices):
        WAITING = "WAITING", _("Waiting")
        RUNNING = "RUNNING", _("Running")
        DONE = "DONE", _("Done")
        FAILED = "FAILED", _("Failed")

    task = models.CharField(max_length=100, help_text="The full name of the Celery task.")
    title = models.CharField(max_length=200)  # in English, ``%(count)s`` for the total: told in the reader's language
    by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    arguments = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    refusals = models.JSONField(default=list, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(default=timezone.now)
    moved_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        indexes = (
            models.Index(
                fields=["moved_at"], condition=models.Q(state__in=["WAITING", "RUNNING"]), name="job_unfinished"
            ),
        )

    def __str__(self) -> str:
        return gettext(self.title) % {"count": self.total}


call(Job, created_at=_("created"))


class IdempotentRequest(Row):
    """A request that named an Idempotency-Key: what was asked, and the answer it got, byte for byte.

    Whoever holds the row's lock is doing the work; no lock and no status means that nobody is, and nothing was done.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of method, address and body.")
    status = models.PositiveSmallIntegerField(null=True)
    content_type = models.CharField(max_length=200, blank=True)
    answer = models.BinaryField(null=True)
    asked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "key"], name="one_request_per_idempotency_key"),)

    def __str__(self) -> str:
        return self.key


class Upload(Owned):
    """A file that somebody sent, judged before it was kept. What it is for names it by a protecting foreign key.

    ``stored_as`` is its place in the storage: random, so that it tells nothing and cannot be guessed.
    """

    purpose = models.CharField(_("purpose"), max_length=20, help_text="One of uploads.kinds.PURPOSES.")
    file_name = models.CharField(_("name"), max_length=255)
    file_type = models.CharField(_("media type"), max_length=100)
    file_size = models.PositiveIntegerField(_("size"), help_text=_("bytes"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    stored_as = models.CharField(max_length=100, unique=True, editable=False)
    scan_verdict = models.CharField(
        _("virus scan"), max_length=100, blank=True, help_text=_("Empty where no scanner was set up.")
    )
    uploaded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", verbose_name=_("uploaded by"))
    uploaded_at = models.DateTimeField(_("uploaded at"), default=timezone.now)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("file")
        verbose_name_plural = _("files")
        constraints = (
            laws.owned("upload"),
            models.CheckConstraint(
                name="upload_measured", condition=models.Q(file_size__gt=0, sha256__regex="^[0-9a-f]{64}$")
            ),
        )
        triggers = (
            laws.Law(
                name="unchanged",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func=laws.refuse("upload_unchanged", "a file that was taken in never changes"),
            ),
            laws.no_truncate(),
        )

    def __str__(self) -> str:
        return self.file_name
