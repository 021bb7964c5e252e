// Holds the end of a thread until the threads that it has started are out of native code.
//
// worker.terminate() ends a thread without running any more of its JavaScript, then the threads that it has started; one of
// those that is inside ONNX Runtime aborts the process (see src/pool/exit-gate.ts). What still runs in a thread that is
// being ended is the current turn of its event loop. Node asks the loop to stop from a callback of that turn; libuv runs
// timers after all of those, so a timer that every turn starts for its own end sees it, and can wait.
#include <uv.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <new>
#include <thread>
#include <vector>

#include "addon.h"

namespace semantic_vision {
namespace {

// The layout of src/pool/exit-gate.ts: the first flag says that the end has come, the others count who must leave before.
constexpr size_t kStop = 0;
// Longer than any single image takes; a hang in native code must not keep a thread from ending for ever.
constexpr auto kPatience = std::chrono::seconds(30);
constexpr auto kPause = std::chrono::milliseconds(1);

static_assert(sizeof(std::atomic<int32_t>) == sizeof(int32_t), "flags of JavaScript's Atomics are plain integers");

struct Gate {
  Napi::ObjectReference array;  // keeps the memory
  std::atomic<int32_t>* flags;
  size_t length;

  void Close() const {
    flags[kStop].store(1);
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (size_t flag = kStop + 1; flag < length; flag++) {
      while (flags[flag].load() != 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(kPause);
    }
  }
};

}  // namespace

// Lives as long as its two handles, which outlive the environment by the callbacks that close them.
class ThreadEnd {
 public:
  // Null when Node cannot watch, which it always can.
  static ThreadEnd* Watch(Napi::Env env) {
    uv_loop_t* loop = nullptr;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok) return nullptr;
    auto* watch = new (std::nothrow) ThreadEnd;
    if (watch == nullptr) return nullptr;
    if (napi_add_async_cleanup_hook(env, OnCleanup, watch, &watch->hook_) != napi_ok) {
      delete watch;
      return nullptr;
    }
    uv_check_init(loop, &watch->turn_);
    uv_timer_init(loop, &watch->end_of_turn_);
    watch->turn_.data = watch->end_of_turn_.data = watch;
    // They watch what others keep alive.
    uv_unref(reinterpret_cast<uv_handle_t*>(&watch->turn_));
    uv_unref(reinterpret_cast<uv_handle_t*>(&watch->end_of_turn_));
    return watch;
  }

  void Add(Napi::Object array, int32_t* flags, size_t length) {
    gates_.push_back({Napi::Persistent(array), reinterpret_cast<std::atomic<int32_t>*>(flags), length});
    uv_check_start(&turn_, [](uv_check_t* turn) {
      uv_timer_start(&static_cast<ThreadEnd*>(turn->data)->end_of_turn_, OnEndOfTurn, 0, 0);
    });
  }

  void Remove(const int32_t* flags) {
    const auto same = [flags](const Gate& gate) { return static_cast<const void*>(gate.flags) == flags; };
    gates_.erase(std::remove_if(gates_.begin(), gates_.end(), same), gates_.end());
    if (gates_.empty()) uv_check_stop(&turn_);
  }

 private:
  static void OnEndOfTurn(uv_timer_t* timer) {
    if (timer->loop->stop_flag == 0) return;
    for (const Gate& gate : static_cast<ThreadEnd*>(timer->data)->gates_) gate.Close();
  }

  // The environment ends: its references go first, then the handles.
  static void OnCleanup(napi_async_cleanup_hook_handle, void* data) {
    auto* watch = static_cast<ThreadEnd*>(data);
    watch->gates_.clear();
    uv_close(reinterpret_cast<uv_handle_t*>(&watch->turn_), OnClosed);
    uv_close(reinterpret_cast<uv_handle_t*>(&watch->end_of_turn_), OnClosed);
  }

  static void OnClosed(uv_handle_t* handle) {
    auto* watch = static_cast<ThreadEnd*>(handle->data);
    if (--watch->open_ > 0) return;
    napi_remove_async_cleanup_hook(watch->hook_);
    delete watch;
  }

  uv_check_t turn_;
  uv_timer_t end_of_turn_;
  int open_ = 2;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  std::vector<Gate> gates_;
};

namespace {

Napi::Int32Array FlagsOf(const Napi::CallbackInfo& info) {
  if (info.Length() == 1 && info[0].IsTypedArray()) {
    const auto array = info[0].As<Napi::TypedArray>();
    if (array.TypedArrayType() == napi_int32_array && array.ElementLength() > 0) return array.As<Napi::Int32Array>();
  }
  Napi::TypeError::New(info.Env(), "Expected an Int32Array of flags").ThrowAsJavaScriptException();
  return {};
}

}  // namespace

// TypeScript: holdThreadEnd(flags: Int32Array): void
// C++:        Napi::Value HoldThreadEnd(const Napi::CallbackInfo&)
// From now on this thread, when it is ended from outside, sets the first flag to 1 and waits until the others are 0.
Napi::Value HoldThreadEnd(const Napi::CallbackInfo& info) {
  const Napi::Int32Array flags = FlagsOf(info);
  if (flags.IsEmpty()) return info.Env().Undefined();
  ThreadEnd*& watch = info.Env().GetInstanceData<AddonData>()->thread_end;
  if (watch == nullptr) watch = ThreadEnd::Watch(info.Env());
  if (watch != nullptr) {
    watch->Add(flags, Napi::Int32Array(flags).Data(), flags.ElementLength());
  } else {
    Napi::Error::New(info.Env(), "The end of this thread cannot be watched").ThrowAsJavaScriptException();
  }
  return info.Env().Undefined();
}

// TypeScript: releaseThreadEnd(flags: Int32Array): void
// C++:        Napi::Value ReleaseThreadEnd(const Napi::CallbackInfo&)
// Takes holdThreadEnd(flags) back.
Napi::Value ReleaseThreadEnd(const Napi::CallbackInfo& info) {
  const Napi::Int32Array flags = FlagsOf(info);
  if (flags.IsEmpty()) return info.Env().Undefined();
  ThreadEnd* watch = info.Env().GetInstanceData<AddonData>()->thread_end;
  if (watch != nullptr) watch->Remove(Napi::Int32Array(flags).Data());
  return info.Env().Undefined();
}

}  // namespace semantic_vision
