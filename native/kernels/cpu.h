// What this CPU can do and the operating system lets programs use.
#ifndef SEMANTIC_VISION_KERNELS_CPU_H_
#define SEMANTIC_VISION_KERNELS_CPU_H_

#include <vector>

#include "platform.h"

namespace semantic_vision {

#if SEMANTIC_VISION_HAS_AVX2
bool CpuHasAvx2();
#endif

#if SEMANTIC_VISION_HAS_AVX512
// Of AVX-512 the parts F, BW, VL and VNNI, as SEMANTIC_VISION_TARGET_AVX512; implies AVX2.
bool CpuHasAvx512();
#endif

// Instructions that sum products of bytes in 32 bits, by Linux's names: on x86 "avx512_vnni" (vectors of 512 bits) and
// "avx_vnni" (of 256), on arm64 "i8mm" and "asimddp". Those that can be used; none where nobody can be asked.
std::vector<const char*> ByteDotProductNames();

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_KERNELS_CPU_H_
