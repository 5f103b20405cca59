"""The pages around signing in: registration, verification, passwords, second factor, invitations, one's own account.

They stand outside the admin and load nothing but our own style sheet, so the strict content security policy holds.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import segno
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe
from django.views.i18n import set_language

from apps.core import sign_in
from apps.core.errors import DomainError, tell
from apps.core.events import record
from apps.core.models import Event, User
from apps.core.password_rules import LONGEST
from apps.core.rate_limits import limited
from apps.core.services import accounts, invitations, lockout, second_factor

BACKEND = "django.contrib.auth.backends.ModelBackend"
HALF_SIGNED_IN = "half_signed_in"  # in the session: who has given the password and still owes the code, and since when
HALF_LASTS = timedelta(minutes=10)

page = require_http_methods(["GET", "POST"])


# Forms ---------------------------------------------------------------------------------------------------------------


class PasswordField(forms.CharField):
    def __init__(self, label: Any, *, new: bool) -> None:
        autocomplete = "new-password" if new else "current-password"
        help_text = " ".join(password_validators_help_texts()) if new else ""
        super().__init__(
            label=label,
            strip=False,
            max_length=LONGEST,
            help_text=help_text,
            widget=forms.PasswordInput({"autocomplete": autocomplete}),
        )


class EmailField(forms.EmailField):
    def __init__(self) -> None:
        super().__init__(label=_("E-mail address"), widget=forms.EmailInput({"autocomplete": "username"}))

    def clean(self, value: Any) -> str:
        return str(super().clean(value)).lower()


class SignInForm(forms.Form):
    username = EmailField()
    password = PasswordField(_("Password"), new=False)


class EmailForm(forms.Form):
    email = EmailField()


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        widget=forms.TextInput({"autocomplete": "one-time-code", "inputmode": "text"}),
    )


class SetUpForm(CodeForm):
    """The first code of a new app. Whoever is signed in proves anew who they are: by their password, or with a code of
    the app that the new one replaces (OWASP ASVS 7.5.1)."""

    def __init__(self, proving: User | None, *args: Any) -> None:
        super().__init__(*args)
        self.proving = proving
        if proving is None:
            return
        if second_factor.is_set_up(proving):
            label = _("Code of the app that you use now, or a recovery code")
            self.fields["proof"] = forms.CharField(label=label, max_length=40)
        else:
            self.fields["proof"] = PasswordField(_("Your password"), new=False)
        self.fields["code"].label = _("Code of the new app")
        self.order_fields(["proof", "code"])

    def clean_proof(self) -> str:
        proof: str = self.cleaned_data["proof"]
        user: Any = self.proving
        if second_factor.is_set_up(user):
            second_factor.prove(user, proof)
        elif not user.check_password(proof):
            raise ValidationError(_("This is not your password."))
        return proof


class NewPasswordForm(forms.Form):
    """A new password; with ``about`` it may not resemble the person's name or address."""

    password = PasswordField(_("Password"), new=True)

    def about(self) -> User | None:
        return None

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if "password" in given:
            try:
                validate_password(given["password"], self.about())
            except ValidationError as weak:
                self.add_error("password", weak)
        return given


class NameAndPasswordForm(NewPasswordForm):
    full_name = forms.CharField(label=_("Full name"), max_length=200, widget=forms.TextInput({"autocomplete": "name"}))
    field_order: Any = ("full_name", "password")

    def about(self) -> User | None:
        return User(email=self.cleaned_data.get("email", ""), full_name=self.cleaned_data.get("full_name", ""))


class RegistrationForm(NameAndPasswordForm):
    email = EmailField()
    role = forms.ChoiceField(
        label=_("You are"),
        choices=[(role.value, role.label) for role in accounts.REGISTERS_AS],
        widget=forms.RadioSelect,
    )
    practice_name = forms.CharField(
        label=_("Name of the practice"), max_length=200, required=False, help_text=_("For a practice owner.")
    )
    country = forms.ChoiceField(
        label=_("Country"), choices=[("NL", _("Netherlands")), ("NO", _("Norway")), ("NG", _("Nigeria"))]
    )
    field_order = ("role", "full_name", "email", "password", "practice_name", "country")


class ChangePasswordForm(NewPasswordForm):
    current = PasswordField(_("Current password"), new=False)
    field_order = ("current", "password")

    def __init__(self, user: User, *args: Any) -> None:
        self.user = user
        super().__init__(*args)

    def about(self) -> User:
        return self.user

    def clean_current(self) -> str:
        current: str = self.cleaned_data["current"]
        if not self.user.check_password(current):
            raise ValidationError(_("This is not your password."))
        return current


# Signing in ----------------------------------------------------------------------------------------------------------


@page
@limited("token", methods=["POST"])
@never_cache
@sensitive_post_parameters("password")
def sign_in_page(request: HttpRequest) -> HttpResponse:
    """E-mail address and password; whoever has or needs a second factor goes on to it."""
    if request.user.is_authenticated:
        return redirect(_next(request))
    form = SignInForm(_given(request))
    if form.is_valid():
        given = form.cleaned_data
        try:
            user = sign_in.check_password(request, email=given["username"], password=given["password"])
        except DomainError as refusal:
            return _form(request, "sign_in", form, refusal=refusal)
        if second_factor.is_set_up(user):
            return _half(request, user, "prove_second_factor")
        if second_factor.is_required(user):
            return _half(request, user, "set_up_second_factor")
        return _signed_in(request, user)
    return _form(request, "sign_in", form)


@page
@limited("token", methods=["POST"])
@never_cache
def prove_second_factor(request: HttpRequest) -> HttpResponse:
    """The code of the app, or a recovery code."""
    user = _half_signed_in(request)
    if user is None:
        return redirect("admin:login")
    form = CodeForm(_given(request))
    if form.is_valid():
        try:
            second_factor.prove(user, form.cleaned_data["code"])
        except DomainError as refusal:
            return _form(request, "prove_second_factor", form, refusal=refusal)
        return _signed_in(request, user)
    return _form(request, "prove_second_factor", form)


@page
@never_cache
def set_up_second_factor(request: HttpRequest) -> HttpResponse:
    """Scan the code with an app and give its first answer: for whoever is signed in, or must do it to get in."""
    signed_in: Any = request.user if request.user.is_authenticated else None
    user = signed_in or _half_signed_in(request)
    if user is None:
        return redirect("admin:login")
    if not signed_in and second_factor.is_set_up(user):
        return redirect("prove_second_factor")  # the password alone replaces no second factor
    device = second_factor.begin(user)
    picture = segno.make(device.config_url, error="m").svg_inline(scale=5, border=2, title=_("QR code for the app"))
    secret = second_factor.readable_secret(device)
    form = SetUpForm(signed_in, _given(request))
    try:
        codes = second_factor.set_up(user, form.cleaned_data["code"]) if form.is_valid() else None
    except DomainError as refusal:
        return _form(request, "set_up_second_factor", form, refusal=refusal, picture=picture, secret=secret)
    if codes:
        if signed_in:
            update_session_auth_hash(request, user)
        else:
            _log_in(request, user)
        return render(request, "account/recovery_codes.html", {"codes": codes, "next": reverse("admin:index")})
    return _form(request, "set_up_second_factor", form, picture=picture, secret=secret)


def _half(request: HttpRequest, user: User, step: str) -> HttpResponse:
    """The password was right; the session knows it for ten minutes, and is not signed in yet."""
    request.session.cycle_key()
    request.session[HALF_SIGNED_IN] = {"user": str(user.pk), "version": user.access_version, "at": _now()}
    return redirect(f"{reverse(step)}?{request.GET.urlencode()}")


def _half_signed_in(request: HttpRequest) -> User | None:
    half = request.session.get(HALF_SIGNED_IN)
    if not half or _now() - half["at"] > HALF_LASTS.total_seconds():
        return None
    return User.objects.filter(pk=half["user"], access_version=half["version"], is_active=True).first()


def _log_in(request: HttpRequest, user: User) -> None:
    lockout.forgive(request, user)
    request.session.pop(HALF_SIGNED_IN, None)
    login(request, user, backend=BACKEND)
    record("core.signed_in", user, by=user)


def _signed_in(request: HttpRequest, user: User) -> HttpResponse:
    _log_in(request, user)
    answer = redirect(_next(request))
    if user.language:
        answer.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            user.language,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            secure=request.is_secure(),
            httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
            samesite="Lax",
        )
    return answer


def _next(request: HttpRequest) -> str:
    """Where the person wanted to go, when that is on this site."""
    wanted = request.POST.get("next") or request.GET.get("next", "")
    ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
    return wanted if ours else reverse("admin:index")


def _now() -> float:
    return timezone.now().timestamp()


# Registration and passwords ------------------------------------------------------------------------------------------


@page
@limited("register", methods=["POST"])
@never_cache
@sensitive_post_parameters("password")
def register_page(request: HttpRequest) -> HttpResponse:
    form = RegistrationForm(_given(request), initial={"role": User.Role.ZZP})
    if not form.is_valid():
        return _form(request, "register", form)
    given = form.cleaned_data
    try:
        accounts.register(
            email=given["email"],
            password=given["password"],
            full_name=given["full_name"],
            role=given["role"],
            language=translation.get_language() or "en",
            practice={"name": given["practice_name"], "country": given["country"]},
        )
    except DomainError as refusal:
        return _form(request, "register", form, refusal=refusal)
    return _said(request, "registered", email=given["email"])


@page
@limited("verify_email", methods=["POST"])
@never_cache
def verify_email_page(request: HttpRequest) -> HttpResponse:
    """A button, since mail scanners follow links: only pressing it uses the link up."""
    form = forms.Form(_given(request))
    if not form.is_valid():
        return _form(request, "verify_email", form)
    try:
        accounts.verify_email(_secret(request))
    except DomainError as refusal:
        return _form(request, "verify_email", form, refusal=refusal)
    return _said(request, "verified")


@page
@limited("resend_verification", methods=["POST"])
@never_cache
def resend_verification_page(request: HttpRequest) -> HttpResponse:
    return _ask_by_mail(request, "resend_verification", accounts.resend_verification)


@page
@limited("forgot_password", methods=["POST"])
@never_cache
def forgot_password_page(request: HttpRequest) -> HttpResponse:
    return _ask_by_mail(request, "forgot_password", accounts.forgot_password)


def _ask_by_mail(request: HttpRequest, name: str, ask: Callable[..., None]) -> HttpResponse:
    form = EmailForm(_given(request))
    if not form.is_valid():
        return _form(request, name, form)
    ask(email=form.cleaned_data["email"], language=translation.get_language() or "en")
    return _said(request, "asked", email=form.cleaned_data["email"])


@page
@limited("reset_password", methods=["POST"])
@never_cache
@sensitive_post_parameters("password")
def reset_password_page(request: HttpRequest) -> HttpResponse:
    form = NewPasswordForm(_given(request))
    if not form.is_valid():
        return _form(request, "reset_password", form)
    try:
        accounts.reset_password(_secret(request), form.cleaned_data["password"])
    except DomainError as refusal:
        return _form(request, "reset_password", form, refusal=refusal)
    except ValidationError as weak:
        form.add_error("password", weak)
        return _form(request, "reset_password", form)
    return _said(request, "password_chosen")


# Invitations ---------------------------------------------------------------------------------------------------------


@page
@limited("reset_password", methods=["POST"])
@never_cache
@sensitive_post_parameters("password")
def invitation_page(request: HttpRequest) -> HttpResponse:
    """Take a role: signed in with one press, new with a name and a password."""
    secret = _secret(request)
    invitation = invitations.find(secret)
    context: dict[str, Any] = {"invitation": invitation}
    user: Any = request.user
    if user.is_authenticated:
        form = forms.Form(_given(request))
        if not form.is_valid():
            return _form(request, "invitation", form, **context)
        invitations.accept(secret, by=user)
        messages.success(request, _("You now work in %(name)s.") % {"name": invitation.administration.name})
        return redirect("admin:index")
    if invitations.signs_in_first(invitation):
        return redirect(f"{reverse('admin:login')}?next={request.get_full_path()}")
    form = NameAndPasswordForm(_given(request), initial={"full_name": invitation.full_name})
    if not form.is_valid():
        return _form(request, "invitation", form, **context)
    given = form.cleaned_data
    try:
        invitations.accept_as_new(secret, full_name=given["full_name"], password=given["password"])
    except ValidationError as weak:
        form.add_error("password", weak)
        return _form(request, "invitation", form, **context)
    return _said(request, "joined", name=invitation.administration.name)


# One's own account ---------------------------------------------------------------------------------------------------


@login_required
@require_safe
@never_cache
def account_page(request: HttpRequest) -> HttpResponse:
    """Who one is here: memberships, second factor, what one did last."""
    user: Any = request.user
    context = {
        "title": _("Your account"),
        "memberships": user.memberships.select_related("administration").order_by("administration__name"),
        "second_factor": second_factor.is_set_up(user),
        "events": Event.objects.filter(by=user).select_related("administration")[:20],
    }
    return render(request, "account/account.html", {**admin.site.each_context(request), **context})


@login_required
@page
@never_cache
@sensitive_post_parameters("current", "password")
def change_password_page(request: HttpRequest) -> HttpResponse:
    user: Any = request.user
    form = ChangePasswordForm(user, _given(request))
    if not form.is_valid():
        return _form(request, "change_password", form)
    accounts.change_password(user, form.cleaned_data["password"])
    update_session_auth_hash(request, user)
    messages.success(request, _("Your password is changed. Everywhere else you are signed out."))
    return redirect("account")


@login_required
@page
@never_cache
def recovery_codes_page(request: HttpRequest) -> HttpResponse:
    """New recovery codes, for whoever proves the second factor once more."""
    user: Any = request.user
    if not second_factor.is_set_up(user):
        return redirect("set_up_second_factor")
    form = CodeForm(_given(request))
    if form.is_valid():
        try:
            second_factor.prove(user, form.cleaned_data["code"])
        except DomainError as refusal:
            return _form(request, "new_recovery_codes", form, refusal=refusal)
        codes = second_factor.new_recovery_codes(user)
        return render(request, "account/recovery_codes.html", {"codes": codes, "next": reverse("account")})
    return _form(request, "new_recovery_codes", form)


def choose_language(request: HttpRequest) -> HttpResponse:
    """As Django's own: the cookie for this browser; and, for whoever is signed in, the language of their e-mails."""
    answer = set_language(request)
    user: Any = request.user
    chosen = request.POST.get("language", "")
    if request.method == "POST" and user.is_authenticated and chosen in dict(settings.LANGUAGES):
        User.objects.filter(pk=user.pk).update(language=chosen)
    return answer


# What they share -----------------------------------------------------------------------------------------------------


def _given(request: HttpRequest) -> Any:
    """What was sent; None when the page is only looked at. An empty form is sent, too: a button."""
    return request.POST if request.method == "POST" else None


def _secret(request: HttpRequest) -> str:
    return request.GET.get("token", "")[:200]


def _form(
    request: HttpRequest, name: str, form: forms.Form, *, refusal: DomainError | None = None, **context: Any
) -> HttpResponse:
    if refusal:
        tell(refusal)
    first = next(iter(form.fields.values()), None)
    if first and not form.is_bound:
        first.widget.attrs["autofocus"] = True
    answer = render(
        request,
        f"account/{name}.html",
        {"form": form, "refusal": refusal and refusal.detail(), **context},
        status=refusal.status if refusal else 200,
    )
    for header, value in (refusal.headers() if refusal else {}).items():
        answer[header] = value
    return answer


def _said(request: HttpRequest, what: str, **context: Any) -> HttpResponse:
    return render(request, f"account/{what}.html", context)
