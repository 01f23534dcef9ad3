# blindbook: the commands. `make setup` is idempotent and quick when nothing changed; every other target depends on it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NPM ?= npm
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: setup demo test check format bench columns conformance determinism mutation fuzz soak native clean help
help:  ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

NATIVE_SOURCES := $(shell find CMakeLists.txt gpu matching zk -name '*.cpp' -o -name '*.hpp' -o -name '*.cuh' -o -name 'CMakeLists.txt' 2>/dev/null | grep -v '^zk/guests/')

$(VENV)/.stamp-python: pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "setup: $(PYTHON) not found; install Python >= 3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "setup: Python >= 3.11 needed, found $$($(PYTHON) -V)" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check --upgrade "scikit-build-core>=1.1" "nanobind>=3.1" "cmake>=3.25" "ninja>=1.11"
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation -C cmake.define.BLINDBOOK_MODULES=none -e ".[dev]"
	@rm -rf .cmake .skbuild-info.json CMakeCache.txt CMakeFiles CMakeInit.txt build.ninja cmake_install.cmake
	@touch $@

$(VENV)/.stamp-native: $(VENV)/.stamp-python $(NATIVE_SOURCES)
	$(BIN)/cmake -S . -B build/all -G Ninja -DCMAKE_BUILD_TYPE=Release -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(BIN)/ninja >/dev/null
	$(BIN)/cmake --build build/all --parallel 2
	@touch $@

contracts/node_modules/.stamp: contracts/package.json contracts/package-lock.json
	@command -v node >/dev/null || { echo "setup: node not found; install Node >= 20" >&2; exit 1; }
	cd contracts && $(NPM) ci --silent --no-audit --no-fund
	@touch $@

setup: $(VENV)/.stamp-python $(VENV)/.stamp-native contracts/node_modules/.stamp  ## create .venv, build the native modules, install the contract tools

demo: setup  ## the main job: trade privately, prove the batches, settle on a local chain
	$(BIN)/blindbook demo $(DEMO_FLAGS)

test: setup  ## every test that fits 15 minutes on two cores
	$(BIN)/python -m pytest -m "not soak" -n logical --maxprocesses 4 --dist loadfile $(PYTEST_FLAGS)
	cd contracts && ./forge test

check: setup  ## format, lint and types; warnings are errors
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $$(git ls-files '*.cpp' '*.hpp' '*.cuh' '*.h')

format: setup  ## rewrite the sources in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i $$(git ls-files '*.cpp' '*.hpp' '*.cuh' '*.h')

bench: setup  ## rates with their bounds: kernels, matching core, prover
	$(BIN)/python -m gpu.bench
	$(BIN)/python -m matching.bench
	$(BIN)/python -m zk.bench $(BENCH_FLAGS)

conformance: setup  ## every ELF of SUITE=folder through executor and prover, compared with NAME.reference_output
	@test -n "$(SUITE)" || { echo "conformance: give the folder: make conformance SUITE=folder (docs/conformance.md)" >&2; exit 2; }
	$(BIN)/blindbook zkvm conformance "$(SUITE)" $(CONFORMANCE_FLAGS)

fuzz: setup  ## random and coverage-guided input for every decoder; FUZZ_EXAMPLES=n, FUZZ_SECONDS=s for longer runs
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-2000} $(BIN)/python -m pytest tests/fuzz $(PYTEST_FLAGS)
	$(BIN)/python -m tests.fuzz.atheris --runs $${FUZZ_EXAMPLES:-2000} --seconds $${FUZZ_SECONDS:-60}

determinism: setup  ## prove with cvc5 that the inputs of each chip's rows determine their outputs
	$(BIN)/python -m zk.determinism $(DETERMINISM_FLAGS)

soak: setup  ## the heavy suites
	$(BIN)/python -m pytest -m soak $(PYTEST_FLAGS)

columns: setup  ## perturb every column of every chip and write docs/reports/columns.md
	$(BIN)/python -m tests.soundness.columns

mutation: setup  ## change every constraint and every check, list what no test notices; MUTATION_PARTS="air verifier contracts"
	$(BIN)/python -m tests.soundness.mutation $(MUTATION_PARTS)

clean:  ## remove everything that setup made
	rm -rf $(VENV) build contracts/node_modules contracts/out contracts/cache
	find gpu matching zk -name '*.so' -delete
