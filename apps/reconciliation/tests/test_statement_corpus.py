"""Every real file of the corpus: how many lines, their sum, and both balances, or why it is refused."""

import os
import warnings
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest

from apps.reconciliation.errors import StatementFileInvalid
from apps.reconciliation.formats import sniffing
from apps.reconciliation.tests.statement_files import read

CORPUS = Path(os.environ.get("DAYBOOK_CORPUS") or Path(__file__).resolve().parents[4] / "shared" / "corpus")
OUTSIDE, CUT_OFF = "stands outside of a statement", "has no closing balance (62F)"
NO_CAMT, NO_MT940, NO_OFX = "no statement of CAMT", "no statement of MT940", "no statement of a bank or card account"
UNKNOWN = "as no statement does"

# Of each statement: lines, their sum, where it began, where the bank says that it ended.
PENDING = [(0, "0", None, "10022.15")]
SWEDISH = [(1, "-200000.00", None, None)]
MIXED = [(1, "8.85", "18.15", None)]  # closes in SEK, on an account in EUR: that is no balance of it
STARTUMS = [(1, "-233.15", "12345.12", "12345.98")]
CAMT = {
    "genkgo__camt-version-8__camt052.v6.xml": PENDING,
    "genkgo__camt052.v1.xml": SWEDISH,
    "genkgo__camt052.v2.other-account.xml": SWEDISH,
    "genkgo__camt052.v2.with-account-name.xml": SWEDISH,
    "genkgo__camt052.v2.xml": SWEDISH,
    "genkgo__camt052.v4.xml": PENDING,
    "genkgo__camt052.v6.xml": PENDING,
    "genkgo__camt053.v2.minimal.ultimate.xml": MIXED,
    "genkgo__camt053.v2.minimal.xml": MIXED,
    "genkgo__camt053.v2.multi.statement.xml": [(1, "8.85", "18.15", "27.00"), (1, "-7.00", "27.00", "20.00")],
    "genkgo__camt053.v2.with-account-name.xml": [(1, "8.85", None, None)],
    "genkgo__camt053.v2.wrong.xml": NO_CAMT,
    "genkgo__camt053.v3.xml": MIXED,
    "genkgo__camt053.v4.xml": MIXED,
    "genkgo__camt053.v8.xml": MIXED,
    "genkgo__camt054.v2.with-account-name.xml": SWEDISH,
    "genkgo__camt054.v2.xml": SWEDISH,
    "genkgo__camt054.v4.xml": SWEDISH,
    "sebastienrousseau__camt.053.001.02.xml": [(3, "-64321.50", "500000.00", "435678.50")],
    "sebastienrousseau__golden__camt053_multicurrency.xml": [
        (2, "750.25", "10000.00", "10750.25"),
        (1, "-99.99", "2500.00", "2400.01"),
    ],
    "viafintech__052__valid_example.xml": [(2, "5.00", "8.50", "13.50")],
    "viafintech__052__valid_example_with_dates.xml": [(1, "-5.00", None, None)],
    "viafintech__052__valid_namespace.xml": NO_CAMT,
    "viafintech__053__valid_example.xml": [(5, "-10.00", "33.06", "23.06")],
    "viafintech__053__valid_namespace.xml": NO_CAMT,
    "viafintech__054__valid_example.xml": [(5, "59.03", None, None)],
    "viafintech__general__invalid_namespace.xml": NO_CAMT,
}
MT940 = {
    "sebastienrousseau__sample.mt940": [(2, "1170.25", "1000.00", "2170.25")],
    "wolph__betterplace__amount_formats.sta": OUTSIDE,
    "wolph__betterplace__currency_in_25.sta": CUT_OFF,
    "wolph__betterplace__empty_86.sta": NO_MT940,
    "wolph__betterplace__empty_entry_date.sta": OUTSIDE,
    "wolph__betterplace__empty_line.sta": CUT_OFF,
    "wolph__betterplace__missing_crlf_at_end.sta": OUTSIDE,
    "wolph__betterplace__sepa_snippet.sta": [
        (4, "358593.91", "766656.49", "1125250.40"),
        (7, "-2501917.30", "-1970431.87", "-4472049.09"),
    ],
    "wolph__cmxl__account_balance_credit.sta": OUTSIDE,
    "wolph__cmxl__account_balance_debit.sta": OUTSIDE,
    "wolph__cmxl__account_identification_iban.sta": CUT_OFF,
    "wolph__cmxl__account_identification_legacy.sta": CUT_OFF,
    "wolph__cmxl__available_balance.sta": NO_MT940,
    "wolph__cmxl__closing_balance.sta": OUTSIDE,
    "wolph__cmxl__mt940.sta": [
        (11, "87.30", "84349.74", "84437.04"),
        (2, "2200.00", "2187.95", "4387.95"),
        (3, "10040.00", "40000.00", "50040.00"),
    ],
    "wolph__cmxl__reference.sta": CUT_OFF,
    "wolph__cmxl__statement_details.sta": OUTSIDE,
    "wolph__cmxl__statement_line.sta": OUTSIDE,
    "wolph__cmxl__statement_number.sta": OUTSIDE,
    "wolph__jejik__generic.sta": [(1, "-10.00", "100.00", "90.00"), (1, "-10.00", "90.00", "80.00")],
    "wolph__jejik__ing.sta": [(7, "-45.59", "0.00", "3.47")],
    "wolph__jejik__postfinance.sta": [(4, "159.40", "0.00", "159.60")],  # two pages
    "wolph__jejik__rabobank-iban.sta": [(2, "-35.00", "1000.00", "965.00"), (2, "-35.00", "965.00", "930.00")],
    "wolph__jejik__sns.sta": [(2, "-25.00", "1234.56", "1209.56"), (0, "0", "1209.56", "1209.56")],
    "wolph__self-provided__account_identification.sta": CUT_OFF,
    "wolph__self-provided__details_60-63.sta": STARTUMS,
    "wolph__self-provided__empty_non_swift.sta": UNKNOWN,
    "wolph__self-provided__invalid_statement.sta": UNKNOWN,
    "wolph__self-provided__long_statement_number.sta": [(0, "0", "0.00", "0.00")],
    "wolph__self-provided__malformed_details.sta": STARTUMS,
    "wolph__self-provided__mt942.sta": [(1, "-0.42", None, None)],
    "wolph__self-provided__multiline.sta": OUTSIDE,  # a movement after the end of the message
    "wolph__self-provided__overly_long_details.sta": STARTUMS,
    "wolph__self-provided__sparkassen.sta": OUTSIDE,
    "wolph__self-provided__transaction_details_wrapped.sta": [(1, "-6.00", "1200.00", "1194.00")],
    "wolph__self-provided__whitespace.sta": STARTUMS,
}
OFX = {
    "jseutter__account_listing_aggregation.ofx": NO_OFX,
    "jseutter__anzcc.ofx": [(1, "-5.50", None, "-123.45")],
    "jseutter__bank_medium.ofx": [(3, "-345.27", None, "382.34")],
    "jseutter__bank_small.ofx": NO_OFX,
    "jseutter__checking.ofx": [(3, "-59.50", None, "100.99")],
    "jseutter__fail_nice__date_missing.ofx": "entry 1: it says no date",
    "jseutter__fail_nice__empty_balance.ofx": [(1, "120.00", None, None)],
    "jseutter__investment_medium.ofx": "a statement of an investment account",
    "jseutter__multiple_accounts.ofx": [(0, "0", None, "111.00"), (0, "0", None, "222.00")],
    "jseutter__ofx-v102-empty-tags.ofx": [(1, "12.34", None, None)],
    "jseutter__signon_fail.ofx": "answered with an error: 15500",
    "jseutter__signon_success.ofx": NO_OFX,
    "jseutter__suncorp.ofx": [(1, "-16.85", None, "1234.12")],
    "sebastienrousseau__sample.ofx": [(2, "1170.25", None, None)],
    "sebastienrousseau__sample.qfx": [(1, "-15.00", None, None)],
}
FILES = {"camt": CAMT, "mt940": MT940, "ofx": OFX}
# Where start and lines are not the end: shortened by hand, by those who made them.
OPEN_ENDED = {
    "wolph__betterplace__sepa_snippet.sta",
    "wolph__jejik__ing.sta",
    "wolph__jejik__postfinance.sta",
    *(name for name, expected in MT940.items() if expected is STARTUMS),
}


def corpus(folder):
    if not (CORPUS / folder).is_dir():
        warnings.warn(f"SKIPPED, {CORPUS / folder} is not here: real statements were NOT read", stacklevel=1)
        pytest.skip(f"{CORPUS / folder} is not here: real statements were NOT read")
    return CORPUS / folder


@pytest.mark.parametrize("folder", FILES)
def test_the_table_knows_every_file(folder):
    assert {path.name for path in corpus(folder).iterdir()} == set(FILES[folder])


@pytest.mark.parametrize(("folder", "name"), [(folder, name) for folder, files in FILES.items() for name in files])
def test_a_real_file_is_read_to_the_cent_or_refused(folder, name):
    content, expected = (corpus(folder) / name).read_bytes(), FILES[folder][name]
    if isinstance(expected, str):
        with pytest.raises(StatementFileInvalid) as refused:
            read(sniffing.PARSERS[sniffing.recognised(BytesIO(content))], content)
        assert expected in refused.value.facts["problem"]
        return
    assert sniffing.recognised(BytesIO(content)) == folder
    statements = read(sniffing.PARSERS[folder], content)
    sums = [str(sum((line.amount for line in one.lines), Decimal(0))) for one in statements]
    assert [(len(one.lines), total, *one.balances) for one, total in zip(statements, sums, strict=True)] == expected
    if name not in OPEN_ENDED:
        for _count, total, start, end in expected:
            assert None in (start, end) or Decimal(start) + Decimal(total) == Decimal(end)
