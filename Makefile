# The project's commands. `make` lists them. All of them create and reuse the environment in .venv.
#   PYTHON=python3.12                     which interpreter makes the environment (3.11 or newer); an existing one keeps
#                                         its own where this is not given, whatever else the shell has activated
#   VENV_FLAGS=--system-site-packages     use the torch and torchvision that this interpreter has
#   STUDY=small-cifar  STUDY_FLAGS=...    what `make study` runs
#   ARGS=...                              more arguments for pytest (test, campaign) or the benchmarks (bench)

VENV ?= .venv
VENV_FLAGS ?=
ifndef PYTHON
PYTHON := $(shell for python in "$(VENV)/bin/python" python3 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
endif
BIN := $(VENV)/bin
# A user's own files in this folder are not the project's to judge.
LINTED := nastransfer dashboard notebooks tests
STUDY ?= quickstart
STUDY_FLAGS ?=
ARGS ?=
# JupyterLab refuses to run as root (as in many containers) unless it is told that this is meant.
LAB_FLAGS ?= $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)

.PHONY: help install study test lint lab dashboard screenshots bench campaign
.DEFAULT_GOAL := help

help:
	@echo "make study      install, run the quickstart study, print its table: 4 to 14 minutes on 2 cores"
	@echo "make test       install, check style and types, run the tests"
	@echo "make lab        the notebooks in JupyterLab"
	@echo "make dashboard  the results in the browser, also while a study runs"
	@echo "make screenshots  every page of the dashboard as PNG (ARGS: a folder and options)"
	@echo "make bench      the benchmarks; results in tests/benchmarks/results"
	@echo "make campaign   the slow tests; results in tests/campaign/results"
	@echo "make lint       style and types only"

install:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found (python3 is $$(python3 --version 2>&1)). \
	Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) does not run, or is older \
	than Python 3.11: $$($(PYTHON) --version 2>&1)" >&2; exit 1; }
	@$(PYTHON) -P nastransfer/bootstrap.py --venv "$(VENV)" --venv-flags="$(VENV_FLAGS)"

study:
	@echo "This will"
	@echo "  1. create the environment $(VENV) and install into it   2 to 10 minutes the first time, then nothing"
	@echo "  2. run the study '$(STUDY)' into runs/$(STUDY)"
	@echo "     (quickstart: 2 to 4 minutes on 2 cores and 4 GiB of memory; finished tasks are not run again)"
	@echo "  3. print its table of relative improvement, where figures and dashboard are, and where the time went"
	@$(MAKE) --no-print-directory install
	@$(BIN)/python -m nastransfer study $(STUDY) --install-seconds "$$(cat $(VENV)/install-seconds)" $(STUDY_FLAGS)

lint: install
	@$(BIN)/ruff check $(LINTED)
	@$(BIN)/ruff format --check $(LINTED)
	@$(BIN)/mypy

test: lint
	@$(BIN)/python -m pytest $(ARGS)

lab: install
	@$(BIN)/jupyter lab $(LAB_FLAGS) notebooks/quickstart.ipynb

dashboard: install
	@$(BIN)/python dashboard/serve.py

screenshots: install
	@$(BIN)/python -m tests.browser.screenshots $(or $(ARGS),screenshots)

bench: install
	@$(BIN)/python -m tests.benchmarks $(ARGS)

campaign: install
	@$(BIN)/python -m pytest -m slow -p tests.campaign.record -o faulthandler_timeout=7200 $(ARGS)
