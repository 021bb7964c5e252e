// Which kernel implementation an environment uses.
#ifndef SEMANTIC_VISION_CHOOSE_IMPLEMENTATION_H_
#define SEMANTIC_VISION_CHOOSE_IMPLEMENTATION_H_

#include <napi.h>

#include "kernels/implementations.h"

namespace semantic_vision {

// The best one, or the one that process.env.SEMANTIC_VISION_KERNEL names; nullptr with a JavaScript exception pending
// (its `code` is INVALID_OPTION) when this CPU has none of that name.
const Implementation* ChooseImplementation(Napi::Env env);

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_CHOOSE_IMPLEMENTATION_H_
