// Asks the CPU by CPUID on x86 and the operating system on arm64, where programs may not ask the CPU.
#include "cpu.h"

#include <cstdint>

#if SEMANTIC_VISION_HAS_AVX2
#if defined(_MSC_VER)
#include <immintrin.h>
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#elif SEMANTIC_VISION_HAS_NEON
#if defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(_WIN32)
#include <windows.h>
#endif
#endif

namespace semantic_vision {
#if SEMANTIC_VISION_HAS_AVX2
namespace {

struct CpuidRegisters {
  uint32_t eax = 0;
  uint32_t ebx = 0;
  uint32_t ecx = 0;
  uint32_t edx = 0;
};

// Zeros when the CPU has no such leaf: it would answer with another one's registers.
CpuidRegisters Cpuid(uint32_t leaf, uint32_t subleaf) {
  CpuidRegisters registers;
#if defined(_MSC_VER)
  int values[4];
  __cpuid(values, 0);
  if (static_cast<uint32_t>(values[0]) < leaf) return registers;
  __cpuidex(values, static_cast<int>(leaf), static_cast<int>(subleaf));
  registers.eax = static_cast<uint32_t>(values[0]);
  registers.ebx = static_cast<uint32_t>(values[1]);
  registers.ecx = static_cast<uint32_t>(values[2]);
  registers.edx = static_cast<uint32_t>(values[3]);
#else
  __get_cpuid_count(leaf, subleaf, &registers.eax, &registers.ebx, &registers.ecx, &registers.edx);
#endif
  return registers;
}

// VNNI for vectors of 256 bits. By CPUID with every compiler: older ones refuse its name in __builtin_cpu_supports().
bool CpuHasAvxVnni() {
  constexpr uint32_t kAvxVnni = 1u << 4;
  return CpuHasAvx2() && Cpuid(7, 0).eax >= 1 && (Cpuid(7, 1).eax & kAvxVnni) != 0;
}

}  // namespace

// Both ways also ask whether the operating system saves the 256-bit registers.
bool CpuHasAvx2() {
#if defined(_MSC_VER)
  constexpr uint32_t kOsxsaveAndAvx = (1u << 27) | (1u << 28);
  if ((Cpuid(1, 0).ecx & kOsxsaveAndAvx) != kOsxsaveAndAvx || (_xgetbv(0) & 6) != 6) return false;
  return (Cpuid(7, 0).ebx & (1u << 5)) != 0;
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
  constexpr uint32_t kFoundationBytesAndLengths = (1u << 16) | (1u << 30) | (1u << 31);
  constexpr uint32_t kVnni = 1u << 11;
  const CpuidRegisters leaf7 = Cpuid(7, 0);
  return (_xgetbv(0) & 0xe6) == 0xe6 && (leaf7.ebx & kFoundationBytesAndLengths) == kFoundationBytesAndLengths &&
         (leaf7.ecx & kVnni) != 0;
#else
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
#endif
}
#endif

#if SEMANTIC_VISION_HAS_NEON
namespace {

#if defined(__linux__)
// HWCAP_ASIMDDP and HWCAP2_I8MM: headers older than the CPUs lack them.
bool CpuHasDotProducts() { return (getauxval(AT_HWCAP) & (1ul << 20)) != 0; }
bool CpuHasMatrixProducts() { return (getauxval(AT_HWCAP2) & (1ul << 13)) != 0; }
#elif defined(__APPLE__)
// False for a name that this macOS does not know.
bool Sysctl(const char* name) {
  int value = 0;
  size_t size = sizeof(value);
  return sysctlbyname(name, &value, &size, nullptr, 0) == 0 && value != 0;
}
bool CpuHasDotProducts() { return Sysctl("hw.optional.arm.FEAT_DotProd"); }
bool CpuHasMatrixProducts() { return Sysctl("hw.optional.arm.FEAT_I8MM"); }
#elif defined(_WIN32)
// PF_ARM_V82_DP_INSTRUCTIONS_AVAILABLE, which older SDKs lack; few versions of Windows can tell of the other.
bool CpuHasDotProducts() { return IsProcessorFeaturePresent(43) != 0; }
bool CpuHasMatrixProducts() { return false; }
#else
bool CpuHasDotProducts() { return false; }
bool CpuHasMatrixProducts() { return false; }
#endif

}  // namespace
#endif

std::vector<const char*> ByteDotProductNames() {
  std::vector<const char*> names;
#if SEMANTIC_VISION_HAS_AVX512
  if (CpuHasAvx512()) names.push_back("avx512_vnni");
  if (CpuHasAvxVnni()) names.push_back("avx_vnni");
#elif SEMANTIC_VISION_HAS_NEON
  if (CpuHasMatrixProducts()) names.push_back("i8mm");
  if (CpuHasDotProducts()) names.push_back("asimddp");
#endif
  return names;
}

}  // namespace semantic_vision
