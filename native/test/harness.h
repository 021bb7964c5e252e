// What the stand-alone kernel tests share: random numbers, exactly sized memory, and one way to fail.
#ifndef SEMANTIC_VISION_TEST_HARNESS_H_
#define SEMANTIC_VISION_TEST_HARNESS_H_

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>

#include "../kernels/pixel_view.h"
#include "../kernels/upright_rows.h"

namespace semantic_vision {

// Seeded, so that a failure can be repeated.
class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  size_t Between(size_t low, size_t high) { return low + engine_() % (high - low + 1); }
  uint8_t Byte() { return static_cast<uint8_t>(engine_() >> 24); }
  float Unit() { return static_cast<float>(engine_() >> 8) / 16777216.0f; }

 private:
  std::mt19937 engine_;
};

// Pixels on the heap with not one byte to spare: padding follows every row but the last, and `misalignment` bytes come
// first, so that AddressSanitizer sees any read outside.
class TestImage {
 public:
  TestImage(Random& random, size_t width, size_t height, size_t channels, size_t padding, size_t misalignment) {
    const size_t stride = width * channels + padding;
    const size_t bytes = misalignment + (height - 1) * stride + width * channels;
    memory_.reset(new uint8_t[bytes]);
    for (size_t i = 0; i < bytes; ++i) memory_[i] = random.Byte();
    view_ = {memory_.get() + misalignment, width, height, channels, stride};
  }
  const PixelView& view() const { return view_; }
  StoredImage stored() const { return {view_.data, view_.width, view_.height, view_.row_stride, view_.channels, 1, 1}; }
  // Pure black and white make filters overshoot most.
  void MakeExtreme() {
    const size_t bytes = (view_.height - 1) * view_.row_stride + view_.width * view_.channels;
    uint8_t* from = const_cast<uint8_t*>(view_.data);
    for (size_t i = 0; i < bytes; ++i) from[i] = from[i] < 128 ? 0 : 255;
  }

 private:
  std::unique_ptr<uint8_t[]> memory_;
  PixelView view_;
};

[[noreturn]] inline void FailTest(const char* test, const char* implementation, const PixelView& view) {
  std::fprintf(stderr, "FAIL %s %s: %zux%zu, %zu channels, stride %zu\n", test, implementation, view.width, view.height,
               view.channels, view.row_stride);
  std::exit(1);
}

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_TEST_HARNESS_H_
