#!/bin/bash
# Builds the test bench with every warning an error and undefined behaviour caught, and runs it on
# the golden vectors in ../vectors. Exit status 0: every integer agrees. 1: some differ.
set -e
cd "$(dirname "${BASH_SOURCE[0]:-$0}")/.."
build="$(mktemp -d)"
trap 'rm -rf "$build"' EXIT
"${CC:-gcc}" -std=c99 -O2 -Wall -Wextra -Werror -fsanitize=undefined -fno-sanitize-recover=all \
    c99/*.c -o "$build/testbench"
"$build/testbench"
