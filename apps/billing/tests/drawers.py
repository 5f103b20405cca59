"""Cash drawers for tests: set up, filled and counted through the services."""

from datetime import date
from decimal import Decimal

from apps.billing.models import CashMovement, ClinicDay, Drawer, DrawerCount, Payment, Shift, TopUp
from apps.billing.reports.drawers import drawers_of, in_no_drawer
from apps.billing.services.drawers import add_drawer, count_drawer, move_cash
from apps.billing.services.wallets import top_up
from apps.billing.tests.clinic import Clinic
from apps.core.models import User
from apps.core.money import total
from apps.ledger.models import Account


def drawer_of(clinic: Clinic, code: str = "D1", standard_float: str = "100.00") -> Drawer:
    return add_drawer(
        clinic.administration, code=code, name=f"Desk {code}", standard_float=Decimal(standard_float), by=clinic.manager
    )


def take_cash(clinic: Clinic, amount: str, *, by: User | None = None, day: date | None = None) -> Payment:
    """A bill and its payment in cash."""
    return clinic.pay(clinic.bill(amount, day=day), amount, by=by, day=day)


def top_up_cash(clinic: Clinic, amount: str, *, by: User | None = None, day: date | None = None) -> TopUp:
    return top_up(clinic.patient(), method="CASH", amount=Decimal(amount), by=by or clinic.receptionist, day=day)


def day_of(clinic: Clinic, day: date | None = None) -> ClinicDay:
    return ClinicDay.objects.get(administration=clinic.administration, date=day or clinic.today)


def left_in_no_drawer(day: ClinicDay) -> Decimal:
    """What of the cash of ``day`` its drawers do not hold."""
    rows = [row for table in (Payment, TopUp) for row in table.objects.filter(clinic_day=day, method="CASH")]
    return in_no_drawer(total(row.amount for row in rows), drawers_of(day))


def cost_account(clinic: Clinic) -> Account:
    accounts = Account.objects.filter(administration=clinic.administration, type="EXPENSE", control="")
    return accounts.order_by("code").first()


def petty_cash(shift: Shift, clinic: Clinic, amount: str, *, by: User | None = None) -> CashMovement:
    return move_cash(
        shift,
        kind="PAY_OUT",
        amount=Decimal(amount),
        account=cost_account(clinic),
        reason="Stamps",
        by=by or clinic.receptionist,
    )


def counted(shift: Shift, total: str, *, by: User) -> DrawerCount:
    """The final count: a second one where the first was not."""
    count = count_drawer(shift, total=Decimal(total), by=by)
    return count if count.is_final else count_drawer(shift, total=Decimal(total), by=by)
