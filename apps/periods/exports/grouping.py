"""What a Norwegian account is mapped to: a standard account (SAF-T 1.10), a code of the business specification (1.30).

Skatteetaten, github.com/Skatteetaten/saf-t, "Grouping Category Code 2025-2026", naeringsspesifikasjon: the codes that
a practice has. An account is mapped by its standard code, otherwise by its number where that says the same of it as its
place on the reports does, otherwise by its place alone.
"""

from bisect import bisect_right

from apps.ledger.importing.saft import CATEGORIES
from apps.ledger.models import Account

_Place = Account.Place
_FIXED, _CURRENT, _EQUITY = "balanseverdiForAnleggsmiddel", "balanseverdiForOmloepsmiddel", "egenkapital"
_LONG, _SHORT, _SALES, _INCOME = "langsiktigGjeld", "kortsiktigGjeld", "salgsinntekt", "annenDriftsinntekt"
_GOODS, _WAGES, _COSTS = "varekostnad", "loennskostnad", "annenDriftskostnad"
_FINANCE_IN, _FINANCE_OUT, _TAX = "finansinntekt", "finanskostnad", "skattekostnad"

# From which number of NS 4102 on, the category, and the codes in it: a number has the last code that is not beyond it.
_CODES: tuple[tuple[int, str, tuple[int, ...]], ...] = (
    (1000, _FIXED, (1000, 1020, 1080, 1115, 1130, 1150, 1205, 1238, 1280, 1290, 1350, 1360, 1370, 1380, 1390)),
    (1400, _CURRENT, (1400, 1500, 1530, 1565, 1570, 1800, 1810, 1830, 1880, 1900, 1920, 1950)),
    (2000, _EQUITY, (2000, 2020, 2030, 2050)),
    (2100, _LONG, (2100, 2120, 2130, 2160, 2180, 2200, 2210, 2220, 2250, 2260, 2280, 2290)),
    (2300, _SHORT, (2380, 2400, 2500, 2600, 2740, 2770, 2790, 2800, 2900, 2910, 2920, 2949, 2950, 2970, 2980, 2990)),
    (3000, _SALES, (3000, 3100, 3200, 3300)),
    (3400, _INCOME, (3400, 3500, 3600, 3695, 3700, 3880, 3885, 3900)),
    (4000, _GOODS, (4005, 4500)),
    (5000, _WAGES, (5000, 5300, 5400, 5420, 5600, 5900)),
    (
        6000,
        _COSTS,
        (
            *(6000, 6050, 6100, 6200, 6300, 6340, 6350, 6395, 6400, 6440, 6500, 6600, 6695, 6700, 6995),
            *(7000, 7020, 7040, 7080, 7155, 7165, 7295, 7330, 7350, 7370, 7400, 7420, 7440, 7490, 7500),
            *(7565, 7600, 7650, 7700, 7830, 7860, 7880, 7885),
        ),
    ),
    (8000, _FINANCE_IN, (8050, 8059, 8060, 8074, 8079, 8080, 8090)),
    (8100, _FINANCE_OUT, (8100, 8115, 8150, 8159, 8160, 8174, 8179)),
    (8300, _TAX, (8300,)),
)
# Codes that are the last of what they are about: the numbers that they stand for begin before them.
_BEGIN = {2740: 2700, 2949: 2930, 3880: 3800, 6395: 6360, 6695: 6620, 6995: 6800}
_BEGIN |= {7155: 7100, 7165: 7160, 7295: 7200, 7330: 7300, 7565: 7550}
_OTHERS = {6420: 6350}  # software: an IT cost, though its number is that of rented things
_BY_PLACE: dict[str, tuple[str, int]] = {
    _Place.FIXED_ASSETS: (_FIXED, 1290),
    _Place.CURRENT_ASSETS: (_CURRENT, 1570),
    _Place.EQUITY: (_EQUITY, 2050),
    _Place.LONG_TERM_LIABILITIES: (_LONG, 2290),
    _Place.CURRENT_LIABILITIES: (_SHORT, 2990),
    _Place.REVENUE: (_INCOME, 3900),
    _Place.OTHER_INCOME: (_FINANCE_IN, 8079),
    _Place.COST_OF_GOODS_SOLD: (_GOODS, 4005),
    _Place.OPERATING_EXPENSES: (_COSTS, 7700),
    _Place.OTHER_EXPENSES: (_FINANCE_OUT, 8179),
}


def grouping(account: Account) -> tuple[str, str]:
    """GroupingCategory and GroupingCode of SAF-T 1.30."""
    for number, trusted in ((account.standard_code, True), (account.code, False)):
        if len(number) == 4 and number.isdigit() and 1000 <= int(number) < 8400:
            category, code = _by_number(int(number))
            if trusted or CATEGORIES[category] == (account.type, account.place):
                return category, str(code)
    category, code = _BY_PLACE[account.place]
    return category, str(code)


def standard_account(account: Account) -> str:
    """StandardAccountID of SAF-T 1.10: four digits of the standard chart, or the two that say as much."""
    for number in (account.standard_code, account.code):
        if number.isdigit() and len(number) in (2, 4):
            return number
    return str(_BY_PLACE[account.place][1])[:2]


def _by_number(number: int) -> tuple[str, int]:
    at = bisect_right([first for first, _category, _codes in _CODES], number) - 1
    _first, category, codes = _CODES[at]
    if number in _OTHERS:
        return category, _OTHERS[number]
    begin = [_BEGIN.get(code, code) for code in codes]
    return category, codes[max(bisect_right(begin, number) - 1, 0)]
