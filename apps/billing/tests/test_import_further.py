"""An import that holds orders, tariffs, discounts, claims, wallets and drawers, besides visits, bills and payments."""

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError

from apps.billing.importing.errors import MappingError
from apps.billing.models import (
    Bill,
    BillLine,
    CashMovement,
    Claim,
    Discount,
    DrawerCount,
    Order,
    Payment,
    Shift,
    Tariff,
    TopUp,
    Wallet,
)
from apps.billing.tests.test_import_clinic import FIXTURES, add_row, import_clinic

POLYCLINIC = FIXTURES / "polyclinic"
pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(POLYCLINIC, tmp_path / "polyclinic"))


def test_orders_come_with_their_completion_and_the_lines_that_bill_them():
    import_clinic(POLYCLINIC)
    rows = Order.objects.order_by("source").values_list(
        "kind", "code", "quantity", "completed_quantity", "completed_on"
    )
    second = date(2026, 3, 2)
    assert list(rows) == [
        ("CONSULTATION", "CONS", 1, 1, second),
        ("LAB", "FBC", 1, 1, second),
        ("PHARMACY", "AMOX", 20, 21, second),
        ("IMAGING", "XRAY", 1, 1, second),
        ("CONSULTATION", "CONS", 1, 1, second),
        ("LAB", "FBC", 1, None, None),
    ]
    assert list(Order.objects.filter(is_emergency=True).values_list("code", flat=True)) == ["XRAY"]
    assert Order.objects.get(coverage_reason="FREE_FOLLOW_UP").visit.patient.code == "P2"
    assert Order.objects.filter(cancelled_at__isnull=False).count() == 1
    assert Order.objects.get(code="AMOX").lines.get().quantity == 20
    assert BillLine.objects.filter(order=None).count() == 1


def test_a_discount_goes_off_the_price_and_says_whether_it_was_approved():
    import_clinic(POLYCLINIC)
    said = Discount.objects.order_by("amount").values_list("amount", "percentage", "reason", "approved_at")
    assert [(*row, bool(approved)) for *row, approved in said] == [
        (Decimal(600), Decimal(10), "Staff family", True),
        (Decimal(3000), Decimal(20), "Asked for it", False),
    ]
    assert dict(Bill.objects.order_by("source").values_list("source", "gross")) == {
        "import:ikeja:B1": Decimal(17400),  # 10,000 + 6,000 - 600 + 20 times 100
        "import:ikeja:B2": Decimal(12000),
        "import:ikeja:B3": Decimal(10000),
    }


def test_tariffs_and_claims_are_the_payer_s():
    import_clinic(POLYCLINIC)
    tariff = Tariff.objects.get()
    assert (tariff.service.code, tariff.price, tariff.co_pay) == ("CONS", Decimal(8000), Decimal(1000))
    claim = Claim.objects.get()
    assert (claim.bill.source, claim.payer.name, claim.status) == ("import:ikeja:B2", "Hygeia HMO", "REJECTED")
    assert (claim.submitted_on, claim.answered_on) == (date(2026, 3, 5), date(2026, 3, 20))
    assert (claim.authorisation, claim.reason, claim.steps.get().status) == ("PA-9", "No referral letter", "REJECTED")


def test_a_wallet_holds_what_its_movements_make_beside_what_was_stated():
    import_clinic(POLYCLINIC)
    rows = Wallet.objects.order_by("patient__code").values_list(
        "patient__code", "balance", "stated_balance", "stated_on"
    )
    assert list(rows) == [
        ("P2", Decimal(2000), Decimal(2000), date(2026, 3, 4)),  # 5,000 less 3,000 of the bill
        ("P3", Decimal(1500), Decimal(1600), date(2026, 3, 4)),  # 2,000 less 500 paid out: 100 are not explained
    ]


def test_each_drawer_of_a_day_is_counted_against_its_own_cash():
    import_clinic(POLYCLINIC)
    rows = DrawerCount.objects.order_by("clinic_day__date", "shift__drawer__code").values_list(
        "clinic_day__date", "shift__drawer__code", "expected", "total", "difference"
    )
    assert list(rows) == [
        (date(2026, 3, 2), "T1", Decimal(15400), Decimal(15400), Decimal(0)),  # 5,000 + 5,400 + 5,000 topped up
        (date(2026, 3, 2), "T2", Decimal(2000), Decimal(1900), Decimal(-100)),
        (date(2026, 3, 3), "T1", Decimal(10500), Decimal(10500), Decimal(0)),  # 5,000 + 4,000 + 2,000 - 500
    ]
    deposit = CashMovement.objects.get()
    assert (deposit.kind, deposit.amount, deposit.after_count) == ("DEPOSIT", Decimal(10400), True)
    assert not Shift.objects.filter(closed_at=None).exists()
    assert not Payment.objects.filter(method="CASH", shift=None).exists()


def counted():
    models = (Order, Tariff, Claim, TopUp, Wallet, Discount, DrawerCount, CashMovement, Shift, Payment, Bill)
    return {model.__name__: model.objects.count() for model in models}


def test_importing_again_adds_nothing():
    import_clinic(POLYCLINIC)
    before = counted()
    said = import_clinic(POLYCLINIC)
    assert counted() == before
    assert "known: 3 visits, 6 orders, 3 bills, 3 top_ups, 6 payments, 1 claims, 3 counts" in said


def test_a_larger_export_adds_what_is_new_to_the_same_clinic(folder):
    import_clinic(folder)
    add_row(folder / "visits.csv", "V4,P4,04/03/2026 09:00,04/03/2026 09:30")
    add_row(folder / "orders.csv", "O7,V4,LAB,FBC,1,04/03/2026 09:05,04/03/2026 09:20,,,,no")
    add_row(folder / "bill_items.csv", "B4,V4,O7,FBC,1,,,")
    add_row(folder / "receipts.csv", "R7,B4,04/03/2026 09:25,cash,6000,T1")
    add_row(folder / "till_counts.csv", "T1,04/03/2026,10500,16500,")
    import_clinic(folder)
    assert Order.objects.get(source="import:ikeja:O7").lines.get().bill.source == "import:ikeja:B4"
    assert DrawerCount.objects.get(clinic_day__date=date(2026, 3, 4)).difference == 0


@pytest.mark.parametrize(
    ("file", "row", "words"),
    [
        ("orders.csv", "O9,V9,LAB,FBC,1,02/03/2026 09:05,,,,,no", "VISIT 'V9': no such visit"),
        ("orders.csv", "O9,V1,ZOO,FBC,1,02/03/2026 09:05,,,,,no", "DEPT 'ZOO': none of these; map it."),
        ("orders.csv", "O9,V1,LAB,FBC,0,02/03/2026 09:05,,,,,no", "QTY '0.000': an order of nothing"),
        ("bill_items.csv", "B9,V1,O99,CONS,1,,,", "ORDER 'O99': no such order"),
        ("claims.csv", "H-78,B1,sent,05/03/2026,,,", "payer ''"),
        ("claims.csv", "H-79,B2,lost,05/03/2026,,,", "STATE 'LOST': none of these"),
        ("wallet_log.csv", "9,P1,02/03/2026 09:00,0,T1", "AMOUNT '0.00': a top-up of nothing"),
        ("tariffs.csv", "NONE,1,0,2026-01-01", "CODE 'NONE': no such service."),
        ("tariffs.csv", "FBC,10,20,2026-01-01", "COPAY '20.00': the co-pay is part of the price"),
        ("till_counts.csv", "T9,02/03/2026,0,0,", "TILL 'T9': no such drawer."),
        ("till_counts.csv", "T1,04/03/2026,-5,0,", "FLOAT '-5.00': less than nothing"),
    ],
)
def test_a_row_that_cannot_stand_is_refused_and_the_others_come_in(folder, file, row, words):
    add_row(folder / file, row)
    with pytest.raises(CommandError):
        import_clinic(folder)
    said = import_clinic(folder, allow_refused=True)
    assert words in said
    assert Payment.objects.count() == 6


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ('bill = "BILL"\nstatus', "status", "claims[1]: say what was claimed: one of bill, bill_number, visit."),
        ('visit = "VISIT"\nkind', 'visits = "VISIT"\nkind', "orders[1]: 'visits' means nothing here"),
        ('counted = "COUNTED"', "", "counts[1]: 'counted' is missing."),
        ('drawer = "TILL"\ndate = "DATE"', 'date = "DATE"', "counts[1]: 'drawer' is missing."),
    ],
)
def test_a_mapping_that_cannot_be_right_stops_everything(folder, right, wrong, words):
    mapping = folder / "mapping.toml"
    mapping.write_text(mapping.read_text().replace(right, wrong))
    with pytest.raises((CommandError, MappingError)) as refused:
        import_clinic(folder)
    assert words in str(refused.value)
    assert not Bill.objects.exists()
