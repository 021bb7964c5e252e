#!/usr/bin/env bash
# Runs the C++ kernel tests under AddressSanitizer and UndefinedBehaviorSanitizer, and again as arm64 code in an emulator.
# Every warning is an error here. Needs a C++17 compiler; CXX names another one.
set -euo pipefail
cd "$(dirname "$0")/.."

compiler=${CXX:-g++}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

strict=(-std=c++17 -Wall -Wextra -Werror -ffp-contract=off -fno-exceptions)
sanitizers=(-g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all)
kernels=(native/kernels/*.cc)
tests=(native/test/*.cc)

echo "== napi layer compiles without warnings ($compiler)"
headers=${npm_config_nodedir:-$(node -p "require('node:path').resolve(process.execPath, '../..')")}/include/node
for file in native/*.cc; do
  "$compiler" "${strict[@]}" -O2 -DNAPI_VERSION=8 -DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS -DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS \
    -I"$headers" -I"$(node -p "require('node-addon-api').include_dir")" -c "$file" -o "$out/napi.o"
done

echo "== kernels under ASan + UBSan ($compiler)"
"$compiler" "${strict[@]}" "${sanitizers[@]}" "${kernels[@]}" "${tests[@]}" -o "$out/kernels-sanitized"
"$out/kernels-sanitized" 500

# -O3 as in binding.gyp: what the optimiser makes of the code is tested too.
echo "== kernels as shipped ($compiler -O3)"
"$compiler" "${strict[@]}" -O3 "${kernels[@]}" "${tests[@]}" -o "$out/kernels"
"$out/kernels"

arm=aarch64-linux-gnu-g++
emulator=$(command -v qemu-aarch64 || command -v qemu-aarch64-static || true)
if command -v "$arm" >/dev/null && [ -n "$emulator" ]; then
  echo "== kernels as arm64 code ($arm -O3, ${emulator##*/})"
  "$arm" "${strict[@]}" -O3 -static "${kernels[@]}" "${tests[@]}" -o "$out/kernels-arm64"
  "$emulator" "$out/kernels-arm64"

  echo "== what arm64 CPUs can do (${emulator##*/})"
  check_cpu() {
    local found
    found=$("$emulator" -cpu "$1" "$out/kernels-arm64" cpu)
    [ "$found" = "$2" ] || { echo "FAIL $1: expected \"$2\" but found \"$found\"" >&2; exit 1; }
    echo "ok $1: $found"
  }
  check_cpu cortex-a53 "neon, scalar:"
  check_cpu neoverse-n1 "neon, scalar: asimddp"
  check_cpu max "neon, scalar: i8mm asimddp"

  echo "== kernels as arm64 code under ASan + UBSan ($arm, ${emulator##*/})"
  "$arm" "${strict[@]}" "${sanitizers[@]}" "${kernels[@]}" "${tests[@]}" -o "$out/kernels-arm64-sanitized"
  # The sanitizers' libraries are shared ones of the cross compiler; the leak checker needs ptrace, which qemu lacks;
  # both together are slow, hence the few cases.
  QEMU_LD_PREFIX=/usr/aarch64-linux-gnu ASAN_OPTIONS=detect_leaks=0 "$emulator" "$out/kernels-arm64-sanitized" 200
else
  echo "== arm64: SKIPPED (install g++-aarch64-linux-gnu and qemu-user to run it)"
fi
echo "sanitize: all passed"
