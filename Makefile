# make help lists the targets. Settings: see src/config.ts.
NODE := node_modules/.bin/node
READY := node_modules/.ready

.DEFAULT_GOAL := help
.PHONY: help setup run test demo chaos chaos-short chaos-planted bench check format

help: ## lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' Makefile

setup: $(READY) ## installs packages and nats-server (quick when nothing is to be done)
	@node infra/nats/install.mjs

$(READY): package-lock.json
	@echo "packages: installing from package-lock.json (some 200 MB, a minute or so) ..."
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

run: setup ## runs the server in the foreground; stop it with Ctrl-C
	@exec $(NODE) src/main.ts

test: setup ## runs all tests against real servers, then the promises under faults (about 8 minutes)
	@npm --silent test

demo: setup ## a crew of scripted agents works through a board, and tells it as it happens
	@exec $(NODE) demo/demo.ts $(ARGS)

chaos: setup ## the promises under faults, as a table (about 10 minutes)
	@exec $(NODE) chaos/main.ts $(ARGS)

chaos-short: setup ## the same in under 2 minutes
	@exec $(NODE) chaos/main.ts --short $(ARGS)

chaos-planted: setup ## shows that chaos turns red when a promise is broken on purpose (about 2 minutes)
	@$(NODE) node_modules/vitest/vitest.mjs run --project chaos planted

bench: setup ## measures the budgets; ARGS="take list", --quick
	@exec $(NODE) bench/main.ts $(ARGS)

check: $(READY) ## types, lint, format, unused code
	@echo "types ..." && npm --silent run typecheck
	@echo "lint ..." && npm --silent run lint
	@echo "format ..." && npm --silent run format:check
	@echo "unused code ..." && npm --silent run unused
	@echo "check passed"

format: $(READY) ## formats every file in place
	@npm --silent run format
