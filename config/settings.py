"""One settings file; what differs between places comes from the environment (django-environ)."""

import json
import os
from datetime import timedelta
from pathlib import Path

import django_stubs_ext
import environ
from celery.schedules import crontab
from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.conf import global_settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from apps.core import logs

django_stubs_ext.monkeypatch()  # typed Django classes can be written as they are checked

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env(
    DEBUG=(bool, False),
    INSECURE_HTTP=(bool, False),
    ALLOWED_HOSTS=(list, ["localhost", "127.0.0.1"]),
    CSRF_TRUSTED_ORIGINS=(list, []),
    TRUSTED_PROXIES=(int, 0),
    REDIS_URL=(str, "redis://127.0.0.1:6379/0"),
    LOG_LEVEL=(str, "INFO"),
    SITE_URL=(str, "http://localhost:8000"),
    LOG_FORMAT=(str, "json"),
    METRICS_TOKEN=(str, ""),
    DEFAULT_FROM_EMAIL=(str, "Daybook <daybook@localhost>"),
    EMAIL_SERVICE=(str, ""),
    SESSION_IDLE_MINUTES=(int, 30),
    EMAIL_URL=(environ.Env.email_url, "consolemail://"),
)

DEBUG = env("DEBUG")
SECRET_KEY = env("SECRET_KEY")
ALLOWED_HOSTS = env("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env("CSRF_TRUSTED_ORIGINS")
SITE_URL = env("SITE_URL").rstrip("/")  # what links in e-mails begin with
TRUSTED_PROXIES = env("TRUSTED_PROXIES")  # how many of ours stand in front and add to X-Forwarded-For

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "apps.core.site.Admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "anymail",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "pgtrigger",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "apps.core",
    "apps.ledger",
    "apps.billing",
    "apps.reconciliation",
    "apps.issues",
    "apps.periods",
]

MIDDLEWARE = [
    "apps.core.middleware.observe",
    "apps.core.middleware.protect",
    "apps.core.middleware.ContentSecurityPolicy",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "apps.core.middleware.complete_path",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "apps.core.middleware.session_limits",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "apps.core.middleware.RefusalMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False  # complete_path resolves both spellings without a redirect

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# One process, one role: web, worker and beat connect as the application role, migrations as the owner.
DATABASES = {"default": env.db("DATABASE_URL")}
DATABASES["default"]["CONN_MAX_AGE"] = 60
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# Django's own statements are never prepared; those that ask for it are (a pooler must know them: PgBouncer 1.21).
DATABASES["default"].setdefault("OPTIONS", {})["prepare_threshold"] = 5
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "core.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "apps.core.password_rules.LetterAndDigit"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "full_name")},
    },
]

# Ten failures lock an account for the address that they came from, known or not (apps/core/services/lockout.py).
AXES_FAILURE_LIMIT = 10
AXES_CLIENT_IP_CALLABLE = "apps.core.services.lockout.address"
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_USERNAME_FORM_FIELD = "username"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "otp", "token"]
AXES_DISABLE_ACCESS_LOG = True  # the event log says who signed in
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
SILENCED_SYSTEM_CHECKS = ["axes.W002"]  # its middleware would answer in words of its own
OTP_TOTP_ISSUER = "Daybook"

LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("nl", _("Dutch")), ("nb", _("Norwegian"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = "UTC"
USE_TZ = True
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env("STATIC_ROOT", default=str(BASE_DIR / "var" / "static"))
WHITENOISE_USE_FINDERS = True

# Files that people send: outside whatever the site serves, in a folder or, where a bucket is named, in S3.
UPLOADS_FOLDER = {
    "BACKEND": "django.core.files.storage.FileSystemStorage",
    "OPTIONS": {
        "location": env("UPLOADS_ROOT", default=str(BASE_DIR / "var" / "uploads")),
        "file_permissions_mode": 0o600,
        "directory_permissions_mode": 0o700,
    },
}
UPLOADS_S3_BUCKET = env("UPLOADS_S3_BUCKET", default="")
S3_KEY_ID, _colon, S3_KEY = env("UPLOADS_S3_CREDENTIALS", default="").partition(":")
UPLOADS_BUCKET = {
    "BACKEND": "storages.backends.s3.S3Storage",
    "OPTIONS": {
        "bucket_name": UPLOADS_S3_BUCKET,
        "endpoint_url": env("UPLOADS_S3_ENDPOINT", default="") or None,
        "region_name": env("UPLOADS_S3_REGION", default="") or None,
        "access_key": S3_KEY_ID or None,
        "secret_key": S3_KEY or None,
        "querystring_auth": True,
        "file_overwrite": False,
        "object_parameters": {"ServerSideEncryption": "AES256", "CacheControl": "private, no-store"},
        "max_memory_size": 1024 * 1024,  # bytes of a file that is read; 0 would mean all of them
    },
}
STORAGES = {
    **global_settings.STORAGES,
    "uploads": UPLOADS_BUCKET if UPLOADS_S3_BUCKET else UPLOADS_FOLDER,
}
FILE_UPLOAD_HANDLERS = ["apps.core.uploads.receiving.BoundedUploadHandler"]
CLAMAV_URL = env("CLAMAV_URL", default="")
UPLOAD_SCANNER = "apps.core.uploads.clamav.scan" if CLAMAV_URL else ""  # takes a file, returns a verdict or refuses

vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
if env("EMAIL_SERVICE"):  # postmark, brevo, mailgun, ...: django-anymail; its settings are ANYMAIL_* of the environment
    EMAIL_BACKEND = f"anymail.backends.{env('EMAIL_SERVICE')}.EmailBackend"
    ANYMAIL = {
        name.removeprefix("ANYMAIL_"): value for name, value in os.environ.items() if name.startswith("ANYMAIL_")
    }
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL")
EMAIL_TIMEOUT = 10  # seconds; a mail server that hangs must not hold up the next event

if not env("INSECURE_HTTP"):
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^(health|metrics)/?$"]  # asked on the machine itself
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    LANGUAGE_COOKIE_SECURE = True
    # The prefix binds a cookie to this very host: no neighbour under the same domain can plant one.
    SESSION_COOKIE_NAME = "__Host-session"
    CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_COOKIE_HTTPONLY = True  # forms carry the token; no script of ours reads it

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
# What the admin's theme needs beyond it: Alpine.js evaluates its attributes, and the theme styles in place.
ADMIN_CONTENT_SECURITY_POLICY = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}
OPERATORS_NEED_SECOND_FACTOR = env.bool("OPERATORS_NEED_SECOND_FACTOR", default=not env("INSECURE_HTTP"))
SESSION_IDLE = timedelta(minutes=env("SESSION_IDLE_MINUTES"))
SESSION_COOKIE_AGE = 12 * 60 * 60  # in any case, counted from the sign-in

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "apps.core.sign_in.Bearer",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_THROTTLE_CLASSES": ["apps.core.rate_limits.Throttle"],
    "DEFAULT_PARSER_CLASSES": ["apps.core.parsers.JsonBody"],
    "DEFAULT_SCHEMA_CLASS": "apps.core.api.AutoSchema",
    "EXCEPTION_HANDLER": "apps.core.api.refuse",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=60),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "CHECK_REVOKE_TOKEN": True,  # a new password ends every token that was given on the old one
}

SPECTACULAR_SETTINGS = {
    "TITLE": "Daybook",
    "DESCRIPTION": "Back office for clinics: the day closes, the books follow.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "JobStateEnum": "apps.core.models.Job.State",
        "HealthStatusEnum": "apps.core.health.STATUSES",
        "AccountTypeEnum": "apps.ledger.models.Account.Type",
        "JournalTypeEnum": "apps.ledger.models.Journal.Type",
        "InvoiceTypeEnum": "apps.ledger.models.Invoice.Type",
        "InvoiceKindEnum": "apps.ledger.models.Invoice.Kind",
        "PartyKindEnum": "apps.ledger.models.Party.Kind",
        "OrderKindEnum": "apps.billing.models.Order.Kind",
        "BillKindEnum": "apps.billing.models.Bill.Kind",
        "PaymentKindEnum": "apps.billing.models.Payment.Kind",
        "PaymentMethodEnum": "apps.billing.models.Payment.Method",
        "TopUpMethodEnum": "apps.billing.models.TopUp.Method",
        "CoverMethodEnum": [("HMO", "HMO"), ("INSURANCE", "Insurance")],
        "CashMovementKindEnum": "apps.billing.models.CashMovement.Kind",
        "ClaimSettlementKindEnum": "apps.billing.models.ClaimSettlement.Kind",
        "DayReportKindEnum": ["X", "Z"],
        "ClaimStatusEnum": "apps.billing.models.Claim.Status",
        "VisitStatusEnum": "apps.billing.models.Visit.Status",
        "DayCloseStatusEnum": "apps.billing.models.EndOfDayReconciliation.Status",
        "CoverageEnum": "apps.billing.models.Coverage",
        "ErasureGroundEnum": "apps.core.privacy.Ground",
        "ExplanationKindEnum": "apps.ledger.reports.sync_status.KINDS",
        "DepreciationMethodEnum": "apps.ledger.models.FixedAsset.Method",
        "MatchKindEnum": "apps.reconciliation.models.Match.Kind",
        "ReconciliationModelKindEnum": "apps.reconciliation.models.ReconciliationModel.Kind",
        "ReconciliationModelTriggerEnum": "apps.reconciliation.models.ReconciliationModel.Trigger",
        "ReconciliationModelLineAmountTypeEnum": "apps.reconciliation.models.ReconciliationModelLine.AmountType",
        "PeriodTypeEnum": "apps.ledger.models.Period.Type",
        "PeriodStatusEnum": "apps.ledger.models.Period.Status",
        "ChecklistOutcomeEnum": ["PASSED", "WARNING", "FAILED"],
        "AccountReconciliationTypeEnum": "apps.reconciliation.models.AccountReconciliation.Type",
        "AccountReconciliationStatusEnum": "apps.reconciliation.models.AccountReconciliation.Status",
        "ExportFormatEnum": "apps.periods.models.BooksExport.Format",
        "EvidencePackTypeEnum": "apps.periods.models.EvidencePack.Type",
        "VatReturnStateEnum": ["DRAFT", "READY", "FILED", "CORRECTED"],
        "VatFrequencyEnum": "apps.periods.models.vat.Frequency",
    },
    "SCHEMA_PATH_PREFIX": r"/api/v1",
}

CELERY_BROKER_URL = env("REDIS_URL")
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 4 * 60 * 60,
    "socket_connect_timeout": 1,
    "socket_timeout": 2,
    "max_retries": 0,  # a request that asks for a task does not wait for a broker that is away; worker and beat do
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "config.celery:Scheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5  # seconds: it leaves its heartbeat as it ticks
CELERY_BEAT_SCHEDULE = {
    "close days that are due": {"task": "apps.billing.tasks.close_due_days", "schedule": 60.0},
    "ask providers": {"task": "apps.billing.tasks.ask_providers", "schedule": 10 * 60.0, "options": {"expires": 300.0}},
    "match open bank lines": {
        "task": "apps.reconciliation.tasks.match_open_lines",
        "schedule": crontab(hour=2, minute=40),
        "options": {"expires": 6 * 60 * 60.0},
    },
    "validate the books": {
        "task": "apps.issues.tasks.validate_all",
        "schedule": crontab(hour=3, minute=20),
        "options": {"expires": 6 * 60 * 60.0},
    },
    "suspend what moved": {"task": "apps.reconciliation.tasks.suspend_moved", "schedule": 60 * 60.0},
    "roll up months": {"task": "apps.ledger.tasks.roll_up_months", "schedule": 60.0},
    "post depreciation that is due": {"task": "apps.ledger.tasks.post_due_depreciation", "schedule": 60 * 60.0},
    "open years ahead": {"task": "apps.periods.tasks.open_years_ahead", "schedule": crontab(hour=3, minute=20)},
    "forget": {"task": "apps.core.tasks.forget", "schedule": 24 * 60 * 60.0},
    "sweep made files": {"task": "apps.periods.tasks.sweep_files", "schedule": 24 * 60 * 60.0},
    "resume jobs": {"task": "apps.core.tasks.resume_jobs", "schedule": 60.0},
    # Asked for at every commit as well. One that waited is of no more use than the next.
    "deliver events": {"task": "apps.core.tasks.deliver_events", "schedule": 5.0, "options": {"expires": 5.0}},
}

# The payment provider: the secret key of each administration that it is connected to, as JSON {"<id>": "sk_live_..."}.
PAYSTACK_SECRET_KEYS: dict[str, str] = json.loads(env("PAYSTACK_SECRET_KEYS", default="") or "{}")
PAYSTACK_URL = env("PAYSTACK_URL", default="https://api.paystack.co").rstrip("/")
if not PAYSTACK_URL.startswith(("https://", "http://127.0.0.1:")) and not DEBUG:
    raise ImproperlyConfigured("PAYSTACK_URL: the secret keys are sent over https alone, or to this very machine.")

# What verify_books proves by reading: modules with a list ``ALL`` of checks.
BOOK_CHECKS = ["apps.ledger.checks", "apps.billing.checks", "apps.reconciliation.checks", "apps.periods.checks"]

# Who hears of what: event name -> handlers, called at least once, each one idempotent.
EVENT_HANDLERS: dict[str, list[str]] = {
    "core.mail_asked": ["apps.core.handlers.send_mail"],
    "core.administration_opened": ["apps.billing.handlers.open_clinic"],
    "ledger.books_opened": ["apps.reconciliation.handlers.open_bank_account"],
    "billing.demo_made": ["apps.reconciliation.handlers.keep_bank_of_demo"],
    "billing.nightly_close_ended": ["apps.billing.handlers.mail_signers"],
    "billing.day_finalized": ["apps.billing.handlers.mail_z"],
    "ledger.entry_reversed": ["apps.reconciliation.handlers.undo_what_was_reversed"],
    "billing.provider_reference_typed": ["apps.billing.handlers.ask_about_typed"],
}

LOGGING = logs.settings_for(level=env("LOG_LEVEL"), form=env("LOG_FORMAT"))

# Gauges for Prometheus: modules with a list ``ALL``, read at each scrape.
METRICS_TOKEN = env("METRICS_TOKEN")
GAUGES = ["apps.core.gauges", "apps.billing.gauges"]

UNFOLD = {
    "SITE_TITLE": "Daybook",
    "SITE_HEADER": "Daybook",
    "SITE_SUBHEADER": _("The day closes, the books follow"),
    "SITE_SYMBOL": "menu_book",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "/static/daybook/favicon.svg"}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SITE_URL": None,
    "SHOW_LANGUAGES": True,
    "BORDER_RADIUS": "6px",
    "DASHBOARD_CALLBACK": "config.sidebar.dashboard",
    "STYLES": ["/static/daybook/daybook.css"],
    "SCRIPTS": ["/static/daybook/daybook.js"],
    "ACCOUNT": {
        "navigation": [
            {"title": _("Your account"), "link": reverse_lazy("account")},
            {"title": _("Your data"), "link": reverse_lazy("own_data")},
        ]
    },
    "SIDEBAR": {"show_search": False, "show_all_applications": False, "navigation": "config.sidebar.navigation"},
}
