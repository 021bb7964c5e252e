// Tells JavaScript which byte dot products the CPU has.
#include "addon.h"
#include "kernels/cpu.h"

namespace semantic_vision {

// TypeScript: byteDotProducts(): string[]
// C++:        Napi::Value ByteDotProducts(const Napi::CallbackInfo&)
// Those of "avx512_vnni", "avx_vnni", "i8mm" and "asimddp" that this CPU has and the operating system lets programs use.
// SEMANTIC_VISION_KERNEL changes nothing about it.
Napi::Value ByteDotProducts(const Napi::CallbackInfo& info) {
  const std::vector<const char*> found = ByteDotProductNames();
  Napi::Array names = Napi::Array::New(info.Env(), found.size());
  for (size_t i = 0; i < found.size(); ++i) {
    names.Set(static_cast<uint32_t>(i), Napi::String::New(info.Env(), found[i]));
  }
  return names;
}

}  // namespace semantic_vision
