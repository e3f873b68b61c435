# Every target first makes its own environment; only Python and make are needed.
PYTHON ?= python3
# One thread per test process: on small nets that is faster than two, and results do not depend on the machine.
PYTEST = OMP_NUM_THREADS=1 $(@:test%=.venv%)/bin/python -m pytest -q -n 2 --dist loadfile
export MPLBACKEND = Agg

.PHONY: demo pictures docs test test-oldest lint bench clean

demo: .venv/installed
	.venv/bin/python examples/draw.py plot_digits_grid_search plot_swiss_roll plot_day_and_night
	@echo "See pictures/plot_day_and_night.png: streets by night, made brighter, and turned into day."

# Those that the README and the site show; demo's own go to pictures/, which git ignores.
pictures: .venv/installed
	OMP_NUM_THREADS=1 .venv/bin/python examples/draw.py --to examples/images

# Examples that have not changed are not run again.
docs: .venv/installed
	OMP_NUM_THREADS=1 .venv/bin/sphinx-build -q -W --keep-going -d build/doctrees docs build/docs

test: .venv/installed
	$(PYTEST)

test-oldest: .venv-oldest/installed
	$(PYTEST)

lint: .venv/installed
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/numpydoc lint $$(git ls-files "sklearn_ae/*.py")

bench: .venv/installed
	for script in benchmarks/*.py; do echo "== $$script"; .venv/bin/python $$script || exit 1; done

clean:
	rm -rf .venv .venv-oldest .pytest_cache .ruff_cache .mypy_cache build dist pictures docs/auto_examples docs/generated
	find . -name __pycache__ -prune -exec rm -rf {} +

.venv/installed: constraints.txt
.venv-oldest/installed: .ci/constraints-oldest.txt
# -qq: pip is silent unless it fails.
.venv/installed .venv-oldest/installed: pyproject.toml
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install -qq -c $(filter %.txt,$^) -e '.[dev]'
	touch $@
