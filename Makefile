# make run    set everything up and start the demo
# make test   install what the tests need and run them all
# make check  format, lint, strict types, unit tests: before every commit
# make lint   the same without the unit tests
# make test-cluster  as make test, for what needs PostgreSQL, Redis and an object store
# make verifier  hub-verify.pyz: verification as one file, for a machine without the hub
# make test-stores  the stores' own unit tests once more, on PostgreSQL: by itself, for it takes as long as all the rest
# make bundle  dist/recorder-hub-VERSION-linux-ARCH.tar: installs on a machine without a network
# make test-bundle  makes one, and installs it where there is no network; needs root (unshare -n)
# make soak   kill the hub 500 times, and stop its disk 5000 times: an hour

VENV   := .venv
PY     := $(VENV)/bin/python
STAMPS := $(VENV)/stamps
PAGE   := hub/api/page/index.html
JOBS   ?= 4
TESTS  := tests --ignore tests/cluster
NODES  := tests/cluster -m 'not whole' --ignore tests/cluster/test_stores.py
WHOLE  := tests/cluster -m whole
# Most tests wait for streams that are sent in real time: four processes keep two cores busy, and now and then one comes
# late. What failed beside others runs once more by itself; what fails then is broken.
# One that does not end within its time takes its process with it, and the others go on: whatever it waits for.
BESIDE := --dist loadgroup --timeout-method thread
AGAIN  := --last-failed --last-failed-no-failures none

# The tests' folders are in memory where there is plenty of it: a hub waits for its disk a hundred times in a test of a
# second. What a power cut leaves is tested with disks that forget (tests/recovery), wherever the folders are.
IN_MEMORY := $(shell df --output=avail -k /dev/shm 2>/dev/null | awk 'NR == 2 && $$1 > 8000000 { print "/dev/shm" }')
ifneq ($(IN_MEMORY),)
test unit: export PYTEST_DEBUG_TEMPROOT ?= $(IN_MEMORY)
endif

# Images of containers often say so; the tests start hundreds of hubs, and each would compile all of itself.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-cluster test-stores check lint unit soak verifier bundle test-bundle page setup peers clean

run: setup page
	$(VENV)/bin/hub demo

setup: $(STAMPS)/run
page: $(PAGE)

$(STAMPS)/venv:
	@python3 -c 'import ensurepip, sys; assert sys.version_info >= (3, 11)' 2>/dev/null || \
	  { echo "this needs Python 3.11 with venv: apt-get install python3 python3-venv" >&2; exit 1; }
	python3 -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip
	mkdir -p $(STAMPS) && touch $@

$(STAMPS)/run: pyproject.toml build_page.py | $(STAMPS)/venv
	$(PY) -m pip install --quiet --editable .
	touch $@

$(STAMPS)/dev: pyproject.toml build_page.py | $(STAMPS)/venv
	$(PY) -m pip install --quiet --editable '.[dev]'
	touch $(STAMPS)/run $@

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	@node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)' 2>/dev/null || \
	  { echo "the page needs Node 20.19 or newer, with npm" >&2; exit 1; }
	cd web && npm ci --no-audit --no-fund
	touch $@

$(PAGE): web/node_modules/.package-lock.json $(shell find web/src web/public web/index.html web/vite.config.ts -type f 2>/dev/null)
	cd web && npm run build
	touch $@

peers:
	tests/install-peers.sh

test: $(STAMPS)/dev $(PAGE) peers
	cd web && npm test
	$(PY) -m pytest $(TESTS) -n $(JOBS) $(BESIDE) || $(PY) -m pytest $(TESTS) $(AGAIN)

test-cluster: $(STAMPS)/dev $(PAGE) peers
	$(PY) -m tests.cluster.object_store
	$(PY) -m pytest $(NODES) -n 2 $(BESIDE) || $(PY) -m pytest $(NODES) $(AGAIN)
	$(PY) -m pytest $(WHOLE) || $(PY) -m pytest $(WHOLE) $(AGAIN)

test-stores: $(STAMPS)/dev peers
	$(PY) -m pytest tests/cluster/test_stores.py -n $(JOBS)

check: lint unit

lint: $(STAMPS)/dev web/node_modules/.package-lock.json
	$(VENV)/bin/ruff format --check hub tests deploy k8s build_page.py
	$(VENV)/bin/ruff check hub tests deploy k8s build_page.py
	$(VENV)/bin/mypy
	cd web && npm run lint && npm run typecheck

unit: $(STAMPS)/dev $(PAGE)
	$(PY) -m pytest tests/unit -n $(JOBS)

soak: $(STAMPS)/dev $(PAGE)
	SOAK_STOPS=5000 $(PY) -m pytest tests/failures/test_recovery_stopped_anywhere.py
	SOAK_KILLS=500 $(PY) -m pytest tests/failures/test_hub_killed.py -k again_and_again

verifier: $(STAMPS)/run
	$(VENV)/bin/hub verifier hub-verify.pyz

bundle: $(STAMPS)/venv $(PAGE)
	$(PY) -m pip install --quiet packaging
	$(PY) deploy/bundle/make.py dist $(BUNDLE_OPTIONS)

test-bundle: $(STAMPS)/dev bundle
	BUNDLES=dist $(PY) -m pytest tests/bundle --timeout 600

clean:
	rm -rf $(VENV) dist web/node_modules hub/api/page .mypy_cache .ruff_cache .pytest_cache
