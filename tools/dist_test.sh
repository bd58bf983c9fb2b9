#!/usr/bin/env bash
# bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [OPTIONS OF test.py]
# Several machines: set NNODES, NODE_RANK and MASTER_ADDR. Without a GPU, GPUS is the number of processes (gloo).
set -euo pipefail

USAGE='usage: bash tools/dist_test.sh CONFIG CHECKPOINT GPUS [OPTIONS]'
CONFIG=${1:?$USAGE}
CHECKPOINT=${2:?$USAGE}
GPUS=${3:?$USAGE}
ROOT=$(cd "$(dirname "$0")/.." && pwd)
# PYTHON, else the active environment, else the one that make creates.
PYTHON=${PYTHON:-$(python -c 'import mmengine' 2>/dev/null && echo python || make -s -C "$ROOT" python)}

PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}" exec "$PYTHON" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$GPUS" \
    "$ROOT/tools/test.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "${@:4}"
