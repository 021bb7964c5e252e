// Interleaved 8-bit RGBA pixels composed over one colour, one declaration per implementation.
#ifndef SEMANTIC_VISION_KERNELS_COMPOSE_H_
#define SEMANTIC_VISION_KERNELS_COMPOSE_H_

#include <cstddef>
#include <cstdint>

namespace semantic_vision {

struct Colour {
  uint8_t red, green, blue;
};

// Each colour sample s of alpha a becomes what Pillow's Image.paste() with a mask makes of it, with b of the background:
// t = s * a + b * (255 - a) + 128, then (t + (t >> 8)) >> 8, which is the quotient by 255, rounded. The fourth byte of each
// written pixel means nothing. `into` is `from` itself, or memory of its own.
using ComposeFunction = void (*)(const uint8_t* from, size_t count, Colour background, uint8_t* into);

void ComposeScalar(const uint8_t* from, size_t count, Colour background, uint8_t* into);
void ComposeAvx2(const uint8_t* from, size_t count, Colour background, uint8_t* into);
void ComposeNeon(const uint8_t* from, size_t count, Colour background, uint8_t* into);

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_KERNELS_COMPOSE_H_
