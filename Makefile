# `make run` starts the product, `make test` checks it. Settings (docs/settings.md) come from the environment or from the
# command line: make run PORT=8001 DATA_DIR=/srv/swarm

VENV := .venv
BIN  := $(VENV)/bin
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install run test lint format bench screenshots seed migrate clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Make the virtual environment, install pinned packages, compress assets
	@scripts/install.sh requirements.txt

run: install ## Start the server and the worker, and print where to go
	@exec $(BIN)/python -m swarm_ui.serve

test: ## Run all tests, in a browser too; ARGS="-k alerts" goes to pytest
	@scripts/install.sh requirements-dev.txt
	@CHROMIUM="$$(scripts/browser.sh)" && export CHROMIUM && exec $(BIN)/python -m pytest --numprocesses auto --dist worksteal $(ARGS)

lint: ## Check style and types
	@scripts/install.sh requirements-dev.txt
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: ## Rewrite the code in the house style
	@scripts/install.sh requirements-dev.txt
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: ## Measure speed; ARGS= names what to measure
	@scripts/install.sh requirements-dev.txt
	@exec $(BIN)/python -m bench $(ARGS)

screenshots: ## Take the pictures of the documentation anew
	@scripts/install.sh requirements-dev.txt
	@CHROMIUM="$$(scripts/browser.sh)" && export CHROMIUM && exec $(BIN)/python -m scripts.screenshots

seed: install ## Load the sample swarm; ARGS=--remove takes it away
	@exec $(BIN)/flask seed $(ARGS)

migrate: install ## Bring the database to the current schema (`make run` does so by itself)
	@exec $(BIN)/flask db upgrade

clean: ## Remove what install, test and lint made; your data in instance/ stays
	@rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis test-results
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
