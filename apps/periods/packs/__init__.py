"""What is inside an evidence pack: a ZIP of files and ``manifest.json``, which says the SHA-256 of each.

``zipping`` writes it, ``chain`` tells entries and seals so that their hashes can be reckoned again, ``contents``
gathers what each type holds, ``verifying`` proves a pack from the file alone.
"""

MANIFEST = "manifest.json"
ENTRIES, SEALS = "chain/entries.jsonl", "chain/seals.jsonl"
VERSION = 1  # of the layout
