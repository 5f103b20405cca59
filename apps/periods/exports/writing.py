"""Writing XML as it is read: small trees, text that XML admits, amounts with two digits."""

import re
from decimal import Decimal
from typing import Any

from lxml import etree

# XML 1.0, production 2: what may stand in a document.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

SOFTWARE, VERSION = "Daybook", "1"


def put(parent: Any, name: str, value: str | None, most: int = 0) -> None:
    """A child ``name`` with ``value``, cut to ``most`` characters; none where there is nothing to say.

    Names have no namespace: what is written stands inside the root, whose default namespace is theirs.
    """
    if not value:
        return
    if most and len(value) > most:
        value = value[:most]
    try:
        etree.SubElement(parent, name).text = value
    except ValueError:  # a character that XML has no way to say
        parent.remove(parent[-1])
        put(parent, name, _NO_XML.sub("", value))


def told(name: str, **children: str | None) -> Any:
    """An element with plain children, those without a value left out."""
    element = etree.Element(name)
    for child, value in children.items():
        put(element, child, value)
    return element


def amount(value: Decimal) -> str:
    """Two digits, as the schemas want them; every currency of these formats has two."""
    return f"{value:.2f}"


def side(value: Decimal) -> str:
    return "C" if value < 0 else "D"
