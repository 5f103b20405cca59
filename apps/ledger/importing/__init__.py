"""Books as files say them: charts, trial balances and entries from CSV, XAF and SAF-T Financial.

A reader turns a file into the plain classes of ``books``, each with the line it stands on, and notes what is wrong
with it; it knows nothing of the database. ``services.surveying`` holds it against the books, ``writing_books`` writes.
"""

from typing import BinaryIO

from django.utils.translation import gettext as _

from apps.ledger.importing import csv, saft, xaf
from apps.ledger.importing.books import Books, Unreadable

_HEAD = 4096  # bytes by which a file is recognised


def open_books_file(file: BinaryIO) -> Books:
    """The reader of ``file``, recognised by its content. Raises Unreadable."""
    file.seek(0)
    head = file.read(_HEAD)
    file.seek(0)
    for reader in (saft, xaf, csv):
        if reader.recognises(head):
            return reader.read(file)
    raise Unreadable(1, _("This is no CSV file, XAF or SAF-T Financial."))
