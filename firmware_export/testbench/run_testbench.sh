#!/bin/bash
# Builds the test bench with g++ and runs it on the golden vectors in tb_data.
# Exit status 0: every integer agrees. 1: some differ. Other: it could not be built or run.
set -e
cd "$(dirname "${BASH_SOURCE[0]:-$0}")"
build="$(mktemp -d)"
trap 'rm -rf "$build"' EXIT
name="$(basename ./*_bridge.cpp _bridge.cpp)"
"${CXX:-g++}" -O1 -DNDEBUG -std=c++11 -w -Ifirmware/ap_types -D "WEIGHTS_DIR=\"$PWD/firmware/weights\"" \
    "firmware/$name.cpp" "${name}_test.cpp" -o "$build/testbench"
cp -r tb_data "$build/tb_data" # beside which the bench writes its log
cd "$build"
./testbench
