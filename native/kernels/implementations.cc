// The table of kernel implementations, best first, scalar last.
#include "implementations.h"

#include "platform.h"

#if SEMANTIC_VISION_HAS_AVX2 && defined(_MSC_VER)
#include <immintrin.h>
#include <intrin.h>
#endif

namespace semantic_vision {
namespace {

bool Always() { return true; }

#if SEMANTIC_VISION_HAS_AVX2
// Both ways also ask whether the operating system saves the 256-bit registers.
bool CpuHasAvx2() {
#if defined(_MSC_VER)
  constexpr int kOsxsaveAndAvx = (1 << 27) | (1 << 28);
  int registers[4];
  __cpuid(registers, 0);
  if (registers[0] < 7) return false;
  __cpuid(registers, 1);
  if ((registers[2] & kOsxsaveAndAvx) != kOsxsaveAndAvx || (_xgetbv(0) & 6) != 6) return false;
  __cpuidex(registers, 7, 0);
  return (registers[1] & (1 << 5)) != 0;
#else
  return __builtin_cpu_supports("avx2") != 0;
#endif
}
#endif

#if SEMANTIC_VISION_HAS_AVX512
// Likewise the 512-bit and the mask registers. No CPU has AVX-512 without AVX2, which some of its functions are.
bool CpuHasAvx512() {
  if (!CpuHasAvx2()) return false;
#if defined(_MSC_VER)
  constexpr unsigned kFoundationBytesAndLengths = (1u << 16) | (1u << 30) | (1u << 31);
  int registers[4];
  __cpuidex(registers, 7, 0);
  const unsigned leaf7 = static_cast<unsigned>(registers[1]);
  return (_xgetbv(0) & 0xe6) == 0xe6 && (leaf7 & kFoundationBytesAndLengths) == kFoundationBytesAndLengths &&
         (registers[2] & (1 << 11)) != 0;
#else
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
#endif
}
#endif

constexpr Implementation kImplementations[] = {
#if SEMANTIC_VISION_HAS_AVX512
    {"avx512", CpuHasAvx512, NormalizeAvx2, &kResizeAvx512},
#endif
#if SEMANTIC_VISION_HAS_AVX2
    {"avx2", CpuHasAvx2, NormalizeAvx2, &kResizeAvx2},
#endif
#if SEMANTIC_VISION_HAS_NEON
    {"neon", Always, NormalizeNeon, &kResizeNeon},  // part of every arm64 CPU
#endif
    {"scalar", Always, NormalizeScalar, &kResizeScalar},
};

}  // namespace

const std::vector<const Implementation*>& SupportedImplementations() {
  static const std::vector<const Implementation*> supported = [] {
    std::vector<const Implementation*> found;
    for (const Implementation& implementation : kImplementations) {
      if (implementation.supported()) found.push_back(&implementation);
    }
    return found;
  }();
  return supported;
}

const Implementation* FindImplementation(const std::string& name) {
  for (const Implementation* implementation : SupportedImplementations()) {
    if (name == implementation->name) return implementation;
  }
  return nullptr;
}

std::string SupportedNames() {
  std::string names;
  for (const Implementation* implementation : SupportedImplementations()) {
    if (!names.empty()) names += ", ";
    names += implementation->name;
  }
  return names;
}

}  // namespace semantic_vision
