"""ClamAV as the virus scanner: clamd's INSTREAM over TCP (docs.clamav.net, "ClamD Protocol").

``settings.UPLOAD_SCANNER`` names ``scan`` when ``CLAMAV_URL`` is given. A scanner that does not answer lets nothing in.
"""

import socket
import struct
from typing import BinaryIO
from urllib.parse import urlsplit

from django.conf import settings

from apps.core.errors import FileInfected, ScannerUnavailable
from apps.core.uploads.content import pieces

PATIENCE = 30  # seconds for each answer of the socket
_LONGEST_REPLY = 4096


def scan(file: BinaryIO) -> str:
    """The verdict of clamd on ``file``. Raises FileInfected or ScannerUnavailable."""
    where = urlsplit(settings.CLAMAV_URL)
    try:
        with socket.create_connection((where.hostname, where.port or 3310), timeout=PATIENCE) as clamd:
            reply = _ask(clamd, file)
    except OSError as error:
        raise ScannerUnavailable() from error
    if reply == "stream: OK":
        return "ClamAV: OK"
    if reply.endswith(" FOUND"):
        raise FileInfected(found=reply.removeprefix("stream: ").removesuffix(" FOUND"))
    raise ScannerUnavailable()  # such as "INSTREAM size limit exceeded. ERROR"


def _ask(clamd: socket.socket, file: BinaryIO) -> str:
    clamd.sendall(b"zINSTREAM\0")
    for piece in pieces(file):
        clamd.sendall(struct.pack("!L", len(piece)) + piece)
    clamd.sendall(struct.pack("!L", 0))
    reply = b""
    while not reply.endswith(b"\0") and len(reply) < _LONGEST_REPLY:
        answered = clamd.recv(_LONGEST_REPLY)
        if not answered:
            raise ConnectionError("clamd hung up")
        reply += answered
    return reply.rstrip(b"\0").decode("utf-8", "replace").strip()
