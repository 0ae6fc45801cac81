# Mechanisms: every job of the course. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
JOBS ?= 2
TORCH := 2.13.0
TORCHVISION := 0.28.0

# `make course PYTHON=/path/to/python3.12` names the interpreter; without it tools/environment.py looks for one.
export PYTHON ?=

# nbgrader starts programs by their bare names (alembic, jupyter): they are those of .venv.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# Small models on few cores: one thread per process is faster than many that wait for each other.
export OMP_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false

# Everything runs on what the repository ships: nothing is fetched while the course runs.
export HF_HUB_OFFLINE ?= 1
export HF_HUB_DISABLE_TELEMETRY ?= 1
export WANDB_MODE ?= disabled
export MPLBACKEND ?= Agg

# What a job or a test runs is nobody's progress.
export MECHANISMS_PROGRESS ?= off

# Every step's words appear at once, also in a log.
export PYTHONUNBUFFERED := 1

# A file stays with one worker: its tests share what is slow to make, such as a graded class.
PYTEST := $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

.PHONY: help setup course exercises address new-chapter sample-class report book links serve test test-fast lint bench lab-lm lab-relational lab-list lab-gate lab-dual lab-vision lab-clip planted-circuit lock clean

help: ## List the targets, one line each
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv and install into it (every other target does this by itself)
	@$(if $(PYTHON),"$(PYTHON)",python3) tools/environment.py

course: ## The main job: exercises, a graded sample class, the book; prints what to open
	@started=$$(date +%s); \
	for step in setup exercises sample-class book; do $(MAKE) $$step; done; \
	$(BIN)/python tools/closing.py $$(( $$(date +%s) - started ))

exercises: setup ## Generate the notebooks of exercises/ and the public checks from solutions/
	@$(BIN)/autograder exercises

address: setup ## Put the address of pyproject.toml into README, citation and cards
	@$(BIN)/python tools/readdress.py
	@$(BIN)/autograder exercises

new-chapter: setup ## Write the skeleton of a chapter: make new-chapter NAME=10_my_paper
	@$(BIN)/autograder new-chapter "$(NAME)" --title "$(TITLE)"

sample-class: setup ## Make the sample class, grade it with nbgrader, write feedback and report
	@$(BIN)/autograder sample-class

report: setup ## Write the class report from the grades in the course directory
	@$(BIN)/autograder report

book: setup ## Build the book into book/_build/html; any warning is an error
	@$(BIN)/python tools/build_book.py

links: setup ## Ask every address outside the built book whether it answers
	@$(BIN)/python tools/book_links.py

serve: setup ## Serve book, feedback and report on 127.0.0.1
	@$(BIN)/autograder serve

test: setup lint ## Lint, check that exercises/ is fresh, and run every test
	@$(BIN)/autograder exercises --check
	@$(PYTEST)

test-fast: setup lint ## The tests without the slow ones
	@$(PYTEST) -m "not slow"

lint: setup ## Check the code's style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

bench: setup ## Measure how long a notebook and each of its checks take
	@$(BIN)/autograder bench

lab-lm: setup ## Train the lab language model again from its recipe (uses every core)
	@env -u OMP_NUM_THREADS -u MKL_NUM_THREADS $(BIN)/python -m mechanisms.training lab-lm

lab-list: setup ## Train the attention-only model of chapter 04 again from its recipe
	@$(BIN)/python -m mechanisms.training lab-list

lab-gate: setup ## Train the attention-only model of chapter 05 again from its recipe
	@$(BIN)/python -m mechanisms.training lab-gate

lab-relational: setup ## Train the three models of chapter 01 again from their recipe
	@$(BIN)/python -m mechanisms.training lab-relational
	@$(BIN)/python -m mechanisms.training lab-relational --table random --steps 3000 \
	  --out mechanisms/models/weights/control-relational
	@$(BIN)/python -m mechanisms.training lab-relational --attention free \
	  --out mechanisms/models/weights/free-relational

lab-dual: setup ## Train the four models of chapter 06 again from their recipe
	@for way in "" "-vanilla --every 0 --until 0" "-active --until 0" \
	  "-hidden --hidden 0.1 --ambiguous 0.5 --spread 0.1 --steps 3000 --every 50 --until 1500 --measure-every 100"; do \
	  $(BIN)/python -m mechanisms.training lab-dual --out mechanisms/models/weights/lab-dual$$way; done

lab-vision: setup ## Train the two models of chapter 07 again from their recipes
	@$(BIN)/python -m mechanisms.training lab-lm-scenes
	@$(BIN)/python -m mechanisms.training lab-vision

planted-circuit: setup ## Write the hand-built network of chapter 03 again
	@$(BIN)/python -m mechanisms.models.planted mechanisms/models/weights/planted-circuit

lab-clip: setup ## Train the CLIP of chapter 08 again from its recipe
	@$(BIN)/python -m mechanisms.training lab-clip

lock: setup ## Write requirements.lock again from pyproject.toml
	@$(BIN)/pip-compile --quiet --no-header --no-annotate --strip-extras --allow-unsafe --unsafe-package pip \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
	  --extra course --extra dev --extra vision --extra cluster --extra postgres \
	  --upgrade-package torch==$(TORCH) --upgrade-package torchvision==$(TORCHVISION) \
	  --output-file requirements.lock pyproject.toml
	@$(BIN)/python tools/portable_lock.py requirements.lock

clean: ## Remove the built book and caches; never .venv, never course/ (it holds grades)
	@rm -rf book/_build .make .pytest_cache .ruff_cache .hypothesis build *.egg-info
	@find mechanisms autograder tests tools -name __pycache__ -type d -prune -exec rm -rf {} +
