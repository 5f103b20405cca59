"""In which language something is written down, when nobody in particular is reading."""

from django.utils.translation import override

from apps.core.models import Administration

# By the country of the administration: books are kept in the language of those who may inspect them.
_OF_BOOKS = {"NL": "nl", "NO": "nb"}


def language_of_books(administration: Administration) -> override:
    """While this lasts, strings are in the language of the administration's books: memos and names that Daybook
    itself writes there, which never change afterwards."""
    return override(_OF_BOOKS.get(administration.country, "en"))
