// Vertical pass of a resize with AVX2: two rows and 32 values at a time.
#include "platform.h"

#if SEMANTIC_VISION_HAS_AVX2

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "lowest_bit.h"
#include "resize.h"
#include "resize_avx2.h"

namespace semantic_vision {
namespace avx2 {
namespace {

constexpr size_t kPairs = kBatchRows / 2;

// 32 values, in the order that unpacking leaves them in and packing undoes.
struct Sums {
  __m256i part[4];
};

// `start` + the sums of byte x weight over `pairs` row pairs, the first of which is number `first_pair` of the batches.
SEMANTIC_VISION_TARGET_AVX2 inline Sums Accumulate(__m256i start, const uint8_t* const* batches,
                                                   size_t first_pair, size_t pairs, size_t pair_bytes, size_t offset,
                                                   const int16_t* weights) {
  const __m256i zero = _mm256_setzero_si256();
  Sums sums = {{start, start, start, start}};
  for (size_t k = 0; k < pairs; ++k) {
    const size_t pair = first_pair + k;
    const uint8_t* from = batches[pair / kPairs] + pair % kPairs * pair_bytes + offset;
    int32_t two;
    std::memcpy(&two, weights + 2 * k, sizeof(two));
    const __m256i weight = _mm256_set1_epi32(two);
    const __m256i left = _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
    const __m256i right = _mm256_load_si256(reinterpret_cast<const __m256i*>(from + 32));
    sums.part[0] = _mm256_add_epi32(sums.part[0], _mm256_madd_epi16(_mm256_unpacklo_epi8(left, zero), weight));
    sums.part[1] = _mm256_add_epi32(sums.part[1], _mm256_madd_epi16(_mm256_unpackhi_epi8(left, zero), weight));
    sums.part[2] = _mm256_add_epi32(sums.part[2], _mm256_madd_epi16(_mm256_unpacklo_epi8(right, zero), weight));
    sums.part[3] = _mm256_add_epi32(sums.part[3], _mm256_madd_epi16(_mm256_unpackhi_epi8(right, zero), weight));
  }
  return sums;
}

// The sums plus `more`, rounded, in order.
SEMANTIC_VISION_TARGET_AVX2 inline __m256i Round(const Sums& sums, __m256i more, __m128i bits) {
  __m256i part[4];
  for (int i = 0; i < 4; ++i) part[i] = _mm256_sra_epi32(_mm256_add_epi32(sums.part[i], more), bits);
  const __m256i left = _mm256_packs_epi32(part[0], part[1]);
  const __m256i right = _mm256_packs_epi32(part[2], part[3]);
  return _mm256_permute4x64_epi64(_mm256_packus_epi16(left, right), 0xd8);
}

// One value with the whole weights, where their high halves do not settle it; see PackedWindow.
uint8_t Exact(const uint8_t* const* batches, const Axis& axis, size_t output, size_t pair_bytes, size_t value) {
  const Window window = axis.windows.data()[output];
  const int32_t* weights = axis.weights.data() + output * axis.stride;
  int32_t sum = kHalf;
  for (size_t k = 0; k < window.length; ++k) {
    const size_t row = window.first % kBatchRows + k;
    const uint8_t* pair = batches[row / kBatchRows] + row % kBatchRows / 2 * pair_bytes;
    sum += pair[2 * value + row % 2] * weights[k];
  }
  return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

size_t BatchBytes(size_t columns) { return kPairs * PairBytes(columns); }

}  // namespace

SEMANTIC_VISION_TARGET_AVX2 void Vertical(const uint8_t* const* batches, const Axis& axis, size_t output,
                                          size_t columns, uint8_t* row) {
  const PackedWeights& packed = axis.packed;
  const PackedWindow& window = packed.windows.data()[output];
  const size_t first_pair = window.first % kBatchRows / 2;
  const size_t pairs = window.length / 2;
  const size_t pair_bytes = PairBytes(columns);
  const int16_t* weights = packed.high.data() + output * packed.stride;
  const __m128i bits = _mm_cvtsi32_si128(kWeightBits - packed.shift);
  const __m256i start = _mm256_set1_epi32(window.lowest);
  const __m256i spread = _mm256_set1_epi32(window.spread);

  for (size_t value = 0; value < columns * 3; value += 32) {
    const Sums sums = Accumulate(start, batches, first_pair, pairs, pair_bytes, 2 * value, weights);
    const __m256i least = Round(sums, _mm256_setzero_si256(), bits);
    const __m256i most = Round(sums, spread, bits);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(row + value), least);
    uint32_t differ = ~static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(least, most)));
    for (; differ != 0; differ &= differ - 1) {
      const size_t at = value + LowestBit(differ);
      row[at] = Exact(batches, axis, output, pair_bytes, at);
    }
  }
}

}  // namespace avx2

const ResizeKernel kResizeAvx2 = {avx2::kBatchRows,   avx2::kPacking,   avx2::kPacking, avx2::BatchBytes,
                                  avx2::ScratchBytes, avx2::Horizontal, avx2::Vertical, ComposeAvx2};

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_HAS_AVX2
