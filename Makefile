# Everything a user, a developer or CI runs. Needs Rust, a C linker, CPython >= 3.11; the rest is installed into .venv.
# A step that has nothing new to do is skipped: stamps are in .cache/stamps.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $$p && break; done)
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet
STAMPS := .cache/stamps
NEXTEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo yes)
NVRTC := nvidia-cuda-nvrtc==13.0.88
# what the built library depends on
SOURCES := $(shell find base/src src cuda python/src python/rtorch -type f \( -name '*.rs' -o -name '*.py' -o -name '*.pyi' -o -name '*.cu' -o -name '*.cuh' \) 2>/dev/null) \
	$(wildcard Cargo.toml Cargo.lock base/Cargo.toml python/Cargo.toml pyproject.toml)

.PHONY: help demo test dev lint bench stubs docs wheel cuda-check cuda-check-all clean install \
	rust-lint rust-test python-test python-lint types programs one-literal hostile faults bits compatibility ecosystem

help: ## this text
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

# ---------------------------------------------------------------- what people ask for

demo: install $(STAMPS)/demo ## build, install, train a CNN on the UCI digits (DEMO="--data mnist", "--processes 2", "--workers 2", "--log out/runs")
	$(PY) -m rtorch examples/digits.py $(DEMO)

test: rust-lint rust-test install python-lint types cuda-check one-literal python-test ## everything that CI runs

dev: $(STAMPS)/venv ## an editable build, in seconds; imports from python/rtorch; without torch.fft and what needs singular values
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(VENV)/bin/maturin develop --profile edit --no-default-features
	@rm -f $(STAMPS)/install

lint: rust-lint $(STAMPS)/test python-lint ## rustfmt, clippy, ruff

# Against torch: RTORCH_ORACLE is a Python that has it, and ../shared/bench lies beside the project.
bench: install ## against the machine's limits (criterion), and against torch where RTORCH_ORACLE names a Python with it
	cargo bench --workspace
	@if [ -n "$${RTORCH_ORACLE:-}" ] && [ -f ../shared/bench/headtohead.py ]; then cd ../shared/bench && \
		python3 headtohead.py --lib rtorch --base torch --lib-python "$(CURDIR)/$(PY)" --base-python "$$RTORCH_ORACLE"; \
	else echo "not held against torch: RTORCH_ORACLE names no Python that has it"; fi

stubs: install ## write the type stubs anew from the operator table
	$(PY) tests/stubs.py

docs: install ## the Rust documentation, and pages for operators and Python modules (target/docs)
	cargo doc --no-deps --workspace
	$(PY) tests/docs.py

# RTORCH_ORACLE is a Python that has torch; ../shared/conformance and ../shared/api lie beside the project
compatibility: install ## run the conformance suites beside torch and write docs/compatibility.md
	@[ -n "$${RTORCH_ORACLE:-}" ] || { echo "RTORCH_ORACLE=/path/to/python (one that has torch) is needed"; exit 1; }
	mkdir -p .cache/conformance
	site=$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("platlib"))'); folder=$$(mktemp -d); ln -s $$site/rtorch $$folder/rtorch; \
	export PYTHONPATH=$$folder; run="$$RTORCH_ORACLE ../shared/conformance/conform.py"; out=.cache/conformance; \
	$$run ops --lib rtorch --grad --gradgrad --errors --json $$out/ops.json; \
	$$run ops --lib rtorch --grad --dtype float64,bfloat16,float16,complex64,int32,uint8 --json $$out/dtypes.json; \
	for suite in modules optims rng repr; do $$run $$suite --lib rtorch --json $$out/$$suite.json; done; \
	$(PY) ../shared/api/coverage.py --lib rtorch --tier T0,T1,T2 --missing 1000 --json > $$out/coverage.json
	$(PY) tests/compatibility.py --coverage .cache/conformance/coverage.json \
		$(foreach s,ops dtypes modules optims rng repr,.cache/conformance/$(s).json)

bits: install ## the same bits for 1, 2 and 3 threads over the conformance samples (RTORCH_ORACLE names a Python with torch)
	@folder=$$($(PY) -c 'import pathlib, rtorch; print(pathlib.Path(rtorch.__file__).parent.parent)'); \
	rm -rf .cache/bits && mkdir -p .cache/bits && ln -s $$folder/rtorch .cache/bits/rtorch && \
	PYTHONPATH=.cache/bits "$${RTORCH_ORACLE:?names no Python with torch}" tests/bits.py

wheel: $(STAMPS)/wheel-tools ## the wheel that is given to others: manylinux_2_17, held to it by auditwheel
	rm -rf dist && mkdir -p dist
	PATH=$(CURDIR)/$(VENV)/bin:$$PATH $(VENV)/bin/maturin build --release --zig --compatibility manylinux2014 --out dist
	$(VENV)/bin/auditwheel show dist/*.whl | tee dist/auditwheel.txt
	grep -q 'manylinux_2_17' dist/auditwheel.txt
	@ls -l dist/*.whl

clean: ## what this file makes, and cargo's target
	rm -rf $(VENV) $(STAMPS) dist target

# ---------------------------------------------------------------- the parts of `make test`

rust-lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

# In few units and not incrementally: a clean clone compiles in half the time, and has nothing to be incremental about. Who
# calls cargo has what is quick after an edit.
rust-test: export CARGO_INCREMENTAL := 0
rust-test: export CARGO_PROFILE_TEST_CODEGEN_UNITS := 16
rust-test: export CARGO_PROFILE_DEV_CODEGEN_UNITS := 16
rust-test:
ifeq ($(NEXTEST),yes)
	cargo nextest run --workspace --no-fail-fast --no-tests=pass
else
	cargo test --workspace --lib --bins --tests
endif
	cargo test --workspace --doc
	cargo run --quiet --profile test --features linalg --example line
# the kernels again as weaker machines run them (whole workspaces throughout: one package has other features, and is compiled anew)
	for isa in avx2 portable; do \
		RTORCH_ISA=$$isa $(if $(NEXTEST),cargo nextest run --workspace --lib -E 'test(kernels) | test(ops)',cargo test --workspace --lib -- kernels ops); \
	done

install: $(STAMPS)/install ## build the wheel for this machine and install it into .venv

python-lint: $(STAMPS)/test
	$(VENV)/bin/ruff check .

types: $(STAMPS)/test install
	$(PY) tests/stubs.py --check
	$(VENV)/bin/mypy
	cd $(VENV) && bin/python -m mypy.stubtest rtorch._C --mypy-config-file ../pyproject.toml

cuda-check: $(STAMPS)/nvrtc install ## compile the generated CUDA text with NVRTC (no GPU needed)
	$(PY) tests/cuda_check.py

cuda-check-all: $(STAMPS)/nvrtc install ## the same, whatever was compiled before
	$(PY) tests/cuda_check.py --all

one-literal: $(STAMPS)/test $(STAMPS)/nvrtc ## the diff of CONTRIBUTING.md: one literal gives everything
	$(PY) tests/one_literal.py

hostile: $(STAMPS)/test install ## 100,000 hostile calls with a seed of their own each time (make test: always the same)
	$(PY) tests/python/hostile.py 100000 --seed random

faults: $(STAMPS)/test install ## 200 random kills of workers, peers and savers (RELIABILITY.md)
	$(PY) tests/faults.py 200 --seed random

python-test: $(STAMPS)/test install
	$(PY) -m pytest tests/python

ecosystem: install ## other people's packages (einops, timm, transformers, lightning, pyro ...) on rtorch; writes docs/ecosystem.md
	$(PY) tests/ecosystem/run.py

programs: $(STAMPS)/test install ## all acceptance programs, not only the floor
	$(PY) tests/programs/run.py --runner "$(CURDIR)/$(PY) -m rtorch" --allow-skip

# ---------------------------------------------------------------- the environment

$(STAMPS)/venv: pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "CPython 3.11 or newer is needed (make PYTHON=/path/to/python3)"; exit 1; }
	@[ -x $(PY) ] || $(PYTHON) -m venv $(VENV)
	$(PIP) 'maturin>=1.14,<2' numpy
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/install: $(STAMPS)/venv $(SOURCES)
	@rm -rf target/wheels && mkdir -p target/wheels
	$(VENV)/bin/maturin build --release --compatibility linux --interpreter $(PY) --out target/wheels
	$(PIP) --force-reinstall --no-deps target/wheels/*.whl
	@touch $@

# the extras are read from pyproject.toml: one list
$(STAMPS)/demo $(STAMPS)/test: $(STAMPS)/%: $(STAMPS)/venv
	$(PIP) $$($(PY) -c 'import tomllib; print(" ".join(repr(x) for x in tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["$*"]))' | tr -d "'")
	@touch $@

$(STAMPS)/nvrtc: $(STAMPS)/venv
	$(PIP) $(NVRTC)
	@touch $@

$(STAMPS)/wheel-tools: $(STAMPS)/venv
	$(PIP) ziglang auditwheel
	@touch $@
