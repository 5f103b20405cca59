"""From what a row says about money to a bill line: before VAT, VAT and total, in the currency's digits."""

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.utils.translation import gettext as _

from apps.billing.importing.errors import Refused, hint
from apps.billing.importing.facts import Clinic, LineFact
from apps.billing.importing.mapping import Section, Settings
from apps.billing.models import Coverage
from apps.core.errors import AmountHasTooManyDigits
from apps.core.money import ZERO, currency, exact, quantize

COVERAGES = Coverage.values
LARGEST = Decimal(10) ** 12
THOUSANDTH, TEN_THOUSANDTH = Decimal("0.001"), Decimal("0.0001")


def exactly(amount: Decimal, code: str, field: str, section: Section | None = None) -> Decimal:
    """``amount`` as it was read, or rounded when it was computed.

    Raises Refused for one that was read finer than the currency's unit, and for one beyond belief.
    """
    computed = section is not None and field in section.fields and section.fields[field].computed
    try:
        amount = quantize(amount, code) if computed else exact(amount, code)
    except AmountHasTooManyDigits as refusal:
        raise Refused(str(refusal), field=field, value=amount) from None
    if abs(amount) >= LARGEST:
        raise Refused(_("larger than any bill"), field=field, value=amount)
    return amount


def line_of(
    values: dict[str, Any], day: date, clinic: Clinic, section: Section, settings: Settings, source: str
) -> LineFact:
    """The bill line that ``values`` say. Raises Refused."""
    service = clinic.services.get(values.get("service") or "")
    quantity = values.get("quantity", Decimal(1))
    unit_price, includes_vat = values.get("unit_price"), section.includes_vat
    stated = {name: values.get(name) for name in ("net", "vat", "gross")}
    amount = values.get("amount")
    if amount is not None:
        amount = exactly(amount, clinic.currency, "amount", section)
    elif stated["net"] is None and stated["gross"] is None:
        if unit_price is None and service is not None:
            unit_price, includes_vat = service.price_on(day), service.includes_vat
        if unit_price is None:
            raise Refused(_("no amount, and no price to make one of"), field="amount")
        amount = quantize(unit_price * quantity, clinic.currency) - _discount(values, clinic, section)
    for name, value in stated.items():
        if value is not None:
            stated[name] = exactly(value, clinic.currency, name, section)
    if amount is not None:
        stated["gross" if includes_vat else "net"] = amount

    code = _vat_code(values, stated, clinic, settings, service)
    rate = clinic.vat_codes[code]
    net, vat = _parts(stated, rate, clinic.currency)
    if vat and not rate:
        raise Refused(_("VAT on a code of 0 %; map vat_rate or vat_code"), field="vat", value=vat)
    if unit_price is None:
        base = amount if amount is not None else net + vat if includes_vat else net
        unit_price = base / quantity if quantity else base
    coverage = one_of(values.get("coverage", ""), COVERAGES, "coverage")
    group = values.get("group") or (service and service.group) or settings.service_group
    named = values.get("code") or values.get("service") or ""
    description = values.get("description") or (service and service.name) or named or _("Care")
    return LineFact(
        service=service.code if service else None,
        code=short(named, 32, "code"),
        description=description[:200],
        group=short(group, 32, "group"),
        quantity=quantity.quantize(THOUSANDTH, ROUND_HALF_UP),
        unit_price=unit_price.quantize(TEN_THOUSANDTH, ROUND_HALF_UP),
        vat_code=code,
        vat_rate=rate,
        net=net,
        vat=vat,
        source=source,
        order=values.get("order", ""),
        discount=_discount(values, clinic, section),
        discount_reason=values.get("discount_reason", "")[:200],
        discount_approved=values.get("discount_approved", False),
        coverage=coverage,
        co_pay=exactly(values.get("co_pay", ZERO), clinic.currency, "co_pay", section),
    )


def _discount(values: dict[str, Any], clinic: Clinic, section: Section) -> Decimal:
    """What went off the price, said as a positive or a negative number. ``amount``, where it is stated, is after it."""
    return abs(exactly(values.get("discount", ZERO), clinic.currency, "discount", section))


def one_of(said: str, known: Sequence[str], field: str) -> str:
    """``said`` in upper case, which is nothing or one of ``known``. Raises Refused."""
    if said and said.upper() not in known:
        raise Refused(_("none of these; map it.") + hint(said, known), field=field, value=said)
    return said.upper()


def short(text: str, length: int, field: str) -> str:
    """``text`` when it fits. Raises Refused: a code that was cut would be another code."""
    if len(text) > length:
        raise Refused(_("longer than {length} characters").format(length=length), field=field, value=text)
    return text


def _parts(stated: dict[str, Decimal | None], rate: Decimal, code: str) -> tuple[Decimal, Decimal]:
    """Before VAT and VAT, from the two or three of net, vat and gross that are stated, or from one and the rate."""
    net, vat, gross = stated["net"], stated["vat"], stated["gross"]
    if net is None:
        known = gross or ZERO  # one of the two is stated: line_of saw to it
        net = known - vat if vat is not None else quantize(known * 100 / (100 + rate), code)
    if vat is None:
        vat = gross - net if gross is not None else quantize(net * rate / 100, code)
    if gross is not None and net + vat != gross:
        raise Refused(
            _("{net} and VAT of {vat} do not make {gross}").format(net=net, vat=vat, gross=gross),
            field="vat",
            value=vat,
        )
    return net, vat


def _vat_code(
    values: dict[str, Any], stated: dict[str, Decimal | None], clinic: Clinic, settings: Settings, service: Any
) -> str:
    """By code, by rate, by the amount of VAT, by the service, or the default, in this order."""
    codes = {code.casefold(): code for code in clinic.vat_codes}
    if said := values.get("vat_code"):
        if said.casefold() not in codes:
            raise Refused(_("no such VAT code.") + hint(said, clinic.vat_codes), field="vat_code", value=said)
        return codes[said.casefold()]
    rate, field = values.get("vat_rate"), "vat_rate"
    if rate is None and stated["vat"] is not None:
        rate, field = _rate_behind(stated, clinic), "vat"
    if rate is not None:
        return code_of_rate(rate, clinic, settings, field)
    offered = service.vat_code if service is not None else None
    return codes.get((offered or "").casefold(), settings.vat_code)


def code_of_rate(rate: Decimal, clinic: Clinic, settings: Settings, field: str = "vat_rate") -> str:
    """The VAT code of a rate; the default one when it has that rate. Raises Refused."""
    for code in (settings.vat_code, *clinic.vat_codes):
        if clinic.vat_codes[code] == rate:
            return code
    raise Refused(
        _("no VAT code has this rate; name one in settings.vat_codes, such as VAT = {rate}").format(rate=rate),
        field=field,
        value=rate,
    )


def _rate_behind(stated: dict[str, Decimal | None], clinic: Clinic) -> Decimal:
    """The rate that makes the stated VAT, within one unit of the currency; what it would be when there is none."""
    vat = stated["vat"] or ZERO
    net = stated["net"] if stated["net"] is not None else (stated["gross"] or ZERO) - vat
    if not vat:
        return ZERO
    unit = currency(clinic.currency).unit
    for rate in clinic.vat_codes.values():
        if rate and abs(net * rate / 100 - vat) <= unit:
            return rate
    return (vat * 100 / net).quantize(Decimal("0.01")) if net else ZERO
