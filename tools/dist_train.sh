#!/usr/bin/env bash
# bash tools/dist_train.sh CONFIG GPUS [OPTIONS OF train.py]
# Several machines: set NNODES, NODE_RANK and MASTER_ADDR. Without a GPU, GPUS is the number of processes (gloo).
set -euo pipefail

CONFIG=${1:?usage: bash tools/dist_train.sh CONFIG GPUS [OPTIONS]}
GPUS=${2:?usage: bash tools/dist_train.sh CONFIG GPUS [OPTIONS]}
ROOT=$(cd "$(dirname "$0")/.." && pwd)
# PYTHON, else the active environment, else the one that make creates.
PYTHON=${PYTHON:-$(python -c 'import mmengine' 2>/dev/null && echo python || make -s -C "$ROOT" python)}

PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}" exec "$PYTHON" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$GPUS" \
    "$ROOT/tools/train.py" "$CONFIG" --launcher pytorch "${@:3}"
