// Asks the system for threads before somebody does who can't bear a refusal.
#ifndef _WIN32
#include <pthread.h>

#include <memory>
#include <new>
#endif

#include "addon.h"
#include "arguments.h"

namespace semantic_vision {

#ifndef _WIN32
namespace {

// They do nothing; every system allows as little.
constexpr size_t kStackBytes = 256 * 1024;

// The threads wait for the lock, so that all of them are there at once.
void* WaitForLock(void* lock) {
  pthread_mutex_lock(static_cast<pthread_mutex_t*>(lock));
  pthread_mutex_unlock(static_cast<pthread_mutex_t*>(lock));
  return nullptr;
}

bool CanStart(size_t count) {
  std::unique_ptr<pthread_t[]> threads(new (std::nothrow) pthread_t[count]);
  pthread_attr_t attributes;
  if (threads == nullptr || pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&lock);
  size_t started = 0;
  while (started < count && pthread_create(&threads[started], &attributes, WaitForLock, &lock) == 0) started++;
  pthread_mutex_unlock(&lock);
  for (size_t i = 0; i < started; i++) pthread_join(threads[i], nullptr);
  pthread_attr_destroy(&attributes);
  pthread_mutex_destroy(&lock);
  return started == count;
}

}  // namespace
#endif

// TypeScript: canStartThreads(count: number): boolean
// C++:        Napi::Value CanStartThreads(const Napi::CallbackInfo&)
// Whether that many more threads can be there at once; none of them is left. About 20 us a thread. On Windows, which has no
// such limit, always true.
Napi::Value CanStartThreads(const Napi::CallbackInfo& info) {
  Arguments arguments(info);
  const uint64_t count = arguments.Integer(0, "count", 0, 1 << 16);
  if (!arguments.ok()) return arguments.Throw();
#ifdef _WIN32
  (void)count;
  return Napi::Boolean::New(info.Env(), true);
#else
  return Napi::Boolean::New(info.Env(), CanStart(static_cast<size_t>(count)));
#endif
}

}  // namespace semantic_vision
