"""What an answer tells the browser to refuse: scripts that are not ours, frames, keeping, plain http."""

import subprocess
import sys

import pytest
from django.http import HttpResponse

from apps.billing.services.charging import Charge, register_visit
from apps.billing.tests.clinic import PASSWORD, make_clinic
from apps.core.middleware import ContentSecurityPolicy
from apps.core.services.jobs import start_job
from apps.core.tests.factories import operator

OURS = "default-src 'self'"
VIOLATIONS = """
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (event) =>
        violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""
INJECT = """
    const script = document.createElement("script");
    script.textContent = "window.injected = true";
    document.body.append(script);
    document.body.insertAdjacentHTML("beforeend", '<img src="/missing" onerror="window.injected = true">');
"""


def policy(answer):
    directives = (part.split() for part in answer.headers["Content-Security-Policy"].split(";"))
    return {name: set(sources) for name, *sources in directives}


# -- headers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/health/", "/api/docs/", "/api/v1/auth/me/", "/nowhere/", "/", "/admin/login/"])
def test_every_answer_carries_the_headers(client, db, address):
    headers = client.get(address).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert "camera=()" in headers["Permissions-Policy"]


@pytest.mark.parametrize(
    "address", ["/health/", "/api/docs/", "/api/v1/auth/me/", "/nowhere/", "/admin/login/", "/account/register/"]
)
def test_outside_the_admin_only_files_of_our_own_may_run(client, db, address):
    said = policy(client.get(address))
    assert said["script-src"] == said["style-src"] == said["default-src"] == said["form-action"] == {"'self'"}
    assert said["frame-ancestors"] == said["base-uri"] == said["object-src"] == {"'none'"}


def test_the_wider_policy_of_the_theme_still_refuses_inline_scripts(client, db):
    client.force_login(operator())
    said = policy(client.get("/admin/"))
    assert said.pop("script-src") == {"'self'", "'unsafe-eval'"}
    assert said.pop("style-src") == {"'self'", "'unsafe-inline'"}
    strict = policy(client.get("/health/"))
    assert said == {name: sources for name, sources in strict.items() if name in said}


def test_a_nonce_stands_in_the_header_when_a_page_uses_it(rf, db):
    said = policy(ContentSecurityPolicy(lambda request: HttpResponse(str(request.csp_nonce)))(rf.get("/account/")))
    assert len(said["script-src"]) == 2
    assert any(source.startswith("'nonce-") for source in said["script-src"])


def test_answers_of_the_api_are_kept_by_nobody(client, db):
    assert client.get("/api/v1/auth/me/").headers["Cache-Control"] == "no-store"
    assert client.get("/api/v1/nowhere/").headers["Cache-Control"] == "no-store"


# -- https --------------------------------------------------------------------------------------------------------

ASK = """
import django; django.setup()
from django.test import Client
from django.conf import settings
print(settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_SECURE, settings.SESSION_COOKIE_HTTPONLY)
plain = Client().get("/admin/login/", HTTP_HOST="books.example")
print(plain.status_code, plain.headers["Location"])
answer = Client().get("/admin/login/", HTTP_HOST="books.example", HTTP_X_FORWARDED_PROTO="https")
print(answer.headers["Strict-Transport-Security"])
print(answer.cookies.output())
"""


def test_over_https_the_browser_stays_there_and_cookies_are_bound_to_the_host(process_env):
    env = process_env | {
        "INSECURE_HTTP": "off",
        "ALLOWED_HOSTS": "books.example",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    asked = subprocess.run([sys.executable, "-c", ASK], env=env, capture_output=True, text=True, check=True)
    *_, session, plain, hsts, csrf = [line for line in asked.stdout.splitlines() if not line.startswith("{")]
    assert session == "__Host-session True True"
    assert plain == "301 https://books.example/admin/login/"
    assert hsts == "max-age=31536000; includeSubDomains; preload"
    assert csrf.startswith("Set-Cookie: __Host-csrf=")
    for flag in ("HttpOnly", "Secure", "Path=/", "SameSite=Lax"):
        assert f"; {flag}" in csrf
    assert "Domain=" not in csrf


def test_the_session_cookie_is_out_of_reach_of_scripts_and_of_other_sites(client, db):
    answer = client.post("/admin/login/", {"username": make_clinic().owner.email, "password": PASSWORD})
    cookie = answer.cookies["sessionid"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "Lax", "/", "")


# -- in a browser -------------------------------------------------------------------------------------------------


@pytest.fixture
def watched(site, new_context):
    """A page that notes what its policy refused, and what its console calls an error."""
    context = new_context()
    context.add_init_script(VIOLATIONS)
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.wrong = []
    page.on("console", lambda told: page.wrong.append(f"{page.url}: {told.text}") if told.type == "error" else None)
    page.on("pageerror", lambda error: page.wrong.append(f"{page.url}: {error}"))
    return page


def quiet(page):
    page.wait_for_load_state("networkidle")
    assert page.evaluate("violations") == [], page.url
    assert page.wrong == []


def test_no_page_breaks_its_policy(watched, site, committed):
    page, clinic = watched, make_clinic()
    clinic.pay(clinic.bill("65.00", day=clinic.yesterday), "65.00", day=clinic.yesterday)
    close = clinic.finalized(clinic.yesterday)
    charges = [Charge(clinic.service("28.50"))]
    visit = register_visit(
        administration=clinic.administration, patient=clinic.patient(), charges=charges, by=clinic.receptionist
    )
    bill = visit.bills.get()
    job = start_job("apps.billing.tasks.finalize_days", title="Nothing", by=clinic.owner, arguments={}, total=3)
    page.goto(f"{site.url}/admin/")
    quiet(page)
    page.get_by_label("E-mail address").fill(clinic.owner.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.url}/admin/")
    quiet(page)
    for path in (
        "admin/billing/visit/add/",
        f"admin/billing/visit/{visit.pk}/change/",
        f"admin/billing/bill/{bill.pk}/change/",
        f"admin/billing/bill/{bill.pk}/pay/",
        "admin/billing/bill/",
        "admin/billing/patient/add/",
        "admin/billing/service/add/",
        f"admin/billing/endofdayreconciliation/{close.pk}/change/",
        f"admin/billing/endofdayreconciliation/day/{clinic.administration.pk}/{clinic.today}/",
        "admin/ledger/journalentry/",
        f"admin/ledger/journalentry/{close.entry_id}/change/",
        "admin/ledger/account/trial-balance/",
        f"admin/core/job/{job.pk}/",
        "admin/core/event/",
        "admin/core/invitation/add/",
        "admin/core/upload/",
        "admin/password_change/",
        "admin/personal-data/",
        "account/",
        "account/second-factor/set-up/",
        "account/register/",
        "api/docs/",
    ):
        assert page.goto(f"{site.url}/{path}").status == 200, path
        quiet(page)
    page.locator(".opblock").first.click()
    page.locator(".opblock-body").first.wait_for()
    quiet(page)


def test_a_script_that_somebody_slipped_in_does_not_run(watched, site):
    for path in ("api/docs/", "admin/login/", "nowhere/"):
        watched.goto(f"{site.url}/{path}")
        watched.evaluate(INJECT)
        watched.wait_for_function("violations.length >= 2")
        assert watched.evaluate("window.injected") is None, path
