# make run is all a newcomer needs; make help lists the rest.
PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
DEV := $(PY) -m tools.dev
# What settings.py asks for, as production would give it; nothing is connected to.
PRODUCTION := INSECURE_HTTP=off SECRET_KEY=lint-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJ-0123456789 ALLOWED_HOSTS=daybook.example \
	DATABASE_URL=postgres://lint:lint@127.0.0.1:1/lint REDIS_URL=redis://127.0.0.1:1/0
PIN := $(PY) -m uv pip compile -q --upgrade --generate-hashes --universal --fork-strategy fewest --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements"
.DEFAULT_GOAL := help
.PHONY: help run stop test lint audit messages schema contract bench shell manage requirements clean clean-all venv

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## */make \1|/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

run: venv  ## everything on http://127.0.0.1:8000 with a demo clinic (PORT=8001, DATABASE_URL=, REDIS_URL=)
	@$(DEV) run

stop: venv  ## end what runs from this folder
	@$(DEV) stop

test: venv  ## all tests, on servers of their own (ARGS="apps/ledger -k lock")
	@$(DEV) test -n 2 $(ARGS)

lint: venv  ## style, security rules, types, imports, migrations, production settings
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m bandit -q -r apps config tools bench conftest.py gunicorn.conf.py -c pyproject.toml
	@$(PRODUCTION) $(PY) -m mypy
	@PYTHONPATH=. $(VENV)/bin/lint-imports
	@$(PRODUCTION) $(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@$(PRODUCTION) $(PY) manage.py check --deploy --fail-level WARNING

audit: venv  ## ask the advisory service of PyPI about the pinned packages (needs the network)
	@$(PY) -m tools.audit

messages: venv  ## collect the strings to translate, merge and compile the catalogues
	@$(PY) -m tools.messages

schema: venv  ## write docs/openapi.yaml
	@$(PRODUCTION) $(PY) manage.py spectacular --file docs/openapi.yaml --validate --fail-on-warn

contract: venv  ## hold docs/openapi.yaml against the contract (AREA="end_of_day auth")
	@if [ -e ../shared/contract/check_schema.py ]; \
	then $(PY) ../shared/contract/check_schema.py docs/openapi.yaml $(foreach area,$(AREA),--area $(area)); \
	else echo "daybook: SKIPPED, ../shared/contract is not here: the contract was NOT checked" >&2; fi

bench: venv  ## figures of one benchmark, on a database of its own (NAME=day_close SIZE=...)
	@$(DEV) bench $(NAME) $(ARGS)

shell: venv  ## a Python shell on the data of make run
	@$(DEV) manage shell

manage: venv  ## a management command on the data of make run (ARGS="import_clinic ...")
	@$(DEV) manage $(ARGS)

requirements: venv  ## pin the newest versions that requirements*.in allow
	@$(PIN) requirements.in -o requirements.txt
	@$(PIN) requirements-dev.in -c requirements.txt -o requirements-dev.txt

clean: venv  ## end what runs from here, remove caches and test databases, keep the data
	@$(DEV) clean

clean-all: venv  ## the same, and remove the data and the virtual environment
	@$(DEV) clean all

venv:
	@$(PYTHON) tools/bootstrap.py $(VENV)
