// Vertical pass of a resize with AVX-512: four rows and 64 values at a time.
#include "platform.h"

#if SEMANTIC_VISION_HAS_AVX512

#if defined(__GNUC__) && !defined(__clang__)
// GCC 12's AVX-512 intrinsics start from a register that they leave uninitialised on purpose, and it warns of that.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "lowest_bit.h"
#include "resize.h"
#include "resize_avx512.h"

namespace semantic_vision {
namespace avx512 {
namespace {

// One value with the whole weights, where their high halves do not settle it; see PackedWindow.
uint8_t Exact(const uint8_t* const* batches, const Axis& axis, size_t output, size_t quad_bytes, size_t value) {
  const Window window = axis.windows.data()[output];
  const int32_t* weights = axis.weights.data() + output * axis.stride;
  int32_t sum = kHalf;
  for (size_t k = 0; k < window.length; ++k) {
    const size_t row = window.first % kBatchRows + k;
    const uint8_t* quad = batches[row / kBatchRows] + row % kBatchRows / kQuadRows * quad_bytes;
    sum += quad[4 * value + row % kQuadRows] * weights[k];
  }
  return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

size_t BatchBytes(size_t columns) { return kQuads * QuadBytes(columns); }

}  // namespace

SEMANTIC_VISION_TARGET_AVX512 void Vertical(const uint8_t* const* batches, const Axis& axis, size_t output,
                                            size_t columns, uint8_t* row) {
  const PackedWeights& packed = axis.packed;
  const PackedWindow& window = packed.windows.data()[output];
  const size_t first_quad = window.first % kBatchRows / kQuadRows;
  const size_t end_quad = first_quad + window.length / kQuadRows;
  const size_t quad_bytes = QuadBytes(columns);
  const int bits = kWeightBits - packed.shift;
  const __m128i shift = _mm_cvtsi32_si128(bits);
  const __m512i start = _mm512_set1_epi32(window.lowest);
  const __m512i fraction = _mm512_set1_epi32((1 << bits) - 1);
  const __m512i carries = _mm512_set1_epi32((1 << bits) - 1 - window.spread);
  // Undoes the order that packing within 128-bit lanes leaves.
  const __m512i in_order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);

  for (size_t value = 0; value < columns * 3; value += 64) {
    __m512i low[4] = {start, start, start, start};
    __m512i high[4] = {};
    const int8_t* weights = packed.quads.data() + output * 2 * packed.stride;
    for (size_t quad = first_quad; quad < end_quad; ++quad, weights += 8) {
      const uint8_t* from = batches[quad / kQuads] + quad % kQuads * quad_bytes + 4 * value;
      int32_t four[2];
      std::memcpy(four, weights, sizeof(four));
      const __m512i low_weights = _mm512_set1_epi32(four[0]);
      const __m512i high_weights = _mm512_set1_epi32(four[1]);
      for (int part = 0; part < 4; ++part) {
        const __m512i pixels = _mm512_load_si512(from + 64 * part);
        low[part] = _mm512_dpbusd_epi32(low[part], pixels, low_weights);
        high[part] = _mm512_dpbusd_epi32(high[part], pixels, high_weights);
      }
    }
    __m512i rounded[4];
    uint64_t differ = 0;
    for (int part = 0; part < 4; ++part) {
      const __m512i sum = _mm512_add_epi32(_mm512_slli_epi32(high[part], 8), low[part]);
      const __mmask16 carry = _mm512_cmpgt_epi32_mask(_mm512_and_si512(sum, fraction), carries);
      differ |= static_cast<uint64_t>(carry) << (16 * part);
      rounded[part] = _mm512_sra_epi32(sum, shift);
    }
    const __m512i bytes = _mm512_packus_epi16(_mm512_packs_epi32(rounded[0], rounded[1]),
                                              _mm512_packs_epi32(rounded[2], rounded[3]));
    _mm512_storeu_si512(row + value, _mm512_permutexvar_epi32(in_order, bytes));
    for (; differ != 0; differ &= differ - 1) {
      const size_t at = value + LowestBit(differ);
      row[at] = Exact(batches, axis, output, quad_bytes, at);
    }
  }
}

}  // namespace avx512

const ResizeKernel kResizeAvx512 = {avx512::kBatchRows,   kQuadPacking,       kQuadPacking,    avx512::BatchBytes,
                                    avx512::ScratchBytes, avx512::Horizontal, avx512::Vertical, ComposeAvx2};

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_HAS_AVX512
