// What one loaded copy of the addon holds, and the functions it exports.
#ifndef SEMANTIC_VISION_ADDON_H_
#define SEMANTIC_VISION_ADDON_H_

#include <napi.h>

#include "kernels/implementations.h"

namespace semantic_vision {

class ThreadEnd;

// One per environment (main thread, each worker), freed by Node with it: nothing of JavaScript's is kept in globals.
struct AddonData {
  const Implementation* implementation;  // what runs when a call names none
  ResizeContext resize;                  // an environment runs one call at a time
  ThreadEnd* thread_end;                 // owns itself; null until asked for
};

// Each is described where it is defined.
Napi::Value ByteDotProducts(const Napi::CallbackInfo& info);
Napi::Value CanStartThreads(const Napi::CallbackInfo& info);
Napi::Value EndWithParent(const Napi::CallbackInfo& info);
Napi::Value HoldThreadEnd(const Napi::CallbackInfo& info);
Napi::Value KernelImplementation(const Napi::CallbackInfo& info);
Napi::Value KernelImplementations(const Napi::CallbackInfo& info);
Napi::Value Normalize(const Napi::CallbackInfo& info);
Napi::Value ReleaseThreadEnd(const Napi::CallbackInfo& info);
Napi::Value ResizeBytes(const Napi::CallbackInfo& info);
Napi::Value ResizeNormalize(const Napi::CallbackInfo& info);

}  // namespace semantic_vision

#endif  // SEMANTIC_VISION_ADDON_H_
