#!/bin/bash
# Builds the kernels with g++ as a library, without the oneAPI toolkit: the C simulation.
# Pipes, queue and tasks are the stand-ins in stand_in/sycl; the arithmetic is that of ac_types.
set -e
cd "$(dirname "${BASH_SOURCE[0]:-$0}")"
CFLAGS="-O3 -DNDEBUG -fPIC -std=c++17 -w"
name="$(basename src/*_bridge.cpp _bridge.cpp)"
build="$(mktemp -d)"
trap 'rm -rf "$build"' EXIT
cp -r src "$build/src"
# The constructors of these ac_types are no constant expressions: constants of them become const.
sed -i 's/static constexpr \(.* = \)/static const \1/' "$build"/src/firmware/weights/*.h
sed -i 's/constexpr auto padds = /const auto padds = /' "$build"/src/firmware/nnet_utils/*.h
for file in "firmware/$name" "${name}_bridge"; do
    "${CXX:-g++}" $CFLAGS -Istand_in -Istand_in/ac_types -I"$build/src" -I"$build/src/firmware" \
        -c "$build/src/$file.cpp" -o "$build/$(basename "$file").o"
done
mkdir -p firmware
"${CXX:-g++}" -shared "$build/$name.o" "$build/${name}_bridge.o" -o "firmware/$name.so"
