"""Tables as files: the figures are read back from CSV, workbook and PDF."""

import csv
import io
import tracemalloc
from datetime import date
from decimal import Decimal

import openpyxl
import pytest
from django.utils import translation
from pypdf import PdfReader

from apps.core.errors import ReportTooLong
from apps.core.models import Event
from apps.core.tables import Column, Kind, Row, Table
from apps.core.tables.as_csv import csv_parts
from apps.core.tables.as_pdf import write_pdf
from apps.core.tables.as_xlsx import write_xlsx
from apps.core.tables.download import MOST_ROWS, TYPES, download
from apps.core.tests.factories import AdministrationFactory, UserFactory

COLUMNS = (
    Column("Code", width=8),
    Column("Name", width=30),
    Column("Day", Kind.DATE),
    Column("Days", Kind.NUMBER, 6),
    Column("Amount", Kind.AMOUNT),
)
ROWS = (
    Row(("", "Assets", None, None, None), bold=True),
    Row(("1000", "Cash", date(2026, 3, 3), 7, Decimal("1234.5")), level=1),
    Row(("1010", "=HYPERLINK(1)", None, None, Decimal("-0.4")), level=1),
    Row(("", "Total", None, None, Decimal("1234.1")), bold=True),
)


def table(rows=ROWS, count=4, currency="EUR", **more):
    facts = (("Administration", "Clinic Zuid"), ("As of", "2026-03-31"))
    return Table("balance sheet", "Balance sheet", facts, COLUMNS, rows, count, currency, **more)


def as_csv(given):
    text = b"".join(csv_parts(given)).decode()
    assert text.startswith("\N{BYTE ORDER MARK}")
    return list(csv.reader(io.StringIO(text[1:], newline="")))


def as_sheet(given):
    file = io.BytesIO()
    write_xlsx(given, file)
    return openpyxl.load_workbook(file).active


def as_pages(given):
    file = io.BytesIO()
    write_pdf(given, file)
    return [page.extract_text() for page in PdfReader(file).pages]


def test_csv_has_plain_decimals_iso_dates_and_no_formulas():
    assert as_csv(table()) == [
        ["Code", "Name", "Day", "Days", "Amount", "Currency"],
        ["", "Assets", "", "", "", "EUR"],
        ["1000", "Cash", "2026-03-03", "7", "1234.50", "EUR"],
        ["1010", "'=HYPERLINK(1)", "", "", "-0.40", "EUR"],
        ["", "Total", "", "", "1234.10", "EUR"],
    ]


def test_csv_without_amounts_names_no_currency():
    given = Table("x", "X", (), COLUMNS[:2], [Row(("1", "a"))], 1, "EUR")
    assert as_csv(given) == [["Code", "Name"], ["1", "a"]]


def test_csv_is_in_the_language_of_whoever_asked_also_where_it_is_written_later():
    with translation.override("nl"):
        parts = csv_parts(table())
        first = next(parts)
    assert "Valuta" in first.decode()
    told = []
    with translation.override("nl"):
        later = csv_parts(table(rows=(told.append(translation.get_language()) or row for row in ROWS)))
        next(later)
    with translation.override("en"):
        list(later)
    assert set(told) == {"nl"}


@pytest.mark.parametrize(
    ("currency", "text", "digits"), [("EUR", "1234.50", "0.00"), ("JPY", "1235", "0"), ("KWD", "1234.500", "0.000")]
)
def test_amounts_have_the_digits_of_their_currency(currency, text, digits):
    given = table(currency=currency)
    assert as_csv(given)[2][4] == text
    assert as_sheet(given)["E7"].number_format == f"#,##{digits};(#,##{digits})"
    assert as_sheet(given)["E7"].value == float(text)
    assert f"{Decimal(text):,}" in as_pages(given)[0]


def test_a_workbook_has_numbers_dates_and_text_that_stays_text():
    sheet = as_sheet(table())
    assert [[cell.value for cell in row] for row in sheet.iter_rows(min_row=1, max_row=3, max_col=2)] == [
        ["Balance sheet", None],
        ["Administration", "Clinic Zuid"],
        ["As of", "2026-03-31"],
    ]
    assert [cell.value for cell in sheet[5]] == ["Code", "Name", "Day", "Days", "Amount"]
    assert (sheet["D7"].value, sheet["E7"].value, sheet["E8"].value, sheet["E9"].value) == (7, 1234.5, -0.4, 1234.1)
    assert (sheet["C7"].value.date(), sheet["C7"].number_format) == (date(2026, 3, 3), "yyyy-mm-dd")
    assert (sheet["B8"].value, sheet["B8"].data_type, sheet["A7"].data_type) == ("=HYPERLINK(1)", "s", "s")
    assert (sheet["E9"].font.bold, sheet["E7"].font.bold) == (True, False)
    assert (sheet["A7"].alignment.indent, sheet.freeze_panes) == (1, "A6")


def test_a_workbook_takes_text_that_no_workbook_can_hold():
    assert as_sheet(table(rows=[Row(("1\x00", "bell\x07", None, None, None))]))["B6"].value == "bell"


def test_a_workbook_says_its_footnote():
    sheet = as_sheet(table(footnote="Not balanced."))
    assert sheet.cell(sheet.max_row, 1).value == "Not balanced."


def test_a_pdf_says_on_every_page_whose_books_which_report_and_which_page():
    rows = [Row((str(number), "Account", None, None, Decimal(number))) for number in range(150)]
    pages = as_pages(table(rows=rows, count=150, footnote="Seen."))
    assert len(pages) == 3
    for number, text in enumerate(pages, start=1):
        assert all(words in text for words in ("Balance sheet", "Clinic Zuid", "2026-03-31", "Amount"))
        assert f"Page {number} of 3" in text
    assert [number for number in range(150) if f"\n{number}.00" not in "\n".join(pages)] == []
    assert ("Seen." in pages[0], "Seen." in pages[-1]) == (False, True)


def test_a_pdf_shows_negative_amounts_in_parentheses_and_long_names_whole():
    long = "A name that takes more than a line in its column of this page because it goes on and on"
    [text] = as_pages(table(rows=[*ROWS, Row(("1", long, None, None, Decimal("-1234567.89")))]))
    assert ("(0.40)" in text, "(1,234,567.89)" in text, "-0.4" in text) == (True, True, False)
    assert all(word in text for word in long.split())


def test_a_pdf_of_nothing_is_one_page():
    assert len(as_pages(table(rows=[], count=0))) == 1


@pytest.mark.parametrize("ending", TYPES)
def test_a_download_is_an_attachment_and_is_recorded(db, ending):
    administration, person = AdministrationFactory(), UserFactory()
    answer = download(table(), ending, administration=administration, by=person)
    assert answer["Content-Disposition"] == f'attachment; filename="balance-sheet.{ending}"'
    assert answer["Content-Type"].startswith(TYPES[ending])
    assert (answer["X-Content-Type-Options"], answer["Cache-Control"]) == ("nosniff", "private, no-store")
    assert b"".join(answer.streaming_content)
    told = Event.objects.get(name="core.report_exported")
    assert (told.administration, told.by) == (administration, person)
    assert told.facts == {"report": "balance sheet", "format": ending, "rows": 4}


@pytest.mark.parametrize("ending", MOST_ROWS)
def test_a_file_that_nobody_would_read_is_refused_before_a_row_is_read(db, ending):
    rows = iter(ROWS)
    with pytest.raises(ReportTooLong, match="rows") as refused:
        download(
            table(rows=rows, count=MOST_ROWS[ending] + 1),
            ending,
            administration=AdministrationFactory(),
            by=UserFactory(),
        )
    assert refused.value.facts["format"] == ending.upper()
    assert list(rows) == list(ROWS)
    assert not Event.objects.filter(name="core.report_exported").exists()


@pytest.mark.parametrize(
    "write", [lambda given: sum(map(len, csv_parts(given))), lambda given: write_xlsx(given, io.BytesIO())]
)
def test_memory_does_not_grow_with_the_rows(write):
    def peak(count):
        rows = (
            Row((str(number), f"Name {number}", date(2026, 3, 3), number, Decimal(number))) for number in range(count)
        )
        tracemalloc.start()
        write(table(rows=rows, count=count))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)  # what is imported and cached the first time
    assert peak(8_000) < peak(2_000) + 1_000_000
