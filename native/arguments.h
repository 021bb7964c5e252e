// Reads and checks what JavaScript passed, so that no kernel ever sees a length that was not verified.
#ifndef SEMANTIC_VISION_ARGUMENTS_H_
#define SEMANTIC_VISION_ARGUMENTS_H_

#include <napi.h>

#include <cstdint>
#include <optional>
#include <string>

#include "kernels/implementations.h"
#include "kernels/pixel_view.h"
#include "kernels/upright_rows.h"

namespace semantic_vision {

// The memory behind a typed array, borrowed for the length of one native call.
template <typename Element>
struct Span {
  Element* data = nullptr;
  size_t length = 0;  // elements
};

// Every reader notes the first thing that is wrong and then returns zeros, so a function reads all its arguments and
// asks once. No reader runs JavaScript (no getters, no valueOf), so nothing can shrink or detach a buffer meanwhile.
class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  // A number without a fraction, minimum <= value <= maximum; both within the safe integers.
  uint64_t Integer(size_t index, const char* name, uint64_t minimum, uint64_t maximum);

  // Uint8Array, Buffer or Uint8ClampedArray over any memory, shared too.
  Span<uint8_t> Bytes(size_t index, const char* name);

  Span<float> Floats(size_t index, const char* name);

  // A Float32Array of exactly `length` finite numbers.
  const float* Coefficients(size_t index, const char* name, size_t length);

  // Five arguments from `index` on: offset, width, height, channels, row stride; all of it within `source`.
  PixelView Pixels(size_t index, Span<uint8_t> source);

  // Eight arguments from `index` on: those of Pixels(), with 1 to 4 channels, then bytes per sample, orientation and
  // background.
  StoredImage Stored(size_t index, Span<uint8_t> source);

  // Optional: `otherwise` when undefined or not given.
  const Implementation* ImplementationNamed(size_t index, const Implementation* otherwise);

  // A target must hold `needed` elements and share no memory with the source.
  void CheckTarget(const void* target, size_t length, size_t element_bytes, size_t needed, Span<uint8_t> source);

  // Notes `message` unless something was wrong before.
  void Fail(const std::string& message);
  bool ok() const { return error_.empty(); }
  // Throws what was noted, as a RangeError.
  Napi::Value Throw() const;

 private:
  // Optional: 0xRRGGBB; none when undefined.
  std::optional<Colour> Background(size_t index);
  // What Pixels() and Stored() have in common; a pixel takes `sample_bytes` for each channel.
  PixelView Rows(size_t index, Span<uint8_t> source, uint64_t least_channels, uint64_t sample_bytes);
  void FailExpected(const char* name, const std::string& expected, const std::string& received);

  const Napi::CallbackInfo& info_;
  std::string error_;
};

// True when the two share a byte.
bool Overlap(const void* a, size_t a_bytes, const void* b, size_t b_bytes);

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_ARGUMENTS_H_
