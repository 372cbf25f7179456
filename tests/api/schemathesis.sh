#!/usr/bin/env bash
# Lets Schemathesis ask the running program whatever its document allows and forbids.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Another edition asks other things: the one whose answers are known.
EDITION=4.32.5
ground="${CARGO_TARGET_DIR:-target}/api"
program="${TIERGATE_PROGRAM:-${CARGO_TARGET_DIR:-target}/debug/tiergate}"
mkdir -p "$ground"

if [ -z "${TIERGATE_PROGRAM:-}" ]; then
  cargo build --locked --workspace --all-features
fi
if ! "$ground/python/bin/schemathesis" --version 2>/dev/null | grep -q "$EDITION"; then
  python3 -m venv "$ground/python"
  "$ground/python/bin/pip" install --quiet "schemathesis==$EDITION"
fi

# One token of each role that the API is for: what one may not, the other may.
for who in system:look,flow,settings operator:look,problems audit:look,audit_log; do
  role="${who%%:*}"
  echo "── as $role"
  python3 tests/api/demo.py "$program" "$role" "${who#*:}" -- bash -c '
    exec "$0" run "$TIERGATE_ADDRESS/api/v1/openapi.json" --url "$TIERGATE_ADDRESS/api/v1" \
      --header "Authorization: Bearer $TIERGATE_TOKEN" --checks all --exclude-checks positive_data_acceptance \
      --phases examples,coverage,fuzzing --max-examples "${EXAMPLES:-40}" --seed 7 --request-timeout 20
  ' "$ground/python/bin/schemathesis"
done
