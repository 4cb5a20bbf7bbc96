# The book and its library. Needs only make and Python 3.11 or newer; all else goes into .venv.

PYTHON ?= python3
# whether somebody named it: then a .venv of another Python will not do
NAMED := $(if $(filter-out file,$(origin PYTHON)),--named)
PORT ?= 8000
JOBS ?= 2

BIN := .venv/bin
INSTALLED := .venv/.installed
PAGES := _build/html
BUILT := $(PAGES)/.built
LOWEST := _build/lowest
ADDRESS := _build/.address
FIRST_PAGE := $(PAGES)/intro.html

# everything the pages are made from
NOTEBOOKS := $(wildcard book/*.ipynb)
DRAWING := $(addprefix tools/,bundles.py finishing.py local_ext.py reference.py shared_widgets.py)
SOURCES := _config.yml $(DRAWING) $(NOTEBOOKS) $(wildcard book/*.md book/*.yml book/*.bib) \
  $(shell find book/_static inception_lib data -type f ! -path '*/__pycache__/*' ! -name '.*' 2>/dev/null)

SPELLED := $(wildcard *.md *.yml *.toml) CITATION.cff Makefile .github benchmarks book inception_lib tests tools
# its own folder for what it keeps, and no question on the network whether there is a newer one
DENO := DENO_DIR=_build/deno DENO_NO_UPDATE_CHECK=1 $(BIN)/deno
# --dist loadfile keeps a notebook's cells, and a browser, in one worker
PYTEST := -m pytest -n $(JOBS) --dist loadfile
FAST := not slow and not browser and not built

.PHONY: help book pdf serve lint test test-fast test-lowest notebooks exercises lab pins clean distclean FORCE
.DEFAULT_GOAL := help

help:
	@echo "make book         execute the chapters and build the pages (makes .venv first)"
	@echo "make pdf          print the built book into _build/googlenet.pdf (gets a browser where there is none)"
	@echo "make serve        show the built book at http://127.0.0.1:$(PORT)/"
	@echo "make lab          open the chapters in JupyterLab"
	@echo "make exercises    write the chapters without solutions into exercises/, for students"
	@echo "make test         everything: make lint; unit, notebook and browser tests"
	@echo "make test-fast    the quick unit tests: no browser, no notebooks, no built book"
	@echo "make test-lowest  the same with the oldest PyTorch that is promised, in an environment of its own"
	@echo "make lint         style, types and spelling"
	@echo "make notebooks    execute the committed notebooks and clean them for git"
	@echo "make pins         write constraints.txt from what .venv holds, and both environment.yml"
	@echo "make clean        remove what was built; make distclean removes .venv too"
	@echo
	@echo "PYTHON=python3.12 chooses the Python that makes .venv; PORT=8080 the port of make serve."

# always asked, so that a moved or broken .venv is noticed; its time changes only when a pin does
$(INSTALLED): FORCE
	@"$(PYTHON)" tools/install.py $(NAMED)

# the repository's public address, and weights for the page, if the environment has them: other pages
$(ADDRESS): FORCE
	@mkdir -p $(@D)
	@echo "$$BOOK_REPOSITORY_URL $$BOOK_REPOSITORY_BRANCH $$BOOK_COLAB_BRANCH $$BOOK_WEIGHTS" | cmp -s - $@ || \
	  echo "$$BOOK_REPOSITORY_URL $$BOOK_REPOSITORY_BRANCH $$BOOK_COLAB_BRANCH $$BOOK_WEIGHTS" > $@

$(BUILT): $(INSTALLED) $(SOURCES) $(ADDRESS)
	@echo "Executing the chapters and building the pages (some minutes the first time)"
	@rm -f $(BUILT)
	@$(BIN)/python tools/build.py
	@touch $(BUILT)

book: $(BUILT)
	@echo "The book is built. Open it:  file://$(subst $() ,%20,$(CURDIR))/$(FIRST_PAGE)"
	@echo "or serve it:                 make serve"

pdf: $(BUILT)
	@$(BIN)/python tools/browser.py
	@$(BIN)/python tools/pdf.py

serve: $(BUILT)
	@$(BIN)/python tools/serve.py $(PAGES) $(PORT)

lab: $(INSTALLED)
	@$(BIN)/jupyter lab --notebook-dir=book

# a notebook that is there already may hold a student's work, and stays
exercises: $(INSTALLED)
	@$(BIN)/python tools/exercises.py

# deno finds its files by deno.json
lint: $(INSTALLED)
	@echo "Checking style, types and spelling"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(DENO) lint
	@$(DENO) fmt --check
	@$(BIN)/mypy
	@$(BIN)/codespell $(SPELLED)

# one pytest run for everything
test: lint $(BUILT)
	@echo "Looking for a browser"
	@$(BIN)/python tools/browser.py
	@echo "Testing the library, the notebooks and the pages"
	@OMP_NUM_THREADS=1 $(BIN)/python $(PYTEST) tests book --nbval --nbval-cell-timeout=600 \
	  --junit-xml=_build/junit.xml

test-fast: $(INSTALLED)
	@OMP_NUM_THREADS=1 $(BIN)/python $(PYTEST) tests -m "$(FAST)"

# an environment of its own, with the tests' packages and without the book's
test-lowest:
	@"$(PYTHON)" tools/install.py lowest $(NAMED)
	@OMP_NUM_THREADS=1 $(LOWEST)/bin/python $(PYTEST) tests -m "$(FAST)"

notebooks: $(INSTALLED)
	@OMP_NUM_THREADS=1 $(BIN)/python tools/notebooks.py $(NOTEBOOKS)

pins: $(INSTALLED)
	@$(BIN)/python tools/pins.py > _pins.tmp && mv _pins.tmp constraints.txt || { rm -f _pins.tmp; exit 1; }
	@$(BIN)/python tools/environments.py
	@echo "constraints.txt and the two environment.yml written; asking the index for each Python"
	@$(BIN)/python tools/pins.py --check

clean:
	@rm -rf _build build dist .pytest_cache .ruff_cache .hypothesis
	@find book inception_lib tests tools \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -prune -exec rm -rf {} +
	@echo "What was built is gone"

distclean: clean
	@rm -rf .venv *.egg-info
	@echo ".venv is gone too"
