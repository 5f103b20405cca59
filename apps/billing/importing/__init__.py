"""Import a clinic from a folder of CSV files, as a mapping file says.

``mapping`` reads the TOML, ``fields`` turns what it says about a field into a function of a row, ``files`` reads
rows, ``gathering`` makes facts of them and refuses what cannot stand, ``amounts`` prices lines, ``writing`` stores
what is new. docs/import.md is the user's page; a key that is added here is added there.
"""
