// Compose, sample by sample: the reference that the others must equal to the bit.
#include "compose.h"

namespace semantic_vision {

void ComposeScalar(const uint8_t* from, size_t count, Colour background, uint8_t* into) {
  const uint32_t under[3] = {background.red, background.green, background.blue};
  for (size_t i = 0; i < count; ++i, from += 4, into += 4) {
    const uint32_t alpha = from[3];
    for (size_t c = 0; c < 3; ++c) {
      const uint32_t sum = from[c] * alpha + under[c] * (255 - alpha) + 128;
      into[c] = static_cast<uint8_t>((sum + (sum >> 8)) >> 8);
    }
  }
}

}  // namespace semantic_vision
