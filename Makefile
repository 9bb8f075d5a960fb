# Tocsin. `make demo` shows the main job, `make test` passes the tests.
SHELL       := /bin/bash
GO          ?= go
BIN         := bin
LINT        := $(BIN)/golangci-lint
LINT_VERSION := v2.15.0
VULN        := $(BIN)/govulncheck
VULN_VERSION := v1.6.0
# 2.46 and later need modules that not every proxy has.
NFPM_VERSION := v2.45.2
NFPM        := $(BIN)/nfpm-$(NFPM_VERSION)
DIST        ?= dist
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
FUZZTIME    ?= 10s
SAMPLES     ?= $(BIN)/samples
# HTTP/2 has no business on a unix socket; without it the binary is 0.5 MB smaller.
TAGS        := nethttpomithttp2

export CGO_ENABLED ?= 0

.PHONY: build demo test race lint fuzz cover golden samples e2e e2e-systemd bench soak package reproducible release man vuln clean

build: ## the static binary, bin/tocsin
	$(GO) build -trimpath -tags $(TAGS) -ldflags '-s -w -X main.release=$(VERSION)' -o $(BIN)/tocsin ./cmd/tocsin

demo: build ## the main job with nothing configured
	$(BIN)/tocsin demo

test: race e2e ## everything that must pass

race: ## unit tests under the race detector
	CGO_ENABLED=1 $(GO) test -race ./...
	$(GO) test -count=1 -run 'TestNoFileTakesTheAgentWithIt' ./cmd/tocsin # its bound of memory is none under the race detector

e2e: build ## the whole program against real servers; sets up what it needs
	./e2e/setup
	$(GO) vet -tags e2e ./e2e
	TOCSIN_BIN=$(CURDIR)/$(BIN)/tocsin $(GO) test -tags e2e -count=1 -timeout 15m -v ./e2e

e2e-systemd: $(NFPM) ## a Debian machine under a real systemd: boots, shutdowns, crashes, power cuts
	$(GO) build -trimpath -tags $(TAGS),fault -ldflags '-s -w -X main.release=$(VERSION)' -o $(BIN)/tocsin-fault ./cmd/tocsin
	./e2e/systemd/setup
	$(GO) vet -tags e2esystemd ./e2e/systemd
	NFPM=$(CURDIR)/$(NFPM) TOCSIN_BIN=$(CURDIR)/$(BIN)/tocsin-fault $(GO) test -tags e2esystemd -count=1 -timeout 90m -v ./e2e/systemd

lint: $(LINT) ## golangci-lint and the shape of the module
	$(LINT) run --allow-parallel-runners ./...
	$(LINT) run --allow-parallel-runners --build-tags e2e ./e2e/...
	$(LINT) run --allow-parallel-runners --build-tags e2esystemd ./e2e/systemd/...
	$(GO) mod tidy -diff
	$(GO) mod verify

$(LINT):
	GOBIN=$(CURDIR)/$(BIN) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

fuzz: ## every fuzzer for FUZZTIME, a time or a count (2000x)
	./e2e/fuzz $(FUZZTIME)

cover: ## coverage by function
	$(GO) test -coverprofile=coverage.out ./...
	$(GO) tool cover -func=coverage.out | tail -n 1

golden: ## rewrite golden files; look at the diff
	$(GO) test ./templates ./internal/config ./notify/provider -update
	$(GO) test ./cmd/tocsin -run 'TestReference|TestPackagedRules|TestJSON|TestPictures' -update

samples: ## every golden mail as .eml and .html in $(SAMPLES), for a browser
	mkdir -p $(SAMPLES)
	$(GO) test ./templates -count=1 -run '^TestGolden$$' -samples $(abspath $(SAMPLES))

bench: build ## speed and memory, as ratios in one run
	TOCSIN_BIN=$(CURDIR)/$(BIN)/tocsin ./e2e/bench

soak: build ## the long runs: ten rounds of every shutdown, many thousand kills and hostile programs
	TOCSIN_ROUNDS=10 $(MAKE) e2e-systemd
	TOCSIN_BIN=$(CURDIR)/$(BIN)/tocsin TOCSIN_KILLS=10000 $(GO) test -tags e2e -count=1 -timeout 2h -v -run 'TestKill$$|Killed$$' ./e2e
	TOCSIN_BIN=$(CURDIR)/$(BIN)/tocsin TOCSIN_RUNS=100000 TOCSIN_HUNG=10m $(GO) test -tags e2e -count=1 -timeout 6h -v -run 'TestProgramRuns|TestHung' ./e2e
	TOCSIN_BIN=$(CURDIR)/$(BIN)/tocsin TOCSIN_SIEGE=20 $(GO) test -tags e2e -count=1 -timeout 1h -v -run TestSiege ./e2e

package: $(NFPM) ## .deb, .rpm and .apk for amd64 and arm64 in $(DIST), looked at by lintian, built twice more elsewhere and compared
	GO=$(GO) TAGS=$(TAGS) NFPM=$(CURDIR)/$(NFPM) ./packaging/build $(abspath $(DIST))
	./packaging/check $(abspath $(DIST))
	CACHE=$(or $(CACHE),shared) GO=$(GO) TAGS=$(TAGS) NFPM=$(CURDIR)/$(NFPM) ./packaging/reproducible

reproducible: $(NFPM) ## the packages of this commit built twice, elsewhere and from nothing, and compared
	GO=$(GO) TAGS=$(TAGS) NFPM=$(CURDIR)/$(NFPM) ./packaging/reproducible

man: ## the manual pages, in bin/man
	./packaging/manual $(BIN)/man

release: package reproducible vuln ## what is published: see docs/release.md

# GOVULNDB is another database than the part that the repository has of it.
vuln: $(VULN) ## known vulnerabilities of what is linked
	GO=$(GO) TAGS=$(TAGS) VULN=$(CURDIR)/$(VULN) ./packaging/vulnerabilities

$(VULN):
	GOBIN=$(CURDIR)/$(BIN) $(GO) install golang.org/x/vuln/cmd/govulncheck@$(VULN_VERSION)

$(NFPM):
	GOBIN=$(CURDIR)/$(BIN) $(GO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)
	mv $(BIN)/nfpm $@

clean:
	rm -rf $(BIN) dist coverage.out
