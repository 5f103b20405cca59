"""What an earlier system took in advance for taxed services comes in with its VAT, and so does what became of it."""

from datetime import date
from decimal import Decimal as D

import pytest

from apps.billing.checks import ALL
from apps.billing.importing.trying import try_mapping
from apps.billing.models import Payment, TopUp, Wallet
from apps.billing.reports.advances import with_left
from apps.billing.services.closing import close_day, finalize_day
from apps.billing.tests.test_import_clinic import add_row, import_clinic
from apps.core.models import Administration, Membership
from apps.core.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
MAPPING = """
name = "skin"

[settings]
country = "NL"
currency = "EUR"
time_zone = "Europe/Amsterdam"
chart = "nl"

[files]
services = { match = "services.csv" }
items = { match = "items.csv" }
deposits = { match = "deposits.csv" }
receipts = { match = "receipts.csv" }

[[administrations]]
id = "skin"
name = "Skin Clinic"

[[services]]
file = "services"
id = "CODE"
price = "PRICE"
vat_code = "VAT"

[[lines]]
file = "items"
bill = "BILL"
patient = "PATIENT"
date = "DATE"
service = "CODE"

[[top_ups]]
file = "deposits"
id = "NO"
patient = "PATIENT"
date = "DATE"
method = { value = "CARD" }
amount = "AMOUNT"
service = "FOR"
advance = "OF"

[[payments]]
file = "receipts"
id = "RECEIPT"
bill = "BILL"
date = "DATE"
method = { column = "MODE", case = "upper" }
amount = "PAID"
advance = "FROM"
refund_of = "BACK"
"""
FILES = {
    "services.csv": "CODE,PRICE,VAT\nPEEL,121.00,HIGH\nCONS,50.00,EXEMPT\n",
    "items.csv": "BILL,PATIENT,DATE,CODE\nB1,P1,2026-03-03,PEEL\nB2,P1,2026-03-05,PEEL\nB3,P1,2026-03-05,CONS\n",
    "deposits.csv": (
        "NO,PATIENT,DATE,AMOUNT,FOR,OF\n"
        "1,P1,2026-03-02,200.00,PEEL,\n"
        "2,P1,2026-03-02,50.00,CONS,\n"  # nothing falls due on it: it stands in the wallet
        "3,P2,2026-03-02,10.00,,\n"
        "4,P1,2026-03-06,-20.00,,1\n"
        "5,P1,2026-03-06,-30.00,,2\n"
    ),
    "receipts.csv": (
        "RECEIPT,BILL,DATE,MODE,PAID,FROM,BACK\n"
        "R1,B1,2026-03-03,wallet,121.00,1,\n"
        "R2,B2,2026-03-05,wallet,79.00,1,\n"
        "R3,B2,2026-03-06,wallet,-29.00,,R2\n"
        "R4,B3,2026-03-05,wallet,20.00,2,\n"
    ),
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mapping.toml").write_text(MAPPING)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def refusals(folder):
    """What a try of the mapping refuses, by the column and its reason."""
    files = [(folder / name).open("rb") for name in FILES]
    try:
        trial = try_mapping(MAPPING, files, Administration.objects.none())
    finally:
        for file in files:
            file.close()
    assert trial.problem == ""
    return [(one.column, str(one.reason)) for one in trial.refusals]


def test_an_advance_comes_in_with_its_vat_and_what_bills_and_refunds_made_of_it(folder):
    import_clinic(folder)
    advance = TopUp.objects.get(source="import:skin:top_up:1")
    assert (advance.service.code, advance.vat_rate, advance.net, advance.vat) == (
        "PEEL",
        D(21),
        D("165.29"),
        D("34.71"),
    )
    drawn = Payment.objects.filter(advance=advance).order_by("number").values_list("amount", "advance_vat")
    assert list(drawn) == [(D(121), D(21)), (D(79), D("13.71")), (D(-29), D("-5.03"))]
    back = TopUp.objects.get(advance=advance)
    assert (back.amount, back.vat, back.service) == (D(-20), D("-3.47"), advance.service)
    left = with_left(TopUp.objects.filter(pk=advance.pk)).get()
    assert (left.left, left.left_vat) == (D(9), D("1.56"))


def test_what_is_paid_for_a_service_without_vat_stands_in_the_wallet(folder):
    import_clinic(folder)
    plain = TopUp.objects.filter(source__in=["import:skin:top_up:2", "import:skin:top_up:5"])
    assert [(one.amount, one.service, one.advance) for one in plain.order_by("id")] == [
        (D(50), None, None),
        (D(-30), None, None),
    ]
    assert Payment.objects.get(source="import:skin:R4").advance is None
    assert dict(Wallet.objects.values_list("patient__code", "balance")) == {"P1": D(9), "P2": D(10)}


def test_an_import_again_adds_nothing_and_knows_the_advances_that_it_brought(folder):
    import_clinic(folder)
    import_clinic(folder)
    assert (TopUp.objects.count(), Payment.objects.count()) == (5, 4)
    add_row(folder / "deposits.csv", "6,P1,2026-03-07,-9.00,,1")
    import_clinic(folder)
    assert with_left(TopUp.objects.filter(source="import:skin:top_up:1")).get().left == 0


def test_its_days_are_signed_with_every_figure_in_place(folder):
    import_clinic(folder)
    administration = Administration.objects.get()
    owner, manager = (UserFactory() for _person in range(2))
    for user, role in ((owner, Membership.Role.OWNER), (manager, Membership.Role.MANAGER)):
        Membership.objects.create(user=user, administration=administration, role=role)
    for day in (2, 3, 5, 6):
        finalize_day(close_day(administration, date(2026, 3, day), by=manager)[0], by=owner)
    assert [str(one) for check in ALL for one in check(administration, date.max)] == []


@pytest.mark.parametrize(
    ("file", "row", "refused"),
    [
        ("deposits.csv", "7,P1,2026-03-06,-9.01,,1", ("OF", "only 9.00 is left of it")),
        ("deposits.csv", "7,P2,2026-03-06,-1.00,,1", ("OF", "another patient paid that in advance")),
        ("deposits.csv", "7,P1,2026-03-01,-1.00,,1", ("OF", "before it came in, on 2026-03-02")),
        ("deposits.csv", "7,P1,2026-03-06,-1.00,,77", ("OF", "no such advance")),
        ("deposits.csv", "7,P1,2026-03-06,1.00,PEAL,", ("FOR", "no such service.")),
        ("receipts.csv", "R9,B3,2026-03-06,wallet,5.00,1,", ("FROM", "more than the service costs on that bill")),
        ("receipts.csv", "R9,B2,2026-03-06,card,5.00,1,", ("FROM", "an advance pays out of the wallet")),
        ("receipts.csv", "R9,B2,2026-03-01,wallet,5.00,1,", ("FROM", "before it came in, on 2026-03-02")),
    ],
)
def test_what_cannot_stand_is_refused_with_its_reason(folder, file, row, refused):
    assert refusals(folder) == []
    add_row(folder / file, row)
    ((column, reason),) = refusals(folder)
    assert column == refused[0]
    assert reason.startswith(refused[1])
