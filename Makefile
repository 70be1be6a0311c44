# Everything runs in .venv, which the first target that needs it creates from requirements.lock.
PYTHON ?= python3
PY := .venv/bin/python
READY := .venv/.ready
BUILD := .venv/bin/jupyter-book build -W --keep-going -n

.PHONY: book html test lab notebooks test-devices test-solutions quality lock address clean

book: $(READY)  ## Execute every notebook afresh (in a copy) and build the HTML
	$(PY) scripts/run_notebooks.py --into _build/fresh
	$(BUILD) --all _build/fresh --path-output .
	@echo "Open _build/html/index.html in a browser"

html: $(READY)  ## Build the HTML from the outputs as committed
	$(BUILD) --all .
	@echo "Open _build/html/index.html in a browser"

test: $(READY)  ## The whole check, the same as in CI
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m pytest -q -n 2
	$(PY) scripts/test_notebooks.py
	$(BUILD) --all .

lab: $(READY)  ## Open JupyterLab on the book
	$(PY) -m jupyterlab book

notebooks: $(READY)  ## Execute the notebooks in place: make notebooks [NB="book/elbo.ipynb ..."]
	$(PY) scripts/run_notebooks.py $(NB)

test-devices: $(READY)  ## Notebooks with oneDNN off, one thread, XLA, other seeds: [SETTINGS="xla seed-1"] [NB=...]
	$(PY) scripts/test_devices.py $(SETTINGS) $(NB)

test-solutions: $(READY)  ## Run the programs in the solutions of the exercises: [NB=...]
	$(PY) scripts/test_solutions.py $(NB)

quality: $(READY)  ## How good the shipped models are: benchmarks/results/quality.json
	$(PY) -m benchmarks.quality

lock: $(READY)  ## Resolve requirements.lock again: one file for Python 3.11 to 3.13 and all systems
	$(PY) -m uv pip compile pyproject.toml --extra book --extra test --universal \
	    --python-version 3.11 --no-emit-index-url --no-annotate --no-header --quiet \
	    --upgrade --output-file requirements.lock

address: $(READY)  ## Set the address of the repository: make address TO=https://github.com/me/my-book
	$(PY) scripts/set_address.py $(TO)

clean:
	rm -rf .venv _build

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv --clear .venv
	$(PY) -m pip install --quiet uv
	$(PY) -m uv pip install --quiet --python $(PY) --no-deps -r requirements.lock -e .
	touch $(READY)
