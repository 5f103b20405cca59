"""Import a clinic from a folder of CSV files, as a mapping file says.

``mapping`` reads the TOML, ``fields`` turns what it says about a field into a function of a row, ``files`` reads the
CSV and ``rows`` the sections; ``gathering`` makes facts of rows and refuses what cannot stand, with ``amounts`` to
price lines, ``settling`` to find what a payment is about and ``books`` to know what is there; ``writing`` stores what
is new. docs/import.md is the user's page; a key that is added here is added there.
"""
