SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X github.com/kubeassay/assay/internal/cli.version=$(VERSION)
# The race detector needs a C compiler; without one, go turns cgo off.
RACE := $(if $(filter 1,$(shell go env CGO_ENABLED)),-race)
FUZZTIME ?= 10s
# The name must hold a registry: a short one would mean whatever somebody has put on the public one.
IMAGE ?= localhost/assay-collector:dev
BENCH_PODS ?= 10000 30000
SCRIPTS = .ci/run test/interop/saf/install $(filter-out %.md %.yaml %/src,$(wildcard test/cluster/*))

# The test cluster's loader, in a module of its own, is built as the cluster is: that is in the cache.
LOADER := cd test/cluster/src && CGO_ENABLED=0

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "%-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/assay, and bin/kubectl-assay that is the same
	CGO_ENABLED=0 go build -trimpath -ldflags='$(LDFLAGS)' -o bin/assay ./cmd/assay
	ln -sf assay bin/kubectl-assay

.PHONY: image
image: ## Build the collector's image as dist/assay-collector.tar, and print IMAGE with its digest
	@go run ./deploy/image -o dist/assay-collector.tar -name '$(IMAGE)' -version '$(VERSION)'

.PHONY: demo
demo: build ## Scan an example cluster, and serve the API on 127.0.0.1:8080 until Ctrl-C
	bin/assay demo

.PHONY: test
test: test-unit test-interop test-e2e ## Run all tests: the quick ones, those against other programs, then those against a real Kubernetes

.PHONY: test-unit
test-unit: ## Run the quick tests
	$(if $(RACE),,@echo "no C compiler: the tests run without the race detector" >&2)
	go test $(RACE) ./...

.PHONY: test-interop
test-interop: ## Test against the SAF CLI, which reads what we write (needs Node 20 and npm)
	TEST_SAF="$$(test/interop/saf/install)" && export TEST_SAF && go test -count=1 ./test/interop/...

.PHONY: test-e2e
test-e2e: ## Start a real Kubernetes, test against it what needs one, and stop it
	$(LOADER) go test -trimpath ./load/...
	test/cluster/with --node --collector -- go test $(RACE) -count=1 -p=1 -timeout=30m ./test/e2e/... ./test/docs/...

.PHONY: lint
lint: ## Check format, style and usual mistakes, also in shell scripts
	go tool -modfile=tools/go.mod golangci-lint run ./...
	$(LOADER) go vet -trimpath ./load/...
	if command -v shellcheck >/dev/null; then shellcheck -x -P SCRIPTDIR $(SCRIPTS); else echo "shellcheck is not installed: the scripts are not checked" >&2; fi

.PHONY: fuzz
fuzz: ## Run each fuzz test for FUZZTIME (10s)
	@mkdir -p bin && rm -f bin/fuzz.failed
	@go list -f '{{.Dir}}' ./... | while read -r dir; do \
	  { grep -hoE '^func Fuzz\w+' "$$dir"/*_test.go 2>/dev/null || true; } | while read -r _ name; do \
	    echo "$${dir#"$$PWD"/} $$name"; \
	    fuzz() { go test -run='^$$' -fuzz="^$$name\$$" -fuzztime=$(FUZZTIME) -fuzzminimizetime=100x "$$dir" </dev/null 2>&1 | tee bin/fuzz.log; }; \
	    for try in 1 2 3; do \
	      fuzz && break; \
	      { [ "$$try" != 3 ] && grep -q '^    context deadline exceeded$$' bin/fuzz.log; } || { echo "$${dir#"$$PWD"/} $$name" >>bin/fuzz.failed; break; }; \
	      echo "its time ran out in the middle of an input: once more"; \
	    done; \
	  done; \
	done
	@[ ! -e bin/fuzz.failed ] || { echo "failed:" && cat bin/fuzz.failed && exit 1; }

.PHONY: bench
bench: ## Measure time and memory against the least that could do the work
	mkdir -p bin/bench
	CGO_ENABLED=0 go build -trimpath -ldflags='$(LDFLAGS)' -o bin/bench/ ./cmd/assay ./test/bench/...
	bin/bench/bench -dir bin/bench
	for n in $(BENCH_PODS); do \
	  test/cluster/with --bench -- bash -c "load cluster -n $$n -etcd \$$TEST_CLUSTER_ETCD >/dev/null && \
	    bin/bench/bench -dir bin/bench -kubeconfig \$$KUBECONFIG -pods $$n"; \
	done

.PHONY: clean
clean: ## Remove what was built here (the cache of test/cluster stays)
	rm -rf bin dist
