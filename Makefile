# Every target sets up what it needs in .venv and target/, and does nothing twice.
# A bare machine needs Rust, Python 3.10 or newer (PYTHON=...) and a C compiler.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EXTENSION := $(VENV)/.extension
RUST_SOURCES := $(shell find rust -name '*.rs') \
	$(wildcard rust/*/Cargo.toml) Cargo.toml Cargo.lock pyproject.toml
PYTEST := $(BIN)/python -m pytest
SECONDS_EACH ?= 60
# What the tests of the local endpoint need besides: clients and model servers of others. The AWS SDK
# for Rust is one of them where there is Rust.
RUST_PEER := target/peers/debug/rust-sdk
OTHERS := $(VENV)/.peers $(VENV)/.containers $(if $(shell command -v cargo),$(RUST_PEER))
# Warnings of the compiler and of rustdoc are errors; the flags also keep one build for all targets.
CARGO_TESTED := -p sagewire-core -p sagewire-net

export CARGO_TERM_COLOR ?= never
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-rust test-native test-pure check bench wheel fuzz fmt clean

help:  ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(EXTENSION) $(VENV)/.demo  ## Train a small model, serve it, invoke it with sagewire and with boto3
	$(BIN)/python examples/quickstart.py

# The two Python suites run beside each other, since much of either is waiting; what they need is made before.
test: test-rust $(EXTENSION) $(VENV)/.test $(OTHERS)  ## Run all tests: Rust, Python native, Python pure
	$(MAKE) -j2 --output-sync=target test-native test-pure

test-rust:  ## Run the Rust tests
	cargo test $(CARGO_TESTED)

test-native: $(EXTENSION) $(VENV)/.test $(OTHERS)  ## Run the Python tests on the native implementation
	$(PYTEST) --require native

test-pure: $(VENV)/.test $(OTHERS)  ## Run the Python tests on the pure implementation (needs no Rust)
	SAGEWIRE_PURE=1 PYTHONPATH=python $(PYTEST) --require pure

check: $(EXTENSION) $(VENV)/.test $(VENV)/.check $(VENV)/.demo  ## Check formatting, lints, types, stubs and docs
	cargo fmt --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy --strict tests/house/typed_program.py
	$(BIN)/python -m mypy.stubtest sagewire._native._ext
	$(PYTEST) -q tests/house/test_docs.py

bench: $(EXTENSION) $(VENV)/.test $(VENV)/.bench $(VENV)/.peers  ## Measure side by side with boto3, aiobotocore, capo, awscrt, a bare socket and nginx
	cargo build --release -p sagewire-net --example answer
	$(BIN)/python -m benches.peers
	$(BIN)/python -m benches.peers.tasks
	$(BIN)/python -m benches.peers.many
	$(BIN)/python -m benches.gateway
	$(BIN)/python -m benches.front_door

wheel: $(VENV)/.build  ## Build the abi3 wheel into dist/ and try it in a fresh environment
	rm -rf dist
	$(BIN)/maturin build --release --out dist
	$(BIN)/python tools/try_wheel.py dist

fuzz:  ## Fuzz every parser for a while (needs a nightly Rust and cargo-fuzz; SECONDS_EACH=60)
	@cargo +nightly fuzz --version > /dev/null || { echo "install a nightly toolchain, then: cargo install cargo-fuzz"; exit 1; }
	for target in $$(cargo +nightly fuzz list --fuzz-dir rust/fuzz); do \
		cargo +nightly fuzz run --fuzz-dir rust/fuzz $$target -- -max_total_time=$(SECONDS_EACH) -max_len=4096 || exit 1; \
	done

fmt: $(VENV)/.check  ## Format the sources
	cargo fmt
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

clean:  ## Remove everything that was made here
	rm -rf $(VENV) target dist python/sagewire/_native/*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "sagewire needs Python 3.10 or newer; try make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { echo "no virtual environment: install your system's python3-venv package"; exit 1; }
	@touch $@

# One stamp per extra of pyproject.toml; `build` is the build system itself.
$(VENV)/.%: pyproject.toml tools/requirements.py | $(VENV)/.created
	$(BIN)/python tools/requirements.py $* > $(VENV)/requirements-$*.txt
	$(BIN)/python -m pip install --quiet -r $(VENV)/requirements-$*.txt
	@touch $@

# Clients and model servers that were not written here: each kind in an environment of its own, since
# a client is bound to an older botocore, and servers want many packages.
$(VENV)/.peers $(VENV)/.containers: $(VENV)/.%: pyproject.toml tools/requirements.py | $(VENV)/.created
	$(BIN)/python tools/requirements.py $* > $(VENV)/requirements-$*.txt
	$(BIN)/python -m venv $(VENV)/$*
	$(VENV)/$*/bin/python -m pip install --quiet -r $(VENV)/requirements-$*.txt
	@touch $@

$(RUST_PEER): $(wildcard tests/peers/rust-sdk/src/*.rs tests/peers/rust-sdk/Cargo.*)
	cargo build --quiet --locked --manifest-path tests/peers/rust-sdk/Cargo.toml --target-dir target/peers
	@touch $@

$(EXTENSION): $(RUST_SOURCES) | $(VENV)/.build
	@command -v cargo > /dev/null || { echo "sagewire's native half needs Rust: https://rustup.rs"; exit 1; }
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --release --quiet
	@touch $@
