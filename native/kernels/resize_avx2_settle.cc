// Exact results for the few bytes of the horizontal AVX2 and AVX-512 passes that half the weights' bits leave open.
#include "platform.h"

#if SEMANTIC_VISION_HAS_AVX2

#include <immintrin.h>

#include <algorithm>

#include "lowest_bit.h"
#include "resize_avx2.h"

namespace semantic_vision {
namespace avx2 {

SEMANTIC_VISION_TARGET_AVX2 uint8_t Exact(const PixelView& source, size_t row_number, size_t channel, const Axis& axis,
                                          size_t output) {
  const uint8_t* row = source.data + row_number * source.row_stride;
  const size_t channels = source.channels;
  const size_t row_bytes = source.width * channels;
  const Window window = axis.windows.data()[output];
  const int32_t* weights = axis.weights.data() + output * axis.stride;
  constexpr char o = -128;
  const __m128i every_third = _mm_setr_epi8(0, o, o, o, 3, o, o, o, 6, o, o, o, 9, o, o, o);
  const __m128i every_fourth = _mm_setr_epi8(0, o, o, o, 4, o, o, o, 8, o, o, o, 12, o, o, o);
  const __m128i pick = channels == 3 ? every_third : every_fourth;
  size_t at = window.first * channels + channel;
  size_t k = 0;
  __m128i sums = _mm_setzero_si128();
  for (; k + 4 <= window.length && at + 16 <= row_bytes; k += 4, at += 4 * channels) {
    const __m128i values = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row + at)), pick);
    const __m128i four = _mm_loadu_si128(reinterpret_cast<const __m128i*>(weights + k));
    sums = _mm_add_epi32(sums, _mm_mullo_epi32(values, four));
  }
  sums = _mm_add_epi32(sums, _mm_shuffle_epi32(sums, 0x4e));
  sums = _mm_add_epi32(sums, _mm_shuffle_epi32(sums, 0xb1));
  int32_t sum = kHalf + _mm_cvtsi128_si32(sums);
  for (; k < window.length; ++k, at += channels) sum += row[at] * weights[k];
  return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

SEMANTIC_VISION_TARGET_AVX2 void SettleColumns(const Unsettled& unsettled, const PixelView& source, size_t batch,
                                               const Axis& axis, size_t begin, size_t pair_bytes, uint8_t* into) {
  for (size_t n = 0; n < unsettled.count; ++n) {
    const size_t output = unsettled.output[n];
    for (uint32_t bytes = unsettled.bytes[n]; bytes != 0; bytes &= bytes - 1) {
      const size_t byte = LowestBit(bytes);
      const size_t row = batch * kBatchRows + byte / 8 * 2 + byte % 2;
      if (row >= source.height) continue;  // below the image: whatever is there meets no weight
      into[byte / 8 * pair_bytes + (output - begin) * 6 + byte % 8] =
          Exact(source, row, byte % 8 / 2, axis, output);
    }
  }
}

}  // namespace avx2
}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_HAS_AVX2
