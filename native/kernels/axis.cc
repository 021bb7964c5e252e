// Weights of a resize along one axis: Pillow's src/libImaging/Resample.c (precompute_coeffs, normalize_coeffs_8bpc),
// operation for operation, since the last bit of a weight can change a pixel.
#include "axis.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace semantic_vision {
namespace {

constexpr double kPi = 3.14159265358979323846;

double Box(double x) { return x > -0.5 && x <= 0.5 ? 1.0 : 0.0; }

double Triangle(double x) {
  if (x < 0.0) x = -x;
  return x < 1.0 ? 1.0 - x : 0.0;
}

double Hamming(double x) {
  if (x < 0.0) x = -x;
  if (x == 0.0) return 1.0;
  if (x >= 1.0) return 0.0;
  x = x * kPi;
  return std::sin(x) / x * (0.54f + 0.46f * std::cos(x));  // float constants, as in Pillow
}

double Cubic(double x) {
  constexpr double a = -0.5;
  if (x < 0.0) x = -x;
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

double Sinc(double x) {
  if (x == 0.0) return 1.0;
  x = x * kPi;
  return std::sin(x) / x;
}

double Lanczos(double x) { return -3.0 <= x && x < 3.0 ? Sinc(x) * Sinc(x / 3) : 0.0; }

struct Kernel {
  double (*at)(double);
  double support;
};

Kernel KernelOf(Filter filter) {
  switch (filter) {
    case Filter::kLanczos:
      return {Lanczos, 3.0};
    case Filter::kBilinear:
      return {Triangle, 1.0};
    case Filter::kBicubic:
      return {Cubic, 2.0};
    case Filter::kHamming:
      return {Hamming, 1.0};
    default:
      return {Box, 0.5};
  }
}

// The most of which the high byte, rounded, fits 8 bits.
constexpr int32_t kMaxHigh = 127 * 256 + 127;

size_t RoundUp(size_t value, size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

int32_t ToFixedPoint(double weight) {
  const double scaled = weight * (1 << kWeightBits);
  return static_cast<int32_t>(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

}  // namespace

bool Axis::Build(const AxisKey& key) {
  if (!windows.Reserve(key.count)) return false;
  if (key.source_size == key.target_size) {
    // Pillow skips the pass; a single weight of 1.0 gives the same bytes and spares every kernel a special case.
    stride = 8;
    if (!weights.Reserve(key.count * stride)) return false;
    std::memset(weights.data(), 0, weights.bytes());
    for (size_t i = 0; i < key.count; ++i) {
      windows.data()[i] = {static_cast<uint32_t>(key.begin + i), 1};
      weights.data()[i * stride] = 1 << kWeightBits;
    }
    return key.packing == 0 || BuildPacked(key);
  }

  const Kernel kernel = KernelOf(key.filter);
  const double scale = static_cast<double>(key.source_size) / static_cast<double>(key.target_size);
  const double filter_scale = std::max(scale, 1.0);
  const double support = kernel.support * filter_scale;
  const double inverse = 1.0 / filter_scale;
  const size_t most = std::min(static_cast<size_t>(std::ceil(support)) * 2 + 1, key.source_size);
  stride = RoundUp(most, 8);
  Buffer<double> exact;
  if (!exact.Reserve(most) || !weights.Reserve(key.count * stride)) return false;

  for (size_t i = 0; i < key.count; ++i) {
    const double center = (static_cast<double>(key.begin + i) + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(center - support + 0.5));
    const int end = std::min(static_cast<int>(key.source_size), static_cast<int>(center + support + 0.5));
    const size_t length = static_cast<size_t>(end - first);
    double sum = 0.0;
    for (size_t k = 0; k < length; ++k) {
      exact.data()[k] = kernel.at((static_cast<double>(k) + first - center + 0.5) * inverse);
      sum += exact.data()[k];
    }
    int32_t* fixed = weights.data() + i * stride;
    for (size_t k = 0; k < length; ++k) {
      fixed[k] = ToFixedPoint(sum != 0.0 ? exact.data()[k] / sum : exact.data()[k]);
    }
    std::memset(fixed + length, 0, (stride - length) * sizeof(int32_t));
    windows.data()[i] = {static_cast<uint32_t>(first), static_cast<uint32_t>(length)};
  }
  return key.packing == 0 || BuildPacked(key);
}

bool Axis::BuildPacked(const AxisKey& key) {
  int32_t largest = 0;
  size_t longest = 0;
  for (size_t i = 0; i < key.count; ++i) {
    const Window window = windows.data()[i];
    const size_t first = window.first / key.packing * key.packing;
    longest = std::max(longest, RoundUp(window.first + window.length, key.packing) - first);
    for (size_t k = 0; k < window.length; ++k) {
      largest = std::max(largest, std::abs(weights.data()[i * stride + k]));
    }
  }
  packed.stride = longest;
  packed.shift = 0;
  while ((largest + (1 << packed.shift) / 2) >> packed.shift > kMaxHigh) ++packed.shift;
  const bool quads = key.packing == kQuadPacking;
  if (!packed.windows.Reserve(key.count) || !packed.high.Reserve(quads ? 0 : key.count * longest) ||
      !packed.quads.Reserve(quads ? 2 * key.count * longest : 0)) {
    return false;
  }
  if (quads) {
    std::memset(packed.quads.data(), 0, packed.quads.bytes());
  } else {
    std::memset(packed.high.data(), 0, packed.high.bytes());
  }

  for (size_t i = 0; i < key.count; ++i) {
    const Window window = windows.data()[i];
    const size_t first = window.first / key.packing * key.packing;
    const size_t lead = window.first - first;
    int32_t lowest = kHalf;
    int32_t highest = kHalf;
    for (size_t k = 0; k < window.length; ++k) {
      const int32_t weight = weights.data()[i * stride + k];
      const int32_t high = (weight + (1 << packed.shift) / 2) >> packed.shift;
      const int32_t low = weight - high * (1 << packed.shift);
      if (quads) {
        const size_t at = lead + k;
        int8_t* quad = packed.quads.data() + 2 * (i * longest + at / 4 * 4);
        const int32_t high_byte = (high + 128) >> 8;
        quad[at % 4] = static_cast<int8_t>(high - high_byte * 256);
        quad[4 + at % 4] = static_cast<int8_t>(high_byte);
      } else {
        packed.high.data()[i * longest + lead + k] = static_cast<int16_t>(high);
      }
      (low < 0 ? lowest : highest) += 255 * low;
    }
    lowest >>= packed.shift;
    highest >>= packed.shift;
    const size_t length = RoundUp(lead + window.length, key.packing);
    packed.windows.data()[i] = {static_cast<uint32_t>(first), static_cast<uint32_t>(length), lowest,
                                highest - lowest};
  }
  return true;
}

size_t Axis::bytes() const {
  return windows.bytes() + weights.bytes() + packed.windows.bytes() + packed.high.bytes() +
         packed.quads.bytes();
}

// Geometry.c (ImagingScaleAffine): positions are summed up step by step, whose rounding differs from a product's.
void NearestPositions(size_t source_size, size_t target_size, size_t begin, size_t count, size_t* positions) {
  const double step = static_cast<double>(source_size) / static_cast<double>(target_size);
  double position = step * 0.5;
  for (size_t i = 0; i < begin; ++i) position += step;
  for (size_t i = 0; i < count; ++i, position += step) {
    positions[i] = std::min(static_cast<size_t>(position), source_size - 1);
  }
}

}  // namespace semantic_vision
