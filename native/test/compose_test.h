// Composing over a background against the rounded quotient, for every sample, alpha and background that there is.
#ifndef SEMANTIC_VISION_TEST_COMPOSE_TEST_H_
#define SEMANTIC_VISION_TEST_COMPOSE_TEST_H_

#include "../kernels/implementations.h"

namespace semantic_vision {

// By its definition: sample * alpha + background * (255 - alpha), divided by 255 and rounded. There are no ties.
uint8_t ComposedSample(uint32_t sample, uint32_t alpha, uint32_t background);

void TestCompose(const Implementation& implementation);

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_TEST_COMPOSE_TEST_H_
