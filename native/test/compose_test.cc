// Every (sample, alpha, background), then every number of pixels around what SIMD registers hold, in exactly sized memory.
#include "compose_test.h"

#include "harness.h"

namespace semantic_vision {
namespace {

void Check(const Implementation& implementation, const uint8_t* pixels, size_t count, Colour background) {
  const std::unique_ptr<uint8_t[]> actual(new uint8_t[4 * count]);
  const std::unique_ptr<uint8_t[]> in_place(new uint8_t[4 * count]);
  std::memcpy(in_place.get(), pixels, 4 * count);
  implementation.resize->compose(pixels, count, background, actual.get());
  implementation.resize->compose(in_place.get(), count, background, in_place.get());
  const uint8_t under[3] = {background.red, background.green, background.blue};
  for (size_t i = 0; i < count; ++i) {
    for (size_t c = 0; c < 3; ++c) {
      const uint8_t sample = pixels[4 * i + c];
      const uint8_t alpha = pixels[4 * i + 3];
      const uint8_t expected = ComposedSample(sample, alpha, under[c]);
      if (actual[4 * i + c] == expected && in_place[4 * i + c] == expected) continue;
      std::fprintf(stderr, "sample %d, alpha %d over %d: %d\n", sample, alpha, under[c], actual[4 * i + c]);
      FailTest("compose", implementation.name, {pixels, count, 1, 4, 4 * count});
    }
  }
}

}  // namespace

uint8_t ComposedSample(uint32_t sample, uint32_t alpha, uint32_t background) {
  return static_cast<uint8_t>((2 * (sample * alpha + background * (255 - alpha)) + 255) / (2 * 255));
}

void TestCompose(const Implementation& implementation) {
  constexpr size_t kPairs = 256 * 256;
  const std::unique_ptr<uint8_t[]> pairs(new uint8_t[4 * kPairs]);
  for (size_t i = 0; i < kPairs; ++i) {
    const uint8_t sample = static_cast<uint8_t>(i);
    const uint8_t pixel[4] = {sample, sample, sample, static_cast<uint8_t>(i / 256)};
    std::memcpy(pairs.get() + 4 * i, pixel, 4);
  }
  for (int b = 0; b < 256; b += 3) {  // three backgrounds at a time, one a channel
    const auto under = [b](int c) { return static_cast<uint8_t>(b + c < 256 ? b + c : 255); };
    Check(implementation, pairs.get(), kPairs, {under(0), under(1), under(2)});
  }

  Random random(4);
  constexpr size_t kMost = 70;
  for (size_t count = 0; count <= kMost; ++count) {
    const std::unique_ptr<uint8_t[]> pixels(new uint8_t[4 * count]);
    for (size_t i = 0; i < 4 * count; ++i) pixels[i] = random.Byte();
    Check(implementation, pixels.get(), count, {random.Byte(), random.Byte(), random.Byte()});
  }
  std::printf("ok compose %s: all samples, alphas and backgrounds, up to %zu pixels\n", implementation.name, kMost);
}

}  // namespace semantic_vision
