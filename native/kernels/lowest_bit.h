// The one bit operation that C++17 has no name for.
#ifndef SEMANTIC_VISION_KERNELS_LOWEST_BIT_H_
#define SEMANTIC_VISION_KERNELS_LOWEST_BIT_H_

#include <cstddef>
#include <cstdint>

#if defined(_MSC_VER)
#include <intrin.h>
#endif

namespace semantic_vision {

// Position of the lowest bit that is set; there must be one.
inline size_t LowestBit(uint64_t bits) {
#if defined(_MSC_VER)
  unsigned long position;
  _BitScanForward64(&position, bits);
  return position;
#else
  return static_cast<size_t>(__builtin_ctzll(bits));
#endif
}

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_KERNELS_LOWEST_BIT_H_
