"""Text of banks: its encoding, and its lines one by one."""

import codecs
from collections.abc import Iterator
from io import IncrementalNewlineDecoder
from typing import BinaryIO

from django.utils.translation import gettext as _

from apps.core.uploads.content import pieces
from apps.reconciliation.formats.values import refuse

LONGEST_LINE = 16 * 1024  # characters; a line of a bank has at most a few hundred
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def encoding_of(file: BinaryIO) -> str:
    """By its mark; UTF-8 where the whole file is, otherwise what Windows writes in Western Europe."""
    file.seek(0)
    start = file.read(4)
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    decode = codecs.getincrementaldecoder("utf-8")()
    try:
        for piece in pieces(file):
            decode.decode(piece)
        decode.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def chunks(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """The text piece by piece with line ends of Unix, and the number of the line in which each begins.

    Raises StatementFileInvalid where it is no text.
    """
    decode = IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding_of(file))(), translate=True)
    line = 1
    try:
        for piece in pieces(file):
            text = decode.decode(piece)
            yield line, _text(text, line)
            line += text.count("\n")
        yield line, decode.decode(b"", final=True)
    except UnicodeDecodeError:
        refuse(line, _("bytes that are no text in any encoding of banks."))


def lines(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """The lines with their numbers, without their ends. Raises StatementFileInvalid for one that is too long."""
    rest, number = "", 1
    for _line, text in chunks(file):
        parts = (rest + text).split("\n")
        rest = parts.pop()
        for part in parts:
            if len(part) > LONGEST_LINE:
                _too_long(number)
            yield number, part
            number += 1
        if len(rest) > LONGEST_LINE:
            _too_long(number)
    if rest:
        yield number, rest


def _text(text: str, line: int) -> str:
    if "\0" in text:
        refuse(line + text[: text.index("\0")].count("\n"), _("a byte of zero: this is no text."))
    return text


def _too_long(line: int) -> None:
    refuse(line, _("longer than a line of any bank."))
