// Which SIMD families this compiler can target, and how a function asks for one without raising the whole build's ISA.
#ifndef SEMANTIC_VISION_KERNELS_PLATFORM_H_
#define SEMANTIC_VISION_KERNELS_PLATFORM_H_

#if defined(__x86_64__) || defined(_M_X64)
#define SEMANTIC_VISION_HAS_AVX2 1
#define SEMANTIC_VISION_HAS_AVX512 1
#else
#define SEMANTIC_VISION_HAS_AVX2 0
#define SEMANTIC_VISION_HAS_AVX512 0
#endif

#if defined(__aarch64__) || defined(_M_ARM64)
#define SEMANTIC_VISION_HAS_NEON 1
#else
#define SEMANTIC_VISION_HAS_NEON 0
#endif

// Per function rather than per file: a file built with -mavx2 may leave AVX2 copies of inline library functions in the
// binary, and the linker may pick those for code that runs on older CPUs. MSVC needs no switch to use intrinsics.
#if SEMANTIC_VISION_HAS_AVX2 && !defined(_MSC_VER)
#define SEMANTIC_VISION_TARGET_AVX2 __attribute__((target("avx2")))
// What "avx512" stands for in this project: Cascade Lake, Ice Lake, Zen 4 and later.
#define SEMANTIC_VISION_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))
#else
#define SEMANTIC_VISION_TARGET_AVX2
#define SEMANTIC_VISION_TARGET_AVX512
#endif

// For the rare path of a hot loop: inlined, it would take the registers of the common one.
#if defined(_MSC_VER)
#define SEMANTIC_VISION_NOINLINE __declspec(noinline)
#else
#define SEMANTIC_VISION_NOINLINE __attribute__((noinline))
#endif

#endif  // SEMANTIC_VISION_KERNELS_PLATFORM_H_
