// Resizing pixels of any layout, orientation and background against resizing a plain upright copy of them.
#ifndef SEMANTIC_VISION_TEST_UPRIGHT_TEST_H_
#define SEMANTIC_VISION_TEST_UPRIGHT_TEST_H_

#include "../kernels/implementations.h"

namespace semantic_vision {

void TestUpright(const Implementation& implementation, size_t count);

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_TEST_UPRIGHT_TEST_H_
