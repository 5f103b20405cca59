"""Attempts to break the laws of what stands around the entries: charts, currencies, VAT, batches, invoices, assets,
seals. Each is a statement, with the names that ``documents`` gives ids to, and the law that refuses it."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction

from apps.ledger.models import (
    AccountMonth,
    Batch,
    Depreciation,
    Disposal,
    ExchangeRate,
    FixedAsset,
    Invoice,
    InvoiceLine,
    RolledUp,
    SealedDocument,
)
from apps.ledger.services.posting import Document, Line
from apps.ledger.services.sealing import seal
from apps.ledger.tests.factories import Books, EntryFactory, new_id

MARCH = date(2026, 3, 1)

# The columns of a row that is right; an attempt says what it has otherwise.
ROWS: dict[str, dict[str, str]] = {
    "account": {"code": "'9999'", "name": "''", "type": "'ASSET'", "place": "'FIXED_ASSETS'", "control": "''"}
    | {"purpose": "''"},
    "vatcode": {"code": "'NEW'", "name": "''", "rate": "21", "account_id": "%(cash)s"},
    "party": {"kind": "'SUPPLIER'", "code": "'S-9'", "name": "''"},
    "journal": {"code": "'NEW'", "name": "''"},
    "exchangerate": {"currency": "'USD'", "date": "'2026-03-04'", "rate": "0.9", "source": "''"},
    "batch": {"kind": "'IMPORT'", "title": "''", "created_at": "now()"},
    "accountmonth": {"account_id": "%(cash)s", "month": "'2026-04-01'", "debit": "0", "credit": "0"},
    "rolledup": {"journal_id": "%(journal)s", "year": "2099", "number": "1"},
    "journalline": {"entry_id": "%(draft)s", "position": "9", "account_id": "%(cash)s", "memo": "''"}
    | {"debit": "5", "credit": "0"},
    "openitem": {"line_id": "%(control_line)s", "account_id": "%(patients)s", "party_id": "%(party)s"}
    | {"date": "'2026-03-03'", "amount": "5", "document_type": "''", "reference": "''"},
    "invoice": {"kind": "'VENDOR'", "type": "'INVOICE'", "year": "2026", "reference": "''", "party_id": "%(supplier)s"}
    | {"invoice_date": "'2026-03-03'", "due_date": "'2026-03-03'", "tax_point": "'2026-03-03'", "currency": "''"}
    | {"net_amount": "100", "vat_amount": "21", "total_amount": "121", "description": "''", "created_at": "now()"},
    "invoiceline": {"invoice_id": "%(history)s", "position": "9", "account_id": "%(revenue)s", "description": "''"}
    | {"net": "0", "vat": "0"},
    "fixedasset": {"code": "'A-9'", "name": "''", "account_id": "%(cash)s", "depreciation_account_id": "%(cash)s"}
    | {"expense_account_id": "%(cash)s", "acquired_on": "'2026-01-01'", "in_use_from": "'2026-01-01'", "cost": "1200"}
    | {"residual_value": "0", "method": "'STRAIGHT_LINE'", "life_months": "12", "opening_depreciation": "0"},
    "depreciation": {"asset_id": "%(asset)s", "month": "'2026-04-01'", "revision": "1", "amount": "100"}
    | {"entry_id": "%(entry)s"},
    "disposal": {"asset_id": "%(asset)s", "date": "'2026-06-30'", "proceeds": "0", "entry_id": "%(entry)s"},
    "seal": {"number": "0", "head": "'x'", "previous_head": "%(head)s", "entries": "99", "reason": "''"}
    | {"made_at": "now()"},
    "sealedentry": {"seal_id": "%(seal)s", "entry_id": "%(unsealed)s", "position": "99", "hash": "''", "salt": "''"}
    | {"text_hash": "''"},
    "sealeddocument": {"seal_id": "%(seal)s", "kind": "'test.document'", "document_id": "gen_random_uuid()"}
    | {"position": "99", "hash": "''", "salt": "''", "text_hash": "''"},
}


def adding(table: str, **columns: str) -> str:
    values = {"id": "gen_random_uuid()", "administration_id": "%(administration)s", **ROWS[table], **columns}
    return f"INSERT INTO ledger_{table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"


def changing(table: str, name: str, **columns: str) -> str:
    values = ", ".join(f"{column} = {value}" for column, value in columns.items())
    return f"UPDATE ledger_{table} SET {values} WHERE id = %({name})s"


def deleting(table: str, name: str) -> str:
    return f"DELETE FROM ledger_{table} WHERE id = %({name})s"


def invoicing(net: str, **columns: str) -> str:
    """A statement that adds an invoice with one line of ``net`` and the VAT that the invoice says."""
    line = adding("invoiceline", invoice_id="invoice.id", net=net, vat="21")
    line = line.replace("VALUES (", "SELECT ").removesuffix(")")
    return f"WITH invoice AS ({adding('invoice', **columns)} RETURNING *) {line} FROM invoice"


def taxed(**columns: str) -> str:
    vat = {"vat_code_id": "%(vat)s", "vat_role": "'BASE'", "tax_point": "'2026-03-03'", "vat_period_id": "%(march)s"}
    return adding("journalline", **vat | columns)


OTHER_CASH = "%(foreign_cash)s"
POSTED = {"kind": "'CUSTOMER'", "party_id": "%(customer)s", "entry_id": "%(entry)s"}
CREDIT = {"type": "'CREDIT_NOTE'", "net_amount": "-100", "vat_amount": "-21", "total_amount": "-121"}

ATTEMPTS: dict[str, tuple[str, str]] = {
    # The chart.
    "an account where its type does not stand": ("account_place_fits_type", adding("account", place="'EQUITY'")),
    "an account moves where its type does not stand": (
        "account_place_fits_type",
        changing("account", "cash", place="'OPERATING_EXPENSES'"),
    ),
    "two accounts of one code": ("account_code", adding("account", code="'1000'")),
    "two accounts of one purpose": ("one_account_per_purpose", adding("account", purpose="'cash_drawer'")),
    "two journals of one code": ("journal_code", adding("journal", code="'GEN'")),
    "two parties of one kind and code": ("party_code", adding("party", kind="'PATIENT'", code="'P-1'")),
    "two VAT codes of one code": ("vat_code_code", adding("vatcode", code="'HIGH'")),
    "a negative VAT rate": ("vat_code_rate", adding("vatcode", rate="-1")),
    "a VAT rate above the whole": ("vat_code_rate", changing("vatcode", "vat", rate="101")),
    "more than all of a VAT is deductible": ("vat_code_deductible", adding("vatcode", deductible="100.5")),
    "a VAT without an account": ("vat_code_has_account", adding("vatcode", account_id="NULL")),
    "a VAT code that ends before it begins": (
        "vat_code_validity",
        adding("vatcode", valid_from="'2026-02-01'", valid_until="'2026-01-31'"),
    ),
    "a VAT account of other books": ("vat_code_account_same_administration", adding("vatcode", account_id=OTHER_CASH)),
    "an input VAT account of other books": (
        "vat_code_input_account_same_administration",
        adding("vatcode", input_account_id=OTHER_CASH),
    ),
    "a worthless currency": ("exchange_rate_positive", adding("exchangerate", rate="0")),
    "a second rate of a day": ("one_exchange_rate_per_day", adding("exchangerate", date="'2026-03-03'")),
    # Batches and months.
    "rename a batch": ("batch_kept", changing("batch", "batch", title="'x'")),
    "imported history becomes something else": ("batch_kept", changing("batch", "batch", kind="'BACKFILL'")),
    "delete a batch": ("batch_kept", deleting("batch", "batch")),
    "reverse a batch again": ("batch_kept", changing("batch", "reversed_batch", reversed_at="now()")),
    "a batch reversed at no time": (
        "batch_reversed_by_somebody",
        adding("batch", reversed_by_id="%(owner)s"),
    ),
    "a batch with a file that cannot be seen": (
        "batch_upload_same_administration",
        adding("batch", upload_id="%(nothing)s"),
    ),
    "an entry in a batch of other books": (
        "entry_batch_same_administration",
        changing("journalentry", "draft", batch_id="%(foreign_batch)s"),
    ),
    "a month of other books": (
        "account_month_account_same_administration",
        adding("accountmonth", account_id=OTHER_CASH),
    ),
    "a month twice": ("one_row_per_month", adding("accountmonth", month="'2026-03-01'")),
    "a mark in a journal of other books": (
        "rolled_up_journal_same_administration",
        adding("rolledup", journal_id="%(foreign_journal)s"),
    ),
    "a mark twice": ("one_mark_per_series", adding("rolledup", year="2026")),
    # Currency and VAT of lines and items.
    "an amount in no currency": ("line_currency", adding("journalline", amount_currency="5")),
    "a rate of no currency": ("line_currency", adding("journalline", exchange_rate="0.9")),
    "a currency without its amount": ("line_currency", adding("journalline", currency="'USD'", exchange_rate="0.9")),
    "an amount in currency on the other side": (
        "line_currency",
        adding("journalline", currency="'USD'", amount_currency="-5"),
    ),
    "an item in no currency": ("open_item_currency", adding("openitem", amount_currency="5")),
    "an item's currency without its amount": ("open_item_currency", adding("openitem", currency="'USD'")),
    "an item in currency on the other side": (
        "open_item_currency",
        adding("openitem", currency="'USD'", amount_currency="-5"),
    ),
    "an item of nothing": ("open_item_amount", adding("openitem", amount="0")),
    "an item on a line of other books": (
        "open_item_line_same_administration",
        adding("openitem", line_id="%(foreign_line)s"),
    ),
    "an item of a party of other books": (
        "open_item_party_same_administration",
        adding("openitem", party_id="%(foreign_party)s"),
    ),
    "an item in a batch of other books": (
        "open_item_batch_same_administration",
        adding("openitem", batch_id="%(foreign_batch)s"),
    ),
    "an item that joins a posted line in a batch": (
        "control_line_equals_items",
        adding("openitem", batch_id="%(batch)s"),
    ),
    "a VAT line that says nothing in the return": ("line_vat", taxed(vat_role="''")),
    "a VAT line without a tax point": ("line_vat", taxed(tax_point="NULL")),
    "a VAT line without a VAT period": ("line_vat", taxed(vat_period_id="NULL")),
    "a VAT role without a code": ("line_vat", adding("journalline", vat_role="'TAX'")),
    "a VAT base without a code": ("line_vat", adding("journalline", vat_base="100")),
    "a corrected period without a code": ("line_vat", adding("journalline", corrected_period_id="%(march)s")),
    "a VAT code of other books": ("line_vat_code_same_administration", taxed(vat_code_id="%(foreign_vat)s")),
    "a VAT period of other books": ("line_vat_period_same_administration", taxed(vat_period_id="%(foreign_march)s")),
    "a corrected period of other books": (
        "line_corrected_period_same_administration",
        taxed(corrected_period_id="%(foreign_march)s"),
    ),
    "a line of a party of other books": (
        "line_party_same_administration",
        adding("journalline", party_id="%(foreign_party)s"),
    ),
    "two lines in one place": ("line_position", adding("journalline", position="1")),
    "year-end adjustments with VAT": (
        "year_end_without_vat",
        changing("journalentry", "other_draft", status="'POSTED'", line_count="2"),
    ),
    # Invoices.
    "change an invoice": ("invoice_append_only", changing("invoice", "invoice", description="'x'")),
    "change registered history": ("invoice_append_only", changing("invoice", "history", due_date="'2027-01-01'")),
    "delete an invoice": ("invoice_append_only", deleting("invoice", "history")),
    "change a line of an invoice": ("invoice_append_only", changing("invoiceline", "invoice_line", description="'x'")),
    "delete a line of an invoice": ("invoice_append_only", deleting("invoiceline", "invoice_line")),
    "an invoice that is not net and VAT": ("invoice_total_is_net_and_vat", adding("invoice", total_amount="120")),
    "an invoice of another year": ("invoice_year", adding("invoice", year="2025")),
    "a supplier's invoice with a number of ours": ("invoice_numbered", adding("invoice", number="9")),
    "registered history with a number of ours": (
        "invoice_numbered",
        adding("invoice", kind="'CUSTOMER'", party_id="%(customer)s", number="9"),
    ),
    "an invoice in a currency without a rate": ("invoice_currency", adding("invoice", currency="'USD'")),
    "an invoice in a worthless currency": (
        "invoice_currency",
        adding("invoice", currency="'USD'", exchange_rate="0"),
    ),
    "an invoice with a rate of no currency": ("invoice_currency", adding("invoice", exchange_rate="0.9")),
    "a credit note that charges": ("credit_note_is_negative", adding("invoice", type="'CREDIT_NOTE'")),
    "an invoice of a supplier twice": ("one_invoice_per_reference", adding("invoice", reference="'2026-17'")),
    "an invoice of a party of other books": (
        "invoice_party_same_administration",
        adding("invoice", party_id="%(foreign_party)s"),
    ),
    "a credit note for an invoice of other books": (
        "invoice_credits_same_administration",
        adding("invoice", **CREDIT, credits_id="%(foreign_invoice)s"),
    ),
    "an invoice of an entry of other books": (
        "invoice_entry_same_administration",
        adding("invoice", entry_id="%(foreign_entry)s"),
    ),
    "a second invoice of an entry": ("ledger_invoice_entry_id_key", adding("invoice", entry_id="%(invoiced)s")),
    "a posted invoice without lines": ("invoice_equals_lines", adding("invoice", **POSTED)),
    "a posted invoice whose entry opens no item": ("invoice_equals_item", invoicing("100", **POSTED)),
    "an invoice with other lines than it says": ("invoice_equals_lines", invoicing("99")),
    "one more line of an invoice": ("invoice_equals_lines", adding("invoiceline", net="1")),
    "two lines of an invoice in one place": ("invoice_line_position", adding("invoiceline", position="1")),
    "a line of an invoice of other books": (
        "invoice_line_invoice_same_administration",
        adding("invoiceline", invoice_id="%(foreign_invoice)s"),
    ),
    "an invoice line on an account of other books": (
        "invoice_line_account_same_administration",
        adding("invoiceline", account_id=OTHER_CASH),
    ),
    "an invoice line with a VAT code of other books": (
        "invoice_line_vat_code_same_administration",
        adding("invoiceline", vat_code_id="%(foreign_vat)s"),
    ),
    # Fixed assets.
    "an asset that costs nothing": ("fixed_asset_value", adding("fixedasset", cost="0")),
    "an asset that is worth more at its end": ("fixed_asset_value", adding("fixedasset", residual_value="1201")),
    "an asset written off before it came": ("fixed_asset_value", adding("fixedasset", opening_depreciation="1201")),
    "an asset without a life": ("fixed_asset_value", adding("fixedasset", life_months="0")),
    "a declining asset without a rate": ("fixed_asset_method", adding("fixedasset", method="'DECLINING'")),
    "a straight line that declines": ("fixed_asset_method", adding("fixedasset", declining_rate="20")),
    "an asset used before it came": ("fixed_asset_in_use", adding("fixedasset", in_use_from="'2025-12-31'")),
    "two assets of one code": ("fixed_asset_code", adding("fixedasset", code="'A-1'")),
    "a depreciated asset costs more": ("fixed_asset_kept", changing("fixedasset", "asset", cost="9999")),
    "a depreciated asset came earlier": (
        "fixed_asset_kept",
        changing("fixedasset", "asset", acquired_on="'2025-01-01'"),
    ),
    **{
        f"an asset whose {field} is of other books": (
            f"fixed_asset_{field}_same_administration",
            adding("fixedasset", **{f"{field}_id": OTHER_CASH}),
        )
        for field in ("account", "depreciation_account", "expense_account")
    },
    "an asset on an invoice line that cannot be seen": (
        "fixed_asset_invoice_line_same_administration",
        adding("fixedasset", invoice_line_id="%(nothing)s"),
    ),
    "a month twice in one revision": ("one_depreciation_per_month", adding("depreciation", month="'2026-03-01'")),
    "a month twice in another revision": (
        "one_depreciation_per_month",
        adding("depreciation", month="'2026-03-01'", revision="2"),
    ),
    "a depreciation of half a month": ("depreciation_of_a_month", adding("depreciation", month="'2026-04-15'")),
    "a depreciation of nothing": ("depreciation_of_a_month", adding("depreciation", amount="0")),
    "a depreciation beyond the cost": ("depreciation_within_cost", adding("depreciation", amount="1001")),
    "change a depreciation": ("depreciation_append_only", changing("depreciation", "depreciation", amount="1")),
    "delete a depreciation": ("depreciation_append_only", deleting("depreciation", "depreciation")),
    "a depreciation of an asset of other books": (
        "depreciation_asset_same_administration",
        adding("depreciation", asset_id="%(foreign_asset)s"),
    ),
    "a depreciation by an entry of other books": (
        "depreciation_entry_same_administration",
        adding("depreciation", entry_id="%(foreign_entry)s"),
    ),
    "an asset is disposed of twice": ("disposal_once", adding("disposal", asset_id="%(sold_asset)s")),
    "two disposals by one entry": ("ledger_disposal_entry_id_key", adding("disposal", entry_id="%(sold_by)s")),
    "a disposal that costs": ("disposal_proceeds", adding("disposal", proceeds="-1")),
    "change a disposal": ("disposal_append_only", changing("disposal", "disposal", proceeds="1")),
    "delete a disposal": ("disposal_append_only", deleting("disposal", "disposal")),
    "a disposal of an asset of other books": (
        "disposal_asset_same_administration",
        adding("disposal", asset_id="%(foreign_asset)s"),
    ),
    "a disposal by an entry of other books": (
        "disposal_entry_same_administration",
        adding("disposal", entry_id="%(foreign_entry)s"),
    ),
    # Seals.
    "change a seal": ("seal_append_only", changing("seal", "seal", head="'x'")),
    "delete a seal": ("seal_append_only", deleting("seal", "seal")),
    "a seal that does not follow": ("seal_chained", adding("seal", previous_head="'x'")),
    "a seal over fewer entries": ("seal_chained", adding("seal", entries="0")),
    "change what was sealed": ("seal_append_only", changing("sealedentry", "sealed_entry", hash="'x'")),
    "erase a salt": ("seal_append_only", changing("sealedentry", "sealed_entry", salt="''")),
    "delete what was sealed": ("seal_append_only", deleting("sealedentry", "sealed_entry")),
    "seal an entry twice": ("ledger_sealedentry_entry_id_key", adding("sealedentry", entry_id="%(entry)s")),
    "seal two entries in one place": ("sealed_entry_position", adding("sealedentry", position="1")),
    "seal an entry of other books": (
        "sealed_entry_entry_same_administration",
        adding("sealedentry", entry_id="%(foreign_unsealed)s"),
    ),
    "seal into other books": (
        "sealed_entry_seal_same_administration",
        adding("sealedentry", seal_id="%(foreign_seal)s"),
    ),
    "change a sealed document": ("seal_append_only", changing("sealeddocument", "sealed_document", hash="'y'")),
    "give a document another salt": ("seal_append_only", changing("sealeddocument", "sealed_document", salt="'y'")),
    "delete a sealed document": ("seal_append_only", deleting("sealeddocument", "sealed_document")),
    "seal a document twice": ("document_sealed_once", adding("sealeddocument", document_id="%(document)s")),
    "seal two documents in one place": ("sealed_document_position", adding("sealeddocument", position="50")),
    "seal a document into other books": (
        "sealed_document_seal_same_administration",
        adding("sealeddocument", seal_id="%(foreign_seal)s"),
    ),
}

# The same rows as they should be; the laws let them through.
KEPT: dict[str, str] = {
    f"a right row of {table}": adding(table) for table in ROWS if table not in ("openitem", "journalline")
}
KEPT |= {
    "a line": adding("journalline", entry_id="%(other_draft)s", position="10"),
    "a line with VAT": taxed(entry_id="%(other_draft)s", position="11"),
    "a line in a currency": adding(
        "journalline", entry_id="%(other_draft)s", position="12", currency="'USD'", amount_currency="5"
    ),
    "a batch is reversed": changing("batch", "batch", reversed_at="now()"),
}

PROTECTED = (
    *("batch", "invoice", "invoiceline", "fixedasset", "depreciation", "disposal"),
    *("seal", "sealedentry", "sealeddocument"),
)


def post_invoice(books: Books, party: Any, amount: str = "121.00", **columns: Any) -> Invoice:
    """A customer invoice with one line, its entry and its open item."""
    with transaction.atomic():
        key = new_id()
        document = Document("customer_invoice", key)
        entry = EntryFactory(
            books=books,
            lines=[
                Line(books.account("customer_receivable"), debit=Decimal(amount), party=party, document=document),
                Line(books.account("revenue_consultation"), credit=Decimal(amount)),
            ],
        )
        return register_invoice(books, party, amount, id=key, kind="CUSTOMER", entry=entry, **columns)


def register_invoice(books: Books, party: Any, amount: str = "121.00", **columns: Any) -> Invoice:
    """An invoice with one line and no entry: registered history."""
    day = date(2026, 3, 3)
    with transaction.atomic():
        invoice = Invoice.objects.create(
            **{
                "administration": books.administration,
                "kind": "VENDOR",
                "year": day.year,
                "party": party,
                **dict.fromkeys(("invoice_date", "due_date", "tax_point"), day),
                "net_amount": Decimal(amount),
                "vat_amount": Decimal(0),
                "total_amount": Decimal(amount),
                **columns,
            }
        )
        InvoiceLine.objects.create(
            administration=books.administration,
            invoice=invoice,
            position=1,
            account=books.account("revenue_consultation"),
            net=Decimal(amount),
        )
    return invoice


def an_asset(books: Books, code: str) -> FixedAsset:
    """EUR 1,200 over twelve months, from January on."""
    accounts = dict.fromkeys(("account", "depreciation_account", "expense_account"), books.account("cash_safe"))
    return FixedAsset.objects.create(
        administration=books.administration,
        code=code,
        name="Chair",
        **accounts,
        acquired_on=date(2026, 1, 1),
        in_use_from=date(2026, 1, 1),
        cost=Decimal(1200),
        life_months=12,
    )


def documents(books: Books, foreign: Books) -> dict[str, Any]:
    """Rows for the attempts above, by the names that they use; what stands in the books so far is sealed."""
    mine = {"administration": books.administration}
    invoice = post_invoice(books, books.party("C-1"))
    history = register_invoice(books, books.party("S-1"), reference="2026-17")
    batch, reversed_batch = (Batch.objects.create(**mine, kind="IMPORT", title="History") for _batch in range(2))
    Batch.objects.filter(pk=reversed_batch.pk).update(reversed_at="2026-03-03T00:00Z")
    asset, sold_asset = an_asset(books, "A-1"), an_asset(books, "A-2")
    for month in (1, 3):
        depreciation = Depreciation.objects.create(
            **mine, asset=asset, month=MARCH.replace(month=month), amount=Decimal(100), entry=EntryFactory(books=books)
        )
    sold_by = EntryFactory(books=books)
    disposal = Disposal.objects.create(**mine, asset=sold_asset, date=MARCH, entry=sold_by)
    ExchangeRate.objects.create(**mine, currency="USD", date=date(2026, 3, 3), rate=Decimal("0.9"))
    AccountMonth.objects.create(**mine, account=books.account("cash_drawer"), month=MARCH)
    RolledUp.objects.create(**mine, journal=books.journal, year=2026, number=1)
    made = seal(books.administration, reason="test", by=books.owner)
    hashed = {"hash": b"x", "salt": b"x", "text_hash": b"x"}
    document = SealedDocument.objects.create(
        **mine, seal=made, kind="test.document", document_id=new_id(), position=50, **hashed
    )
    return {
        "owner": books.owner.pk,
        "vat": books.vat.pk,
        "customer": books.party("C-1").pk,
        "supplier": books.party("S-1").pk,
        "invoice": invoice.pk,
        "invoiced": invoice.entry_id,
        "history": history.pk,
        "invoice_line": invoice.lines.get().pk,
        "batch": batch.pk,
        "reversed_batch": reversed_batch.pk,
        "asset": asset.pk,
        "sold_asset": sold_asset.pk,
        "sold_by": sold_by.pk,
        "depreciation": depreciation.pk,
        "disposal": disposal.pk,
        "seal": made.pk,
        "head": made.head,
        "sealed_entry": made.sealed_entries.get(position=1).pk,
        "sealed_document": document.pk,
        "document": document.document_id,
        "unsealed": EntryFactory(books=books).pk,
        "foreign_vat": foreign.vat.pk,
        "foreign_party": foreign.party("P-9").pk,
        "foreign_batch": Batch.objects.create(administration=foreign.administration, kind="IMPORT", title="x").pk,
        "foreign_invoice": register_invoice(foreign, foreign.party("P-9")).pk,
        "foreign_asset": an_asset(foreign, "A-1").pk,
        "foreign_line": EntryFactory(books=foreign).lines.first().pk,
        "foreign_seal": seal(foreign.administration, reason="test", by=None).pk,
        "foreign_unsealed": EntryFactory(books=foreign).pk,
    }
