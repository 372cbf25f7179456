#!/usr/bin/env bash
# Holds what `deploy/prometheus` has, and what `/metrics` says, against the real promtool.
set -euo pipefail
cd "$(dirname "$0")/../.."

program="${TIERGATE_PROGRAM:-${CARGO_TARGET_DIR:-target}/debug/tiergate}"
if ! command -v promtool >/dev/null; then
  sudo="$(command -v sudo || true)"
  [ "$(id -u)" = 0 ] && sudo=""
  # The tool alone is wanted: nothing is started.
  echo "installing Debian's prometheus (for promtool)"
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends prometheus
fi

promtool check rules deploy/prometheus/rules.yml
promtool test rules deploy/prometheus/rules_test.yml
# Tokens and certificates of the example are not on this machine.
promtool check config --syntax-only deploy/prometheus/prometheus.yml

if [ -z "${TIERGATE_PROGRAM:-}" ]; then
  cargo build --locked --workspace --all-features
fi
python3 tests/api/demo.py "$program" observer look -- bash -c '
  set -euo pipefail
  curl --fail --silent --show-error -H "Authorization: Bearer $TIERGATE_TOKEN" "$TIERGATE_ADDRESS/metrics" | tee /dev/stderr | promtool check metrics
  curl --fail --silent --show-error "$TIERGATE_ADDRESS/health/live"
  curl --fail --silent --show-error "$TIERGATE_ADDRESS/health/ready"
'
