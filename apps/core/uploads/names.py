"""Names of files, as people give them. They are shown and offered at download; they are never a path here."""

import unicodedata

from apps.core.errors import FileNameRefused

LONGEST = 255
# Control characters, invisible ones (a right-to-left override turns "fdp.exe" round), halves of characters, line ends.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_PATHS = set('/\\:<>"|?*')
# In the middle of a name these were put there to be run by somebody whose system hides or drops the last extension.
RUNNABLE = set(
    "asp aspx bat cgi chm cmd cpl dll docm exe hta htm html jar js jse jsp jspx lnk mjs msi php php3 php5 phtml pif pl"
    " ps1 py reg scf scr sh shtml svg svgz vbe vbs wsf xht xhtml xlsm".split()
)


def cleaned(given: str) -> str:
    """The name in one form of Unicode, without spaces around it. Raises FileNameRefused."""
    name = unicodedata.normalize("NFC", given).strip()
    unseen = any(unicodedata.category(character) in _UNSEEN for character in name)
    if unseen or not name or len(name) > LONGEST or name.startswith(".") or _PATHS & set(name):
        raise FileNameRefused()
    if RUNNABLE & {part.strip().lower() for part in name.split(".")[1:-1]}:
        raise FileNameRefused()
    return name


def extension(name: str) -> str:
    """What stands after the last dot, in lower case; nothing where there is no dot."""
    return name.rpartition(".")[2].lower() if "." in name else ""
