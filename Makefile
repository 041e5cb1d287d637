# The commands of this project; `make` alone lists them. Everything made here lies in folders that git ignores.
#
# PYTHON    the interpreter that .venv is made with (3.11 or newer)
# PIP_ARGS  more arguments for pip, for example an index that serves the CPU build of torch

# pyenv and the like put names on PATH that only print an error: the interpreter is run, not looked for.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$name; break; }; done)
PIP_ARGS ?=
export KERNELGATE_PIP_ARGS := $(PIP_ARGS)

BIN := .venv/bin
STAMP := .venv/installed
# Files of tests side by side: their servers, images and containers are shared within a file.
PARALLEL := -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help venv demo demo-generate measure test check docs lessons browser pictures engine engine-stop image bench gpu-check clean

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

venv: $(STAMP) ## make .venv and install the pinned dependencies

$(STAMP): pyproject.toml constraints.txt
	@PYTHON='$(PYTHON)' PIP_ARGS='$(PIP_ARGS)' sh .ci/make-venv
	@touch $@

demo: venv engine ## run the flow over a dozen bundled kernels, right and wrong
	@$(BIN)/kernelgate demo

demo-generate: venv engine ## let a provider on this machine write a kernel, twice wrong, and the gate teach it
	@$(BIN)/python -m pipeline.generation.demo

measure: venv engine ## measure the gate on the project's own labelled kernels: how often it is wrong
	@$(BIN)/kernelgate measure tests/kernels

test: venv engine image browser ## the whole test suite, in real containers; a skip that was not needed fails
	@KERNELGATE_FAIL_ON_SKIP=1 $(BIN)/python -m pytest $(PARALLEL)

check: venv browser ## format, lint, types, import rules, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest $(PARALLEL)

docs: venv ## build the documentation into build/docs; a warning is an error
	@$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet --builder html docs build/docs
	@echo "docs: build/docs/index.html"

lessons: venv engine image ## put what the tutorial's commands print today into its pages
	@PYTHONPATH=tests/support $(BIN)/python tests/support/retaken_lessons.py

browser: ## make sure that Chromium is there, for tests of pages
	@sh .ci/browser

pictures: venv engine image browser ## draw the pictures of the documentation again
	@PYTHONPATH=tests/support $(BIN)/python tests/support/picture_of_a_page.py
	@PYTHONPATH=tests/support $(BIN)/python tests/support/picture_of_a_run.py

engine: venv ## make sure that a container engine answers
	@$(BIN)/python -m pipeline.machine.engine ensure

engine-stop: ## end the container engine that `make engine` started
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m pipeline.machine.engine stop; else echo "engine: none of this project"; fi

image: engine ## build the runner image
	@$(BIN)/python -m pipeline.machine.runner_image

bench: venv engine image ## print the benchmarks' ratios
	@$(BIN)/python benchmarks/speed.py

gpu-check: venv ## run tests and labelled kernels on this machine's GPU, in containers (see pipeline/machine/gpu_access.py)
	@$(BIN)/python -m pytest -m gpu tests/gpu
	@$(BIN)/python benchmarks/gpu_check.py tests/gpu/kernels tests/kernels --jobs 8

clean: engine-stop ## remove what was made here, with the engine's images; run folders stay
	rm -rf .venv .engine .wheelhouse build *.egg-info .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
