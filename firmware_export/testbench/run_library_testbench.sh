#!/bin/bash
# Builds the C simulation with g++ in a temporary copy and runs it on the golden vectors in tb_data.
# Exit status 0: every integer agrees. 1: some differ. Other: it could not be built or run.
set -e
cd "$(dirname "${BASH_SOURCE[0]:-$0}")"
build="$(mktemp -d)"
trap 'rm -rf "$build"' EXIT
cp -r . "$build/project"
cd "$build/project"
bash build_lib.sh > build.log 2>&1 || { cat build.log; exit 3; }
"${CXX:-g++}" -O1 -std=c++11 -w ./*_library_test.cpp firmware/*.so -o testbench
LD_LIBRARY_PATH="$PWD/firmware" ./testbench
