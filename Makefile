# Two commands do everything on a fresh Debian or Ubuntu machine: `make demo` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

VENV ?= .venv
# The active environment's own python first: it may hold the user's CUDA build of PyTorch.
PYTHON ?= $(shell for p in $${VIRTUAL_ENV:+python3} $${CONDA_PREFIX:+python3} python3.11 python3.12 python3.13 python3; do command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := $(VENV)/bin
MOEE := $(BIN)/moee
CORES ?= $(shell nproc 2>/dev/null || echo 2)
MODELS := blazeface-full blazeface-short face-mesh silero-vad
STAMP = $(VENV)/.ready-$(shell cat requirements/cpu.lock pyproject.toml perception/weights.toml requirements/setup.sh | sha256sum | cut -c1-16)
export OMP_NUM_THREADS ?= 1

.PHONY: help setup demo test check proofs perf accuracy clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP)  ## system packages, a virtual environment, models: only what is missing
	@$(MOEE) models fetch $(MODELS) >/dev/null  # they lie in the user's cache, which may have been emptied

# The stamp is made last and is named by what it was made from, so a set-up that was cut off is done again.
$(STAMP):
	@PYTHON="$(PYTHON)" VENV="$(VENV)" MODELS="$(MODELS)" bash requirements/setup.sh
	@rm -f $(VENV)/.ready-*
	@touch $@

demo: setup  ## the whole story on the embedded sample
	@run() { printf '\n$$ %s\n' "$$*"; local status=0; "$$@" || status=$$?; [ $$status -le $${allow:-0} ]; }
	export PATH="$(CURDIR)/$(BIN):$$PATH"
	run moee sample demo/raw
	allow=1 run moee curate demo/raw --out demo/dataset  # 1: the sample's bad files failed, as they must
	run moee manifest validate demo/dataset
	python -c "import manifests; assert len(manifests.open('demo/dataset').clips) >= 15, 'the demo kept too few clips'"
	run moee manifest show demo/dataset
	run moee manifest split demo/dataset
	run moee manifest report demo/dataset
	run moee publish demo/dataset --to demo/published
	run python -c "from datasets import load_dataset; print({split: [clip['video'][0].shape for clip in clips][:3] for split, clips in load_dataset('demo/published', streaming=True).items()})"
	run moee bench ladder sample --real demo/dataset --out demo/bench --cache demo/cache --control ground-truth --control blurred --control frozen --control audio-shifted --control other-identity
	run moee bench verify demo/bench/blurred
	run moee bench compare demo/bench/ground-truth demo/bench/audio-shifted
	run moee train tiny --data demo/dataset --out demo/moee --resume
	espeak-ng -w demo/unseen.wav 'Nobody in this room has ever heard these words before.'
	portrait=$$(find demo/cache/testsets -path '*/sample-*/reference/*.png' -not -path '*sample-networks*' | sort | head -n 1)
	for emotion in happy sad; do run moee generate --model demo/moee/model --image "$$portrait" --audio demo/unseen.wav --emotion $$emotion --steps 2 --guidance 1 --out demo/moee/$$emotion.mp4; done
	run moee bench run sample --system 'MoEE tiny' --model demo/moee/model --real demo/dataset --out demo/bench/moee-tiny --cache demo/cache --steps 2 --guidance 1
	run moee bench ladder sample-networks --real demo/dataset --out demo/networks --cache demo/cache --control blurred --extractor seeded
	run moee bench leaderboard demo/bench/{ground-truth,frozen,other-identity,audio-shifted,blurred,moee-tiny} demo/networks/blurred --out demo/site --videos demo/bench/videos --videos demo/cache
	echo
	printf '%-12s %s\n' \
	    'raw videos' demo/raw 'their truth' demo/raw/truth.parquet \
	    'report' demo/dataset/report.html 'clips' demo/dataset/clips 'clip table' demo/dataset/clips.parquet 'all tables' 'demo/dataset/*.parquet' \
	    'published' demo/published 'its card' demo/published/README.md 'scores' 'demo/bench/*/results.json' \
	    'model' demo/moee/model 'generated' 'demo/moee/*.mp4' \
	    'use it' "python -c \"import manifests; print(manifests.open('demo/dataset').clips)\"" \
	    'leaderboard' '$(CURDIR)/demo/site/index.html'

test: setup  ## the test suite (minutes)
	@$(BIN)/python -m pytest -n $(CORES) --dist loadfile --no-loadscope-reorder -m "not proof"

check: setup  ## ruff, mypy, import-linter
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Programs that some proofs look at; without them these proofs are skipped and say so.
PROGRAMS := chromium slurm-wlm munge shellcheck
.PHONY: programs
programs:
	@missing=$$(for package in $(PROGRAMS); do dpkg -s $$package >/dev/null 2>&1 || echo $$package; done)
	if [ -n "$$missing" ]; then
	    if [ "$$(id -u)" = 0 ]; then
	        echo "installing for the proofs:" $$missing
	        apt-get update >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing >/dev/null
	    else
	        echo "some proofs are skipped without these programs: sudo apt-get install" $$missing
	    fi
	fi

proofs: setup programs  ## slow proofs with their tables: exactness, resumption, truth, real clips, clusters
	@$(BIN)/python -m pytest -n $(CORES) --dist loadfile --no-loadscope-reorder -m proof

perf: setup  ## measured ratios: share of the decode and perception ceiling, cost of the stages, curation at scale, Frechet distances, scoring again, networks, the model
	@$(BIN)/python -m perf.decode
	$(BIN)/python -m perf.stage_rates
	$(BIN)/python -m perf.curation
	$(BIN)/python -m perf.duplicates
	$(BIN)/python -m perf.frechet
	$(BIN)/python -m perf.rescoring
	$(BIN)/python -m perf.inception
	$(BIN)/python -m perf.syncnet
	$(BIN)/python -m perf.model

accuracy: setup  ## what the judgements are worth on real clips (MOEE_TEST_DATA), with intervals
	@$(BIN)/python -m perf.accuracy

clean:  ## remove the demo's output
	@rm -rf demo
