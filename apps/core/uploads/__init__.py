"""Files that people send: judged by name and by content before anything is kept.

``kinds`` has the two tables: which extension is which media type and who judges it; which purpose takes which
extensions up to what size. ``checks.inspect`` is the one way in; it reads a file in pieces and never trusts what the
sender says about it. Nothing here knows of HTTP, of rows or of where files are kept: ``services.uploads`` does.

Not judged: formulas in a CSV file. ``=HYPERLINK(...)`` is text until a spreadsheet opens it, and a bank may well send a
memo that starts with a plus; whoever writes an export for spreadsheets escapes there.
"""
