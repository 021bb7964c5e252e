// The table of kernel implementations, best first, scalar last.
#include "implementations.h"

#include "cpu.h"
#include "platform.h"

namespace semantic_vision {
namespace {

bool Always() { return true; }

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
