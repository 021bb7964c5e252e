// Interleaved 8-bit pixels -> planar float32 (NCHW, N = 1), one declaration per implementation.
#ifndef SEMANTIC_VISION_KERNELS_NORMALIZE_H_
#define SEMANTIC_VISION_KERNELS_NORMALIZE_H_

#include "pixel_view.h"

namespace semantic_vision {

// target[c * width * height + y * width + x] = source(x, y, c) * scale[c] + bias[c] for c = 0 (R), 1 (G), 2 (B).
// The product is rounded before the sum (never fused), so that every implementation gives the same bits. `target` holds
// 3 * width * height floats, aligned for float, and does not overlap the source.
using NormalizeFunction = void (*)(const PixelView& source, const float* scale, const float* bias, float* target);

void NormalizeScalar(const PixelView& source, const float* scale, const float* bias, float* target);
void NormalizeAvx2(const PixelView& source, const float* scale, const float* bias, float* target);
void NormalizeNeon(const PixelView& source, const float* scale, const float* bias, float* target);

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_KERNELS_NORMALIZE_H_
