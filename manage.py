#!/usr/bin/env python
"""Daybook's command line."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("LOG_LEVEL", "WARNING")  # a command speaks for itself; both write to stdout
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
