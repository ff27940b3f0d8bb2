# Needs only Python ≥ 3.11, make and git. Everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
NOTEBOOKS := $(sort $(wildcard notebooks/*.ipynb))
QUICK := _build/quick
# one file's tests in one process: what they share is made once
PYTEST := $(BIN)/pytest -n 2 --dist loadscope --no-loadscope-reorder
LINT := $(BIN)/ruff check . && $(BIN)/ruff format --check .

# commas would split the arguments of $(call …), so what holds some has a name
EXTRAS := .[book,test]
CHECK := import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed: make PYTHON=python3.11"

# Each step says what it does and how long it took.
define step
	@echo "==> $(1)"; start=$$(date +%s); $(2) && echo "    done in $$(( $$(date +%s) - start )) s"
endef

.PHONY: help book render pdf check test mutants lint notebooks benchmark audit clean

help: ## this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

.venv/installed: pyproject.toml constraints.txt
	$(call step,building the environment in .venv (some minutes the first time),\
	  $(PYTHON) -c '$(CHECK)' && $(PYTHON) -m venv .venv && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '$(EXTRAS)')
	@touch $@

book: .venv/installed ## run one figure at small size, then render the book
	@mkdir -p $(QUICK)
	$(call step,running Figure 8 at the quick preset's sizes by papermill,\
	  ISING_LIB_RESULTS= $(BIN)/ising-book run fig08 --preset quick -o $(QUICK)/fig08_inference_quality.ipynb)
	@$(MAKE) --no-print-directory render

render: .venv/installed ## render the book from the executed notebooks
	$(call step,rendering the book with warnings as errors,\
	  $(BIN)/ising-book build)

pdf: .venv/installed ## print the book to one PDF, by a Chromium or Chrome of this machine
	$(call step,printing the book,\
	  $(BIN)/ising-book pdf -o _build/pdf/inverse-ising-companion.pdf)

test check mutants: export OMP_NUM_THREADS := 1 # processes side by side: more threads would wait for each other
test check mutants: export PYTHONDONTWRITEBYTECODE := # hundreds of processes load the same modules

check: .venv/installed ## for every day: lint and the fast tests
	$(call step,lint,$(LINT))
	$(call step,fast tests,$(PYTEST) -m "not slow")

test: .venv/installed ## pytest, nbval and papermill on every notebook, every page of the book in a browser
	$(call step,lint,$(LINT))
	$(call step,tests,$(PYTEST))
	$(call step,nbval: every notebook gives the outputs it shows,\
	  $(BIN)/pytest -n 2 --dist loadfile --nbval --nbval-current-env --nbval-cell-timeout 300 \
	  --nbval-sanitize-with tests/nbval_sanitize.cfg -p no:cacheprovider $(NOTEBOOKS))
	$(call step,papermill: every notebook computes at the quick preset's sizes,$(BIN)/pytest -n 2 tests/quick.py)
	$(call step,browser: every page of the book as a reader sees it,$(BIN)/pytest -n 2 --dist worksteal tests/browser)

mutants: .venv/installed ## break the code in many places, one at a time: each time a test must fail
	$(call step,mutants (some ten minutes),$(BIN)/python -m tests.mutants)

lint: .venv/installed ## format and check the code
	$(BIN)/ruff format . && $(BIN)/ruff check --fix .

notebooks: .venv/installed ## execute every notebook at the thesis's sizes, and store its runs
	$(BIN)/python -m ising_book refresh

benchmark: .venv/installed ## measure speed against the plain ways, the peers and the machine's limit
	$(call step,benchmarks on one core (some twenty minutes),$(BIN)/python -m tests.benchmarks)

audit: ## ask the Python Packaging Advisory Database about the pinned packages; needs the network
	$(call step,looking for known weaknesses of the pinned packages,\
	  $(PYTHON) -m venv _build/audit && _build/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit && \
	  _build/audit/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt)

clean: ## delete what was built, but not the environment
	rm -rf _build
