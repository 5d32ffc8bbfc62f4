# make lab    sets up .venv and opens JupyterLab on the notebooks
# make test   sets up .venv and runs everything that a change can break
# make image  builds the container image; make kit  packs what a computer that is offline needs
# The other targets are listed in CONTRIBUTING.md.

SHELL := /bin/bash
BIN := .venv/bin
BUILD := _build
# How many processes the tests use at once; each runs one thread.
WORKERS ?= 2
# A notebook to run or re-execute, instead of all of them.
NOTEBOOK ?= notebooks book/conventions.ipynb

.PHONY: lab test test-everywhere venv lint types unit nbval book browser format notebooks bench image kit \
        repository clean

lab: venv
	@bash tools/lab.sh

venv:
	@bash tools/set_up.sh

# The parts run two at a time where they use one core each; tools/run_checks.py says in which order.
test: browser-venv
	@$(BIN)/python tools/run_checks.py --workers $(WORKERS)

browser-venv:
	@bash tools/set_up.sh --browser

# The long trials, for real: image, hub, Colab's versions, Binder's memory, offline kit. TRIAL=kit for one.
test-everywhere: book
	$(BIN)/python tools/everywhere.py $(TRIAL)

# TORCH, BASE_IMAGE: see Dockerfile. docker or podman, whichever there is.
image:
	@engine=$$(command -v docker || command -v podman) || \
	    { echo "make image needs docker or podman; make test-everywhere TRIAL=image builds with buildah" >&2; exit 1; }; \
	"$$engine" build --tag tutorial-utils $(if $(TORCH),--build-arg TORCH="$(TORCH)") \
	    $(if $(BASE_IMAGE),--build-arg BASE_IMAGE="$(BASE_IMAGE)") .

kit: book
	$(BIN)/python tools/kit.py

# Tests see one thread for each process and no GPU: what is stored in the notebooks was made so.
unit nbval browser notebooks: export OMP_NUM_THREADS := 1
unit nbval browser notebooks: export CUDA_VISIBLE_DEVICES :=

lint: venv
	@$(BIN)/python tools/sizes.py
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: venv
	$(BIN)/mypy

# a file stays on one worker: what its tests share is trained or compiled once
unit: venv
	$(BIN)/pytest tests --ignore=tests/browser -n $(WORKERS) --dist loadfile

nbval: venv
	$(BIN)/pytest --nbval --nbval-current-env --nbval-cell-timeout=180 --nbval-kernel-startup-timeout=120 \
	    -n $(WORKERS) --dist loadfile $(NOTEBOOK)

book: venv
	$(BIN)/python tools/vendor.py
	$(BIN)/jupyter-book build . --config _config.yml --toc book/_toc.yml -W --keep-going
	$(BIN)/python tools/slides.py

# one more than there are cores: a browser that draws leaves its test waiting; what these tests need no part of
# (torch, nbval) is not loaded
browser: browser-venv
	$(BIN)/pytest tests/browser -n $$(($(WORKERS) + 1)) --dist loadgroup --confcutdir tests/browser -p no:nbval

format: venv
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

notebooks: venv
	$(BIN)/python tools/notebooks.py $(NOTEBOOK)
	$(BIN)/python tools/everywhere.py --table

bench: venv
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

# make data-ethanol runs reference_data/ethanol.py, which computes a bundled file anew. Some scripts take options:
# make data-density_network OPTIONS="--trimers some/file.pkl"
data-%: venv
	$(BIN)/python reference_data/$*.py $(OPTIONS)

repository: venv
	$(BIN)/python tools/repository.py $(REPOSITORY)

clean:
	rm -rf $(BUILD) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find src tests tools benchmarks reference_data -name __pycache__ -prune -exec rm -rf {} +
