// The table of kernel implementations and the choice among them.
#ifndef SEMANTIC_VISION_KERNELS_IMPLEMENTATIONS_H_
#define SEMANTIC_VISION_KERNELS_IMPLEMENTATIONS_H_

#include <string>
#include <vector>

#include "normalize.h"
#include "resize.h"

namespace semantic_vision {

// One row per instruction set; a new kernel adds one column.
struct Implementation {
  const char* name;
  bool (*supported)();  // by the CPU this process runs on
  NormalizeFunction normalize;
  const ResizeKernel* resize;
};

// Those this CPU can run, best first; never empty, since "scalar" runs everywhere.
const std::vector<const Implementation*>& SupportedImplementations();

// nullptr when no supported implementation has that name.
const Implementation* FindImplementation(const std::string& name);

// "avx2, scalar": for messages.
std::string SupportedNames();

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_KERNELS_IMPLEMENTATIONS_H_
