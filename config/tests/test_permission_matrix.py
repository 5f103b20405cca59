"""Every address, every role, a row of one's own, a foreign one and a missing one.

The addresses come from the URL configuration; what is allowed stands here, written by hand. An address that is not
listed fails with its name. Whoever adds an admin page for a model adds a line to MODELS; whoever adds another address
adds one to ADDRESSES (or OPEN, SIGNED_IN) and, for a new model, makes sure that ``fill`` makes a row of it.

Roles by letter: r receptionist, c cashier, m manager, o owner, a accountant, d administrator, s a superuser without
any membership. "Allowed" means that the role is not what says no: an empty form may still be refused as such.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admindocs.views import simplify_regex
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern
from uuid_utils.compat import uuid7

from apps.billing.models import NightlyClose, ServiceGroup
from apps.billing.services.catalogue import register_patient, register_payer
from apps.billing.services.charging import Charge, register_visit
from apps.billing.tests.clinic import Clinic, make_clinic
from apps.core.events import record
from apps.core.models import Administration, Delivery, Event, Job, Membership, User
from apps.core.services.invitations import invite
from apps.core.services.uploads import store_upload
from apps.core.tests.factories import AdministrationFactory, UserFactory, member, operator
from apps.ledger.models import Account, Batch, ExchangeRate, FixedAsset, Journal, Party, Period, VatCode
from apps.ledger.services.depreciating import dispose, post_depreciation
from apps.ledger.services.invoicing import InvoicedLine, post_customer_invoice, post_vendor_invoice
from config.sidebar import navigation

LETTERS = {
    "r": Membership.Role.RECEPTIONIST,
    "c": Membership.Role.CASHIER,
    "m": Membership.Role.MANAGER,
    "o": Membership.Role.OWNER,
    "a": Membership.Role.ACCOUNTANT,
    "d": Membership.Role.ADMIN,
}
EVERYBODY = "rcmoads"
CLINIC = "rcmoa"  # whoever reads what happens in the clinic
DESK = "rcmo"  # whoever works at the desk
BOOKS = "moa"  # whoever reads the ledger
NOBODY = ""

# The admin's pages of a model: who views, adds, changes and deletes.
MODELS: dict[str, tuple[str, str, str, str]] = {
    # model                    view     add      change   delete
    "core.Administration": ("ods", "s", "od", NOBODY),
    "core.User": ("ods", NOBODY, "s", NOBODY),
    "core.Membership": ("od", NOBODY, "od", "od"),
    "core.Invitation": ("mod", "mod", NOBODY, NOBODY),
    "core.Event": ("moas", NOBODY, NOBODY, NOBODY),
    "core.Delivery": ("s", NOBODY, NOBODY, NOBODY),
    "core.Job": (EVERYBODY, NOBODY, NOBODY, NOBODY),
    "core.Upload": (CLINIC, NOBODY, NOBODY, NOBODY),
    "ledger.Account": (BOOKS, "a", "a", NOBODY),
    "ledger.VatCode": (BOOKS, NOBODY, NOBODY, NOBODY),
    "ledger.Journal": (BOOKS, "a", "a", NOBODY),
    "ledger.Period": (BOOKS, NOBODY, NOBODY, NOBODY),
    "ledger.JournalEntry": (BOOKS, "a", "a", "a"),
    "ledger.Invoice": (BOOKS, "a", NOBODY, NOBODY),
    "ledger.OpenItem": (BOOKS, NOBODY, NOBODY, NOBODY),
    "ledger.Batch": (BOOKS, NOBODY, NOBODY, NOBODY),
    "ledger.Party": (BOOKS, "a", "a", NOBODY),
    "ledger.Seal": (BOOKS, NOBODY, NOBODY, NOBODY),
    "ledger.FixedAsset": (BOOKS, "a", "a", NOBODY),
    "ledger.ExchangeRate": (BOOKS, "a", "a", NOBODY),
    "billing.Visit": (CLINIC, DESK, NOBODY, NOBODY),
    "billing.Bill": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.Payment": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.Patient": (CLINIC, DESK, DESK, NOBODY),
    "billing.Payer": (CLINIC, "mo", NOBODY, NOBODY),
    "billing.Service": (CLINIC, "mo", "mo", NOBODY),
    "billing.ServiceGroup": (CLINIC, "mo", "mo", NOBODY),
    "billing.EndOfDayReconciliation": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.ClinicDay": (CLINIC, NOBODY, NOBODY, NOBODY),
    "billing.NightlyClose": (CLINIC, NOBODY, NOBODY, NOBODY),
}


@dataclass(frozen=True)
class Address:
    """What an address takes: the roles by method, the model that its id names, a body that can be taken, a query."""

    methods: dict[str, str]
    names: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    query: str = ""


DAY = {"start_date": "2026-03-01", "end_date": "2026-03-31"}
CLOSE = "billing.EndOfDayReconciliation"
RECONCILIATION = "api/v1/billing/reconciliation/"
UPLOADS = "api/v1/uploads/"
REPORTS = "api/v1/accountant/clients/<client_id>/"
BOOKS_OF = Address({"GET": BOOKS}, "core.Administration")
LEDGER = "api/v1/ledger/"
ASSETS = LEDGER + "fixed-assets/"
ENTRY = {"entry_date": "2026-03-03", "description": "By hand", "lines": []}

ADDRESSES: dict[str, Address] = {
    "admin/core/job/<object_id>/": Address({"GET": EVERYBODY}, "core.Job"),
    "admin/core/job/<object_id>/state/": Address({"GET": EVERYBODY}, "core.Job"),
    "admin/core/user/<object_id>/personal-data/": Address({"GET": "ods", "POST": "ods"}, "core.User"),
    "admin/ledger/account/trial-balance/": Address({"GET": BOOKS}),
    "admin/ledger/account/balance-sheet/": Address({"GET": BOOKS}),
    "admin/ledger/account/profit-and-loss/": Address({"GET": BOOKS}),
    "admin/ledger/account/receivables/": Address({"GET": BOOKS}),
    "admin/ledger/account/payables/": Address({"GET": BOOKS}),
    "admin/ledger/account/vat-by-code/": Address({"GET": BOOKS}),
    "admin/ledger/account/vat-lines/<object_id>/": Address({"GET": BOOKS}, "ledger.VatCode"),
    "admin/ledger/account/find/<administration_id>/": Address({"GET": "a"}, "core.Administration"),
    "admin/ledger/party/find/<administration_id>/": Address({"GET": "a"}, "core.Administration"),
    # A manager or owner posts what is above the limit of manual entries.
    "admin/ledger/journalentry/<object_id>/post/": Address({"GET": BOOKS, "POST": BOOKS}, "ledger.JournalEntry"),
    "admin/ledger/journalentry/<object_id>/reverse/": Address({"GET": "a", "POST": "a"}, "ledger.JournalEntry"),
    "admin/ledger/account/<account_id>/ledger/": Address({"GET": BOOKS}, "ledger.Account"),
    "admin/ledger/batch/import/": Address({"GET": "a", "POST": "a"}),
    "admin/ledger/batch/import/<object_id>/": Address({"GET": "a", "POST": "a"}, "core.Upload"),
    "admin/ledger/fixedasset/depreciate/": Address({"GET": "a", "POST": "a"}),
    "admin/ledger/fixedasset/<object_id>/dispose/": Address({"GET": "a", "POST": "a"}, "ledger.FixedAsset"),
    "admin/ledger/fixedasset/of-depreciation/<pk>/": Address({"GET": BOOKS}, "ledger.Depreciation"),
    "admin/ledger/fixedasset/of-disposal/<pk>/": Address({"GET": BOOKS}, "ledger.Disposal"),
    "admin/ledger/exchangerate/revalue/": Address({"GET": "a", "POST": "a"}),
    "admin/ledger/period/open/": Address({"GET": "a", "POST": "a"}),
    "admin/ledger/period/opening-balance/": Address({"GET": "a", "POST": "a"}),
    "admin/ledger/period/spread/": Address({"GET": "a", "POST": "a"}),
    "admin/ledger/period/<object_id>/year-end/": Address({"GET": BOOKS}, "ledger.Period.YEAR"),
    "admin/ledger/period/<object_id>/appropriate/": Address({"GET": "a", "POST": "a"}, "ledger.Period.YEAR"),
    "admin/ledger/period/<object_id>/adjust/": Address({"GET": "a", "POST": "a"}, "ledger.Period.YEAR"),
    ASSETS: Address({"GET": BOOKS, "POST": "a"}, body={"code": "A", "name": "Scanner"}),
    ASSETS + "<pk>/": Address({"GET": BOOKS}, "ledger.FixedAsset"),
    ASSETS + "<pk>/dispose/": Address({"POST": "a"}, "ledger.FixedAsset", {"date": "2026-03-31"}),
    ASSETS + "depreciate/": Address({"POST": "a"}, body={"month": "2026-03-01"}),
    LEDGER + "entries/": Address({"GET": BOOKS, "POST": "a"}, body=ENTRY),
    LEDGER + "entries/<pk>/": Address({"GET": BOOKS}, "ledger.JournalEntry"),
    LEDGER + "entries/<pk>/reverse/": Address({"POST": "a"}, "ledger.JournalEntry", {"reason": "Typed twice."}),
    LEDGER + "entries/<pk>/post/": Address({"POST": BOOKS}, "ledger.JournalEntry"),  # a manager as the second person
    LEDGER + "vendor-invoices/": Address({"GET": BOOKS, "POST": "a"}, body={"reference": "F-1"}),
    LEDGER + "vendor-invoices/<pk>/": Address({"GET": BOOKS}, "ledger.Invoice.VENDOR"),
    LEDGER + "customer-invoices/": Address({"GET": BOOKS, "POST": "a"}, body={"invoice_date": "2026-03-03"}),
    LEDGER + "customer-invoices/<pk>/": Address({"GET": BOOKS}, "ledger.Invoice.CUSTOMER"),
    LEDGER + "supplier-ledger/": Address({"GET": BOOKS}),
    LEDGER + "customer-ledger/": Address({"GET": BOOKS}),
    LEDGER + "allocations/": Address({"GET": BOOKS, "POST": "a"}, body={"debit_id": "x"}),
    LEDGER + "sync-status/": Address({"GET": BOOKS}),
    LEDGER + "sync-backfill/": Address({"GET": BOOKS, "POST": "a"}, body={"dry_run": True}),
    LEDGER + "sync-backfill/<pk>/": Address({"GET": BOOKS}, "ledger.Batch.BACKFILL"),
    LEDGER + "sync-backfill/<pk>/reverse/": Address({"POST": "a"}, "ledger.Batch.BACKFILL"),
    LEDGER + "parties/": Address({"GET": BOOKS, "POST": "a"}, body={"kind": "SUPPLIER", "code": "S-9"}),
    LEDGER + "parties/<pk>/": Address({"GET": BOOKS, "PATCH": "a"}, "ledger.Party", {"name": "Renamed"}),
    LEDGER + "accounts/": Address({"GET": BOOKS}),
    LEDGER + "accounts/<pk>/": Address({"GET": BOOKS}, "ledger.Account"),
    LEDGER + "journals/": Address({"GET": BOOKS}),
    LEDGER + "journals/<pk>/": Address({"GET": BOOKS}, "ledger.Journal"),
    LEDGER + "vat-codes/": Address({"GET": BOOKS}),
    LEDGER + "vat-codes/<pk>/": Address({"GET": BOOKS}, "ledger.VatCode"),
    LEDGER + "exchange-rates/": Address(
        {"GET": BOOKS, "POST": "a"}, body={"currency": "CHF", "date": "2026-03-03", "rate": "1.05"}
    ),
    "admin/billing/patient/find/<administration_id>/": Address({"GET": DESK}, "core.Administration"),
    "admin/billing/patient/<object_id>/personal-data/": Address({"GET": "o", "POST": "o"}, "billing.Patient"),
    "admin/billing/service/find/<administration_id>/": Address({"GET": DESK}, "core.Administration"),
    "admin/billing/visit/<object_id>/bill/": Address({"GET": DESK, "POST": DESK}, "billing.Visit"),
    "admin/billing/visit/<object_id>/close/": Address({"GET": DESK, "POST": DESK}, "billing.Visit"),
    "admin/billing/bill/<object_id>/pay/": Address({"GET": DESK, "POST": DESK}, "billing.Bill"),
    "admin/billing/bill/<object_id>/credit/": Address({"GET": "mo", "POST": "mo"}, "billing.Bill"),
    "admin/billing/bill/<object_id>/receipt/": Address({"GET": DESK}, "billing.Bill"),
    "admin/billing/payment/<object_id>/refund/": Address({"GET": "mo", "POST": "mo"}, "billing.Payment"),
    "admin/billing/endofdayreconciliation/day/<administration_id>/<date>/": Address(
        {"GET": CLINIC}, "core.Administration"
    ),
    UPLOADS: Address({"GET": CLINIC, "POST": CLINIC}),
    UPLOADS + "<pk>/": Address({"GET": CLINIC}, "core.Upload"),
    UPLOADS + "<pk>/content/": Address({"GET": CLINIC}, "core.Upload"),
    REPORTS + "overview/": BOOKS_OF,
    REPORTS + "reports/balance-sheet/": BOOKS_OF,
    REPORTS + "reports/pnl/": BOOKS_OF,
    REPORTS + "reports/trial-balance/": BOOKS_OF,
    REPORTS + "reports/ar/": BOOKS_OF,
    REPORTS + "reports/ap/": BOOKS_OF,
    REPORTS + "reports/account-ledger/<account_id>/": BOOKS_OF,
    REPORTS + "reports/vat-by-code/": BOOKS_OF,
    REPORTS + "reports/journal/": Address({"GET": BOOKS}, "core.Administration", query="format=csv"),
    RECONCILIATION: Address({"GET": CLINIC, "POST": DESK}, body={"reconciliation_date": "2026-03-03"}),
    RECONCILIATION + "<pk>/": Address({"GET": CLINIC, "PATCH": DESK}, CLOSE, {"notes": "Seen."}),
    RECONCILIATION + "<pk>/refresh/": Address({"POST": DESK}, CLOSE),
    RECONCILIATION + "<pk>/review/": Address({"POST": "mo"}, CLOSE),
    RECONCILIATION + "<pk>/finalize/": Address({"POST": "rmo"}, CLOSE),
    RECONCILIATION + "<pk>/cancel/": Address({"POST": DESK}, CLOSE, {"reason": "Too early."}),
    RECONCILIATION + "today/": Address({"GET": CLINIC}),
    RECONCILIATION + "summary/": Address({"GET": CLINIC}, query="&".join(f"{key}={day}" for key, day in DAY.items())),
}

# Answers anybody, signed in or not: the method, and the status of an empty request.
OPEN: dict[str, tuple[str, int]] = {
    "": ("GET", 302),
    "health/": ("GET", 200),
    "api/v1/auth/register/": ("POST", 422),
    "api/v1/auth/resend-verification/": ("POST", 422),
    "api/v1/auth/verify-email/": ("GET", 400),
    "api/v1/auth/forgot-password/": ("POST", 422),
    "api/v1/auth/reset-password/": ("POST", 422),
    "metrics/": ("GET", 200),  # with a token, or on the machine itself: apps/core/tests/test_metrics.py
    "api/v1/auth/token/": ("POST", 422),
    "api/v1/auth/token/refresh/": ("POST", 422),
    "account/register/": ("GET", 200),
    "account/verify-email/": ("GET", 200),
    "account/resend-verification/": ("GET", 200),
    "account/forgot-password/": ("GET", 200),
    "account/reset-password/": ("GET", 200),
    "account/invitation/": ("GET", 400),
    "api/schema/": ("GET", 200),
    "api/docs/": ("GET", 200),
    "i18n/setlang/": ("POST", 302),
}

# Answers whoever is signed in, with nothing of any administration: the status of an empty GET.
SIGNED_IN: dict[str, int] = {
    "api/v1/auth/me/": 200,
    "api/v1/auth/me/export/": 200,
    "admin/": 200,
    "admin/import-template/": 200,
    "account/": 200,
    "account/change-password/": 200,
    "account/recovery-codes/": 302,
    "account/second-factor/": 302,
    "account/second-factor/set-up/": 200,
    "admin/personal-data/": 200,
    "admin/login/": 302,
    "admin/logout/": 405,
    "admin/password_change/": 200,
    "admin/password_change/done/": 200,
    "admin/jsi18n/": 200,
    "admin/search/": 200,
    "admin/autocomplete/": 403,  # asked without a field; with one: test_choices_while_typing...
    "admin/r/<content_type_id>/<object_id>/": 404,
    "admin/<url>": 404,
}

STRANGER = "Stranger"  # in every name of the foreign administration, and so in no answer to anybody else


# The addresses -------------------------------------------------------------------------------------------------------


def walk(patterns: list[Any], before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        here = before + readable(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns, here)
        else:
            yield here, pattern


def readable(pattern: Any) -> str:
    """``<path:object_id>`` and ``(?P<object_id>.+)`` alike as ``<object_id>``."""
    if isinstance(pattern, RoutePattern):
        return re.sub(r"<\w+:", "<", str(pattern))
    return simplify_regex(str(pattern)).removeprefix("/")


ALL = {route: pattern for route, pattern in walk(get_resolver().url_patterns) if not route.startswith("static/")}
VERBS = {"changelist": 0, "add": 1, "change": 2, "delete": 3}


def address_of(route: str) -> Address | None:
    """What the tables above say of ``route``."""
    if route in ADDRESSES:
        return ADDRESSES[route]
    parts = route.removeprefix("admin/").split("/")
    label = next((label for label in MODELS if label.lower() == ".".join(parts[:2])), "")
    if not route.startswith("admin/") or not label:
        return None
    view, add, change, delete = MODELS[label]
    may_look = "".join(sorted(set(view) | set(change)))
    pages = {
        "": Address({"GET": may_look, "POST": may_look}),  # an action of the list: whoever reads it may export it
        "add/": Address({"GET": add, "POST": add}),
        "<object_id>/change/": Address({"GET": may_look, **({"POST": change} if change else {})}, label),
        "<object_id>/delete/": Address({"GET": delete}, label),
    }
    return pages.get("/".join(parts[2:]))


SCOPED = {route: address_of(route) for route in ALL}
CASES = [
    pytest.param(route, method, letter, id=f"{method} {route} {letter}")
    for route, address in SCOPED.items()
    if address is not None
    for method in address.methods
    for letter in EVERYBODY
]


def test_every_address_is_listed():
    known = {*OPEN, *SIGNED_IN, *(route for route, address in SCOPED.items() if address)}
    apps_pages = {route for route in ALL if route == "admin/<app_label>/"}
    assert sorted(set(ALL) - known - apps_pages) == []


def test_nothing_is_listed_that_is_not_there():
    assert sorted({*OPEN, *SIGNED_IN, *ADDRESSES} - set(ALL)) == []
    assert sorted(set(MODELS) - {model._meta.label for model in admin.site._registry}) == []


def test_every_method_of_an_api_address_is_listed():
    for route, pattern in ALL.items():
        actions = getattr(pattern.callback, "actions", None)
        if actions is not None:
            address = SCOPED[route]
            assert address is not None, route
            # Django REST framework adds head beside get when the first request comes.
            assert {method.upper() for method in actions} - {"HEAD"} == set(address.methods), route


# The world -----------------------------------------------------------------------------------------------------------


@dataclass
class World:
    own: Administration
    foreign: Administration
    people: dict[str, User]
    clients: dict[str, Client]

    def row(self, label: str, letter: str, *, own: bool) -> Any:
        """A row of that model in the administration that is one's own, or in the foreign one."""
        model = apps.get_model(*label.split(".")[:2])
        person, there = self.people[letter], self.own if own else self.foreign
        if model is Job:
            return Job.objects.filter(by=person if own else self.people["a" if letter != "a" else "o"]).first()
        if model is Administration:
            return there
        if model is Delivery:
            return Delivery.objects.first()
        if model is User:
            return User.objects.filter(memberships__administration=there).exclude(pk=person.pk).first()
        if model is Membership:
            return Membership.objects.filter(administration=there).exclude(user=person).first()
        if model is Event and letter == "s" and own:
            return Event.objects.filter(administration=None).first()
        rows = model._default_manager.filter(administration=there)
        which = "type" if model is Period else "kind"
        return (rows.filter(**{which: label.split(".")[2]}) if label.count(".") > 1 else rows).first()


# Of these an operator sees every row; none is foreign to them.
OPERATORS_OWN = {"core.Administration", "core.User", "core.Delivery", "core.Job"}


def fill(clinic: Clinic, n: int = 0) -> None:
    """One row more of everything that has a page; their names and codes say whose they are."""
    administration, day = clinic.administration, clinic.yesterday - timedelta(days=n)
    name = f"{administration}-{n}"
    patient = register_patient(administration, code=name, name=name)
    register_payer(administration, code=name, name=name)
    group = clinic.service("65.00").group
    ServiceGroup.objects.create(administration=administration, code=name, name=name, account=group.account)
    charges = [Charge(clinic.service(f"{n + 1}.00"))]
    clinic.pay(clinic.bill("65.00", patient=patient, day=day), "65.00", day=day)
    clinic.bill("10.00", patient=patient, day=day)
    clinic.finalized(day)
    register_visit(administration=administration, patient=patient, charges=charges, by=clinic.cashier)
    NightlyClose.objects.create(administration=administration, date=day)
    Party.objects.create(administration=administration, kind=Party.Kind.CUSTOMER, code=name)
    Account.objects.create(
        administration=administration, code=f"9{n}", name=name, type="EXPENSE", place="OPERATING_EXPENSES"
    )
    Journal.objects.create(administration=administration, code=f"X{n}", name=name)
    VatCode.objects.create(administration=administration, code=f"X{n}", name=name, rate=0)
    Account.objects.create(administration=administration, code=f"8{n}", name=name, type="ASSET", place="FIXED_ASSETS")
    ExchangeRate.objects.create(administration=administration, currency="USD", date=day, rate=1)
    own_and_disposed(administration, name, n, day)
    invoiced(administration, name, day)
    manager = clinic.people[Membership.Role.MANAGER]
    invite(administration, email=f"new{n}@clinic.example", full_name=name, role=Membership.Role.CASHIER, by=manager)
    statement = {"administration": administration, "purpose": "statement", "name": f"{name}.csv"}
    store_upload(BytesIO(name.encode()), **statement, by=clinic.cashier)
    books = {"administration": administration, "purpose": "books", "name": f"{name}.csv"}
    Batch.objects.create(
        administration=administration,
        kind=Batch.Kind.IMPORT,
        title=name,
        upload=store_upload(BytesIO(name.encode()), **books, by=clinic.cashier),
    )


def invoiced(administration: Administration, name: str, day: date) -> None:
    """An invoice of a supplier, one to a customer, and a backfill."""
    accountant = Membership.objects.get(administration=administration, role=Membership.Role.ACCOUNTANT).user
    asked: dict[str, Any] = {"administration": administration, "invoice_date": day, "by": accountant}
    for kind, account, post in (("SUPPLIER", "4630", post_vendor_invoice), ("CUSTOMER", "8090", post_customer_invoice)):
        party, _new = Party.objects.get_or_create(administration=administration, kind=kind, code=name)
        line = InvoicedLine(Account.objects.get(administration=administration, code=account), Decimal(10))
        post(**asked, party=party, lines=[line], reference=name[-60:])
    Batch.objects.create(administration=administration, kind=Batch.Kind.BACKFILL, title=name)


def own_and_disposed(administration: Administration, name: str, n: int, day: date) -> None:
    """A fixed asset that was depreciated, and one that was disposed of."""
    accounts = Account.objects.filter(administration=administration)
    asset = {
        "administration": administration,
        "name": name,
        "account": accounts.filter(place="FIXED_ASSETS").earliest("code"),
        "depreciation_account": accounts.filter(place="FIXED_ASSETS").latest("code"),
        "expense_account": accounts.get(purpose="depreciation_expense"),
        "acquired_on": day.replace(day=1),
        "in_use_from": day.replace(day=1),
        "cost": Decimal(12),
        "residual_value": Decimal(0),
        "opening_depreciation": Decimal(0),
        "life_months": 12,
    }
    kept = FixedAsset.objects.create(code=f"A-{n}", **asset)
    gone = FixedAsset.objects.create(code=f"Z-{n}", **asset)
    accountant = Membership.objects.get(administration=administration, role=Membership.Role.ACCOUNTANT).user
    post_depreciation(administration, day.replace(day=1), by=accountant, asset=kept)
    dispose(gone, date=day, by=accountant)


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """Two clinics with the same things in them; one transaction, rolled back at the end."""
    with django_db_blocker.unblock(), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        foreign = make_clinic(f"{STRANGER} Clinic")
        own = make_clinic("Clinic Zuid")
        Membership.objects.filter(administration=foreign.administration).delete()
        strangers = {role: member(foreign.administration, role, full_name=STRANGER) for role in LETTERS.values()}
        foreign.people = strangers
        for clinic in (foreign, own):
            fill(clinic)
            clinic.close()
        people = {letter: own.people[role] for letter, role in LETTERS.items()} | {"s": operator()}
        for person in people.values():
            Job.objects.create(task="import", title="Import", by=person)
        record("core.person_tried", UserFactory())
        Delivery.objects.create(event=record("core.tried", AdministrationFactory()), handler="nobody")
        clients = {letter: Client(raise_request_exception=False) for letter in ("", *people)}
        for letter, person in people.items():
            clients[letter].force_login(person)
        yield World(own.administration, foreign.administration, people, clients)
        transaction.set_rollback(True)


def ask(world: World, letter: str, method: str, path: str, address: Address) -> Any:
    """The answer, after which everything is as before."""
    client = world.clients[letter]
    api = path.startswith("/api/")
    with transaction.atomic():
        body: Any = {"data": address.body, "content_type": "application/json"} if api and method != "GET" else {}
        answer = getattr(client, method.lower())(path + (f"?{address.query}" if address.query else ""), **body)
        transaction.set_rollback(True)
    assert answer.status_code < 500, answer.content[:2000]
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    assert letter in ("", "s") or STRANGER not in content.decode()
    return answer


def refused_by_role(answer: Any) -> bool:
    if answer.status_code != 403:
        return False
    text = answer.content.decode()
    return '"NOT_ALLOWED"' in text or "Your role does not allow this here" in text


def filled(route: str, pk: Any) -> str:
    """``route`` with ``pk`` as its id; one that names an administration and an account names an account of it."""
    route = route.replace("<date>", "2026-03-03")
    if "<client_id>" in route:
        account = Account.objects.filter(administration=pk or None).first()
        route = route.replace("<account_id>", str(account.pk if account else uuid7()))
    return "/" + re.sub(r"<(object_id|pk|administration_id|account_id|client_id)>", str(pk), route)


# The matrix ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("route", "method", "letter"), CASES)
def test_a_role_may_exactly_what_is_written_here(world, route, method, letter):
    address = SCOPED[route]
    allowed = letter in address.methods[method]
    if not address.names:
        answer = ask(world, letter, method, filled(route, ""), address)
        assert refused_by_role(answer) is not allowed
        assert answer.status_code != 404
        return

    missing = ask(world, letter, method, filled(route, uuid7()), address)
    assert missing.status_code == 404 if allowed else missing.status_code in (403, 404)

    foreign = world.row(address.names, letter, own=False)
    if address.names != "core.Delivery" and not (letter == "s" and allowed and address.names in OPERATORS_OWN):
        found = ask(world, letter, method, filled(route, foreign.pk), address)
        assert (found.status_code, found.content) == (missing.status_code, missing.content)

    own = world.row(address.names, letter, own=True)
    assert own is not None, f"no row of {address.names}: extend fill()"
    answer = ask(world, letter, method, filled(route, own.pk), address)
    if letter == "s" and not allowed:
        assert answer.status_code in (403, 404)  # nothing that belongs to an administration is an operator's own
        return
    assert refused_by_role(answer) is not allowed
    assert answer.status_code != 404


@pytest.mark.parametrize("label", [label for label, (_, _, change, _) in MODELS.items() if not change])
@pytest.mark.parametrize("letter", EVERYBODY)
def test_a_page_that_nobody_may_change_writes_nothing_whatever_is_sent(world, label, letter):
    row = world.row(label, letter, own=True)
    page = f"admin/{label.lower().replace('.', '/')}/<object_id>/"
    route = page if page in ALL else f"{page}change/"
    with CaptureQueriesContext(connection) as asked:
        ask(world, letter, "POST", filled(route, row.pk), Address({}))
    written = re.compile(r"^(INSERT|UPDATE|DELETE)(?!.*django_session)", re.IGNORECASE)
    assert [query["sql"] for query in asked if written.match(query["sql"])] == []


@pytest.mark.parametrize("route", [route for route, address in SCOPED.items() if address])
def test_whoever_is_not_signed_in_is_asked_to_sign_in(world, route):
    address = SCOPED[route]
    for method in address.methods:
        answer = ask(world, "", method, filled(route, uuid7()), address)
        if route.startswith("api/"):
            assert (answer.status_code, answer.json()["detail"]["code"]) == (401, "NOT_AUTHENTICATED")
        else:
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("route", OPEN)
def test_an_open_address_answers_anybody(world, route):
    method, status = OPEN[route]
    for letter in ("", "r"):
        assert ask(world, letter, method, f"/{route}", Address({})).status_code == status


@pytest.mark.parametrize("route", SIGNED_IN)
@pytest.mark.parametrize("letter", EVERYBODY)
def test_an_address_for_all_answers_whoever_is_signed_in(world, route, letter):
    path = filled(route.replace("<content_type_id>", "1").replace("<url>", "nothing/"), uuid7())
    assert ask(world, letter, "GET", path, Address({})).status_code == SIGNED_IN[route]


@pytest.mark.parametrize("app", ["core", "ledger", "billing", "auth"])
@pytest.mark.parametrize("letter", EVERYBODY)
def test_the_page_of_an_app_is_there_for_whoever_finds_a_model_on_it(world, app, letter):
    some = any(letter in roles for label, pages in MODELS.items() if label.startswith(app) for roles in pages)
    assert ask(world, letter, "GET", f"/admin/{app}/", Address({})).status_code == (200 if some else 404)


@pytest.mark.parametrize("route", [route for route, address in ADDRESSES.items() if not address.names])
@pytest.mark.parametrize("letter", EVERYBODY)
def test_an_administration_that_is_named_and_foreign_answers_as_one_that_is_missing(world, route, letter):
    address = ADDRESSES[route]
    for method in address.methods:
        answers = []
        for pk in (world.foreign.pk, uuid7()):
            named = {"administration_id": str(pk), "administration": str(pk)}
            query = "&".join([address.query, *(f"{name}={value}" for name, value in named.items())])
            body = {**address.body, **named}
            answer = ask(world, letter, method, f"/{route}", Address({}, body=body, query=query))
            content = re.sub(rb'(csrfmiddlewaretoken" value=|nonce=)"[^"]+"', b"", answer.content)  # new each time
            answers.append((answer.status_code, content.replace(str(pk).encode(), b"the id")))
        assert answers[0] == answers[1]


TYPED = [
    (model._meta.label, name)
    for model, page in admin.site._registry.items()
    for name in page.autocomplete_fields
]  # fmt: skip


@pytest.mark.parametrize("letter", EVERYBODY)
def test_choices_while_typing_are_rows_of_ones_own_administrations(world, letter):
    for label, name in TYPED:
        app, model = label.lower().split(".")
        query = f"app_label={app}&model_name={model}&field_name={name}&term="
        ask(world, letter, "GET", "/admin/autocomplete/", Address({}, query=query))


@pytest.mark.parametrize("letter", EVERYBODY)
def test_the_sidebar_leads_only_where_the_role_may_go(world, letter):
    request = world.clients[letter].get("/admin/").wsgi_request
    links = [item["link"] for group in navigation(request) for item in group["items"]]
    assert "/admin/" in links
    for link in links:
        assert ask(world, letter, "GET", link, Address({})).status_code == 200, link


# Lists ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", MODELS)
def test_a_list_asks_no_more_of_the_database_when_it_grows(world, label):
    letter = "s" if label == "core.Administration" else next(one for one in "omrds" if one in MODELS[label][0])
    with transaction.atomic():
        few, before = list_of(world.clients[letter], label)
        grow(world, world.people[letter])
        many, after = list_of(world.clients[letter], label)
        transaction.set_rollback(True)
    assert after > before, f"no more rows of {label}: extend fill()"
    assert many == few
    assert many < 20  # also where the first page was full before


def list_of(client: Client, label: str) -> tuple[int, int]:
    """How many queries the list takes, and how many rows it shows."""
    path = f"/admin/{label.lower().replace('.', '/')}/"
    client.get(path)
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(path)
    return len(asked), answer.context["cl"].result_count


def grow(world: World, person: User) -> None:
    """More rows of everything that has a list."""
    clinic = Clinic(world.own, {role: world.people[letter] for letter, role in LETTERS.items()})
    for n in range(1, 4):
        fill(clinic, n)
        member(world.own, Membership.Role.CASHIER)
        Job.objects.create(task="import", title="Import", by=person)
        Delivery.objects.create(event=record("core.tried", AdministrationFactory()), handler="nobody")
        day = date(1990 + n, 1, 1)
        Period.objects.create(administration=world.own, type="YEAR", name=str(day.year), first_day=day, last_day=day)
