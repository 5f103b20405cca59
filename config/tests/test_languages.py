"""Dutch and Norwegian: everything that people read is marked, translated, and in one word for one thing."""

import ast
import re
from datetime import date
from decimal import Decimal
from string import Formatter

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import flatten
from django.core.exceptions import FieldDoesNotExist
from django.utils import translation
from django.utils.functional import Promise

from apps.billing.errors import PriceMissing
from apps.billing.reports.day import describe
from apps.core import display
from apps.core.errors import DomainError, told_again
from apps.core.languages import language_of_books
from apps.core.models import Administration, Job
from apps.ledger.errors import PeriodClosed
from tools import messages
from tools.messages import LANGUAGES, ROOT

TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
REFUSALS = [kind for kind in DomainError.by_code.values() if ".tests." not in kind.__module__]


@pytest.fixture(autouse=True)
def _english_afterwards():
    """A request leaves its language behind in the thread; the next test begins in English."""
    yield
    translation.activate("en")


@pytest.fixture(scope="module")
def found():
    return messages.collect()


@pytest.fixture(params=LANGUAGES)
def language(request):
    return request.param


@pytest.fixture
def catalogue(language):
    return messages.read(language)


def forms(message):
    return message.string if isinstance(message.string, tuple | list) else (message.string,)


def test_the_tool_knows_every_language_of_the_site():
    assert {code for code, _name in settings.LANGUAGES} == {"en", *LANGUAGES}


# -- the catalogues -------------------------------------------------------------------------------


def test_the_catalogue_holds_what_the_code_says_and_nothing_else(found, language, catalogue):
    assert messages.written(messages.merge(found, catalogue)) == messages.po(language).read_bytes(), "run make messages"


def test_everything_is_translated_in_all_its_forms(catalogue):
    assert [message.id for message in messages.messages(catalogue) if not messages.complete(message)] == []


def test_the_compiled_catalogue_is_the_written_one(found, language, catalogue):
    compiled = messages.compiled(messages.merge(found, catalogue))
    assert messages.po(language).with_suffix(".mo").read_bytes() == compiled, "run make messages"


def test_a_translation_keeps_the_placeholders_and_the_markup(catalogue):
    def kept(text):
        percent = re.findall(r"%\(\w+\)[sd]|%[sd]", text)
        braces = [] if percent else [name for _text, name, _format, _conversion in Formatter().parse(text) if name]
        return sorted([*percent, *braces, *re.findall(r"<[^>]+>|\[\[\w+\]\]", text)])

    differing = [
        (message.id, form)
        for message in messages.messages(catalogue)
        for form in forms(message)
        if kept(form) != kept(message.id if isinstance(message.id, str) else message.id[1])
    ]
    assert differing == []


def test_a_word_of_the_trade_is_always_the_same_word(language, catalogue):
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", (ROOT / "docs/translating.md").read_text(), re.MULTILINE)
    glossary = [[cell.split(" / ") for cell in row] for row in rows if row[0] != "English"]
    assert len(glossary) > 30
    files = {message.id: message.locations[0][0] for message in messages.messages(catalogue)}
    ours = [message for message in messages.messages(catalogue) if "/" in files[message.id]]
    ours = [message for message in ours if files[message.id] != "config/settings.py"]  # the motto plays with words
    differing = []
    for english, *others in glossary:
        words = others[LANGUAGES.index(language)]
        term = re.compile(rf"\b({'|'.join(english)})s?\b", re.IGNORECASE)
        for message in ours:
            said = message.id if isinstance(message.id, str) else message.id[0]
            said = re.sub(r"%\(\w+\)[sd]|\{\w+\}|\[\[\w+\]\]|'\w+'", "", said)
            text = forms(message)[0].casefold()
            if term.search(said) and not any(word.casefold() in text for word in words):
                differing.append((english[0], message.id, text))
    assert differing == []


# -- what is marked -------------------------------------------------------------------------------


def test_no_marked_string_hides_from_the_collection(found):
    """Read a second way, by the syntax tree: an f-string hides its strings from a reader of tokens."""
    marks = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}
    collected = {word for _context, words in found for word in ((words,) if isinstance(words, str) else words)}
    hidden = []
    for folder in ("apps", "config"):
        for path in messages.sources(ROOT / folder):
            for node in ast.walk(ast.parse(path.read_text())) if path.suffix == ".py" else ():
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in marks:
                    words = [one.value for one in node.args if isinstance(one, ast.Constant)]
                    hidden += [(path.name, word) for word in words if isinstance(word, str) and word not in collected]
    assert hidden == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_says_nothing_that_is_not_marked(path):
    text = re.sub(r"{%\s*(blocktranslate|comment).*?{%\s*end\1\s*%}", "", path.read_text(), flags=re.DOTALL)
    attributes = re.findall(r'\b(?:title|placeholder|aria-label|alt|data-\w+-says|data-word)="([^"]*)"', text)
    text = re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r'<span class="material-symbols-outlined".*?</span>', "", text, flags=re.DOTALL)  # icons by name
    text = re.sub(r"{%.*?%}|{{.*?}}|{#.*?#}", "", text, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", " ", text)
    said = [word for word in re.findall(r"[^\W\d_]{2,}", text) if word != "Daybook"]
    said += [one for one in attributes if re.search(r"[^\W\d_]{2,}", re.sub(r"{%.*?%}|{{.*?}}", "", one))]
    assert said == []


@pytest.mark.parametrize("page", admin.site._registry.values(), ids=lambda page: page.opts.label)
def test_every_column_field_and_filter_of_the_admin_has_a_marked_name(page):
    filters = [entry[0] if isinstance(entry, tuple) else entry for entry in page.list_filter]
    named = [*page.list_display, *flatten(page.fields or ()), *page.readonly_fields, *filters]
    inlines = [(inline, inline.model._meta, name) for inline in page.inlines for name in inline.fields or ()]
    unmarked = []
    for holder, meta, name in [(page, page.opts, name) for name in named] + inlines:
        if not isinstance(name, str):
            label = name.title
        else:
            try:
                label = meta.get_field(name).verbose_name
            except FieldDoesNotExist:
                label = getattr(getattr(holder, name), "short_description", name)
        if not isinstance(label, Promise):
            unmarked.append((meta.label, name, label))
    assert unmarked == []
    assert isinstance(page.opts.verbose_name, Promise)
    assert isinstance(page.opts.verbose_name_plural, Promise)


@pytest.mark.parametrize("refusal", sorted(REFUSALS, key=lambda kind: kind.code))
def test_a_refusal_is_marked(refusal):
    for text in (refusal.message, refusal.hint):
        assert text == "" or isinstance(text, Promise)


def test_javascript_holds_no_words_of_a_language():
    for path in (ROOT / "static").rglob("*.js"):
        code = re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE)
        said = re.findall(r"""textContent = ["'`]([^"'`$]+)|(?:alert|confirm)\(["'`]([^"'`]+)""", code)
        assert said == [], path


# -- as it is read --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "amount", "day", "moment"),
    [
        ("en", "EUR (1,234.56)", "Tuesday 3 March 2026", "Tue 3 Mar 2026"),
        ("nl", "EUR (1.234,56)", "dinsdag 3 maart 2026", "di 3 mrt 2026"),
        ("nb", "EUR (1 234,56)", "tirsdag 3. mars 2026", "tir 3. mar 2026"),
    ],
)
def test_amounts_and_dates_follow_the_language(code, amount, day, moment):
    with translation.override(code):
        shown = display.money(Decimal("-1234.56"), "EUR").replace("\N{NO-BREAK SPACE}", " ")
        assert (shown, display.day(date(2026, 3, 3)), display.short_day(date(2026, 3, 3))) == (amount, day, moment)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("nl", "Onjuist e-mailadres of wachtwoord."),
        ("nb-NO,nb;q=0.9", "Feil e-postadresse eller passord."),
        ("de, nl;q=0.5", "Onjuist e-mailadres of wachtwoord."),
        ("fr", "Incorrect e-mail address or password."),
    ],
)
def test_the_api_refuses_in_the_language_that_is_asked_for(client, db, wanted, message):
    body = "username=nobody@example.org&password=wrong"
    form = "application/x-www-form-urlencoded"
    answer = client.post("/api/v1/auth/token", body, form, headers={"Accept-Language": wanted})
    assert (answer.json()["detail"]["code"], answer.json()["detail"]["message"]) == ("INVALID_CREDENTIALS", message)


def test_the_language_that_somebody_chose_is_kept_by_the_browser(client, db):
    answer = client.post("/i18n/setlang/", {"language": "nb", "next": "/admin/login/"})
    cookie = answer.cookies["django_language"]
    assert (cookie.value, cookie["max-age"], cookie["httponly"]) == ("nb", 365 * 24 * 60 * 60, True)
    page = client.get("/admin/login/", headers={"Accept-Language": "nl"}).content.decode()
    assert '<html lang="nb"' in page
    assert "Logg inn" in page


def test_a_refusal_that_was_kept_is_told_in_the_readers_language():
    kept = PeriodClosed(period="2026-03", status="LOCKED").detail()
    assert (kept["message"], kept["status"]) == ("2026-03 is locked; post to an open period.", "LOCKED")
    with translation.override("nl"):
        assert told_again(kept)["message"] == "2026-03 is vergrendeld; boek in een open periode."
        assert told_again(kept)["status"] == "LOCKED"


@pytest.mark.parametrize(
    "kept",
    [
        {"what": "Row 7", "code": "PERIOD_CLOSED", "message": "March is locked."},
        {"what": "Row 7", "code": "GONE", "message": "A refusal of an older version."},
        {"what": "Row 7"},
    ],
)
def test_a_refusal_that_was_kept_without_its_facts_stays_as_it_is(kept):
    with translation.override("nl"):
        assert told_again(kept) == kept


def test_a_refusal_that_was_kept_has_the_facts_its_message_needs():
    kept = PriceMissing(service="C01 Consult", date="2026-03-03").detail()
    with translation.override("nb"):
        assert told_again(kept)["message"] == "C01 Consult har ingen pris på 2026-03-03."


def test_a_job_is_called_in_the_readers_language():
    job = Job(title="Prepare day closes: %(count)s", total=3)
    assert str(job) == "Prepare day closes: 3"
    with translation.override("nl"):
        assert str(job) == "Dagafsluitingen voorbereiden: 3"


def test_a_mismatch_is_told_with_the_words_of_the_language():
    with translation.override("nl"):
        assert (
            describe({"code": "NUMBER_GAP", "document": "bills", "count": 2}) == "Er ontbreken 2 nummers van facturen."
        )
        disagreeing = {"code": "BILLS_AND_PAYMENTS_DISAGREE", "amount": "1234.50"}
        assert describe(disagreeing).endswith("niet uit hun betalingen: 1.234,50.")


@pytest.mark.parametrize(
    ("country", "word"), [("NL", "Dagontvangsten"), ("NO", "Dagens innbetalinger"), ("NG", "Day takings")]
)
def test_what_daybook_writes_into_the_books_is_in_the_language_of_their_country(country, word):
    with translation.override("nb"), language_of_books(Administration(country=country)):
        assert translation.gettext("Day takings") == word
