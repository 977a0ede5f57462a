GOLANGCI = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.9.0
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.1.4
FUZZTIME ?= 1m

.PHONY: help
help: ## List the targets.
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

.PHONY: build
build: ## Build bin/ackbox.
	CGO_ENABLED=0 go build -o bin/ ./cmd/...

DIST ?= dist
DIST_PLATFORMS ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

.PHONY: dist
dist: ## Build static binaries for DIST_PLATFORMS in dist/, with their SHA-256 checksums.
	mkdir -p $(DIST) && rm -f $(DIST)/ackbox-* $(DIST)/SHA256SUMS
	@for platform in $(DIST_PLATFORMS); do \
		os=$${platform%/*} arch=$${platform#*/} suffix=; \
		[ $$os != windows ] || suffix=.exe; \
		binary=ackbox-$(VERSION)-$$os-$$arch$$suffix; \
		echo "$$binary"; \
		CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch go build -trimpath \
			-ldflags "-s -w -X main.release=$(VERSION)" -o $(DIST)/$$binary ./cmd/ackbox || exit 1; \
	done
	cd $(DIST) && { sha256sum ackbox-* || shasum -a 256 ackbox-*; } 2>/dev/null > SHA256SUMS

.PHONY: test
test: ## Run the tests, on SQLite and, where it is installed, on PostgreSQL.
	go test ./...

.PHONY: race
race: ## Run the tests with the race detector, PostgreSQL required.
	ACKBOX_TEST_REQUIRE=postgres go test ./... -race -shuffle=on

.PHONY: lint
lint: ## Check style and who imports whom.
	go run $(GOLANGCI) run --allow-serial-runners ./...

.PHONY: vuln
vuln: ## Look for known vulnerabilities; needs https://vuln.go.dev.
	go run $(GOVULNCHECK) ./...

.PHONY: fmt
fmt: ## Format the code.
	gofmt -w .

.PHONY: generate
generate: ## Make the record types from the WSDLs in wsdl/.
	go generate ./...

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (1m).
	@go test -list '^Fuzz' ./... | awk '/^Fuzz/ {targets = targets " " $$1} \
		/^ok/ {n = split(targets, t); for (i = 1; i <= n; i++) print $$2, t[i]; targets = ""}' | \
	while read -r package target; do \
		echo "$$package $$target"; \
		go test "$$package" -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x || exit 1; \
	done

.PHONY: faults
faults: ## Crash, fill and cut off everything that can be, and count what is lost: nothing; under 15 minutes.
	cd internal/e2e && ACKBOX_FAULTS=all go test -run '^TestFault' -count=1 -timeout 20m

.PHONY: cluster
cluster: ## Kill and freeze the machines of a Patroni cluster under load: nothing is lost; under 10 minutes.
	cd internal/e2e && ACKBOX_FAULTS=all ACKBOX_TEST_REQUIRE=postgres,patroni \
		go test -run '^TestCluster' -count=1 -timeout 20m

.PHONY: soak
soak: FOR ?= 30m
soak: ## Send everything that can be sent for FOR (30m), and watch memory, goroutines and files.
	cd internal/e2e && ACKBOX_SOAK=$(FOR) go test -run '^TestSoak' -count=1 -timeout 0

.PHONY: attack
attack: FOR ?= 1m
attack: ## Throw everything at a server for FOR (1m) while good messages come in: all acked, nothing grows or leaks.
	cd internal/e2e && ACKBOX_ATTACK=$(FOR) go test -run '^TestAttack$$' -count=1 -v -timeout 0

.PHONY: bench
bench: ## Run the benchmarks.
	go test ./... -run '^$$' -bench . -benchmem

.PHONY: bench-e2e
bench-e2e: ## Measure ackbox over HTTP next to a plain listener, 10 minutes; BENCH="--senders 64 …", --help has more.
	go run ./internal/bench --repeat 3 $(BENCH)

.PHONY: ci
ci: ## Run all that must hold before a change lands.
	.ci/run
