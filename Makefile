# One command for each habit of a contributor. `make setup` comes first.

.PHONY: setup lint types test slow all soak wheel docs bench constraints
.PHONY: docs/losses.md docs/results.md docs/scores.md

setup:  ## what contributors need, and the hooks that run before a commit
	python -m pip install -U pip
	python -m pip install -c constraints.txt -e . --group dev
	pre-commit install

lint:  ## style and format
	ruff check
	ruff format --check

types:
	mypy

test:  ## the first tier, as in the README
	pytest

slow:  ## the second tier
	pytest -m slow --dist worksteal

all:  ## what gates landing, in an environment of its own
	.ci/run

soak:  ## kills, signals and damage at random moments; SOAK="--kills 10" for fewer
	python -m tests.soak $(SOAK)

wheel:  ## builds the wheel and uses it outside the repository
	.ci/wheel

docs: docs/losses.md docs/results.md docs/scores.md  ## these pages, and the site
	mkdocs build --strict

.DELETE_ON_ERROR:
docs/losses.md:
	python -m tests.losses.catalog > $@
docs/results.md docs/scores.md: docs/%.md:
	python docs/$*_page.py > $@

bench:  ## what a step, a penalty and a member of a population cost
	python experiments/benchmarks/step_speed.py $(if $(TORCH),--torch-python $(TORCH))
	python experiments/benchmarks/penalty_cost.py
	python experiments/benchmarks/population_speed.py

constraints:  ## the newest versions of everything, for all Pythons, into one file
	uv pip compile -q -U pyproject.toml --group dev --universal --python-version 3.11 \
	  --no-emit-index-url --no-annotate --custom-compile-command 'make constraints' \
	  -o constraints.txt
