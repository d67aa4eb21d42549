// For the thread sanitizer only: it does not know C11's threads, and dies in one that glibc makes
// for librdkafka. These stand before glibc's and are the same in POSIX's form, which it knows.
#include <errno.h>
#include <pthread.h>
#include <threads.h>

#include <cstdint>

namespace {

static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t) && sizeof(cnd_t) == sizeof(pthread_cond_t),
              "glibc's C11 locks are its POSIX locks");

pthread_mutex_t* Posix(mtx_t* mutex) { return reinterpret_cast<pthread_mutex_t*>(mutex); }
pthread_cond_t* Posix(cnd_t* condition) { return reinterpret_cast<pthread_cond_t*>(condition); }

int Thrd(int error) {
  if (error == 0) return thrd_success;
  return error == ETIMEDOUT ? thrd_timedout : thrd_error;
}

struct Start {
  thrd_start_t run;
  void* argument;
};

void* Run(void* start) {
  const Start begin = *static_cast<Start*>(start);
  delete static_cast<Start*>(start);
  return reinterpret_cast<void*>(static_cast<intptr_t>(begin.run(begin.argument)));
}

}  // namespace

extern "C" {

int thrd_create(thrd_t* thread, thrd_start_t run, void* argument) {
  auto* const start = new Start{run, argument};
  const int error = pthread_create(thread, nullptr, &Run, start);
  if (error != 0) delete start;
  return Thrd(error);
}

int thrd_join(thrd_t thread, int* result) {
  void* value = nullptr;
  const int error = pthread_join(thread, &value);
  if (error == 0 && result != nullptr) {
    *result = static_cast<int>(reinterpret_cast<intptr_t>(value));
  }
  return Thrd(error);
}

int mtx_init(mtx_t* mutex, int type) noexcept {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  if ((type & mtx_recursive) != 0) {
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  }
  return Thrd(pthread_mutex_init(Posix(mutex), &attributes));
}
int mtx_lock(mtx_t* mutex) { return Thrd(pthread_mutex_lock(Posix(mutex))); }
int mtx_unlock(mtx_t* mutex) noexcept { return Thrd(pthread_mutex_unlock(Posix(mutex))); }
void mtx_destroy(mtx_t* mutex) noexcept { pthread_mutex_destroy(Posix(mutex)); }

int cnd_init(cnd_t* condition) noexcept {
  return Thrd(pthread_cond_init(Posix(condition), nullptr));
}
int cnd_signal(cnd_t* condition) noexcept { return Thrd(pthread_cond_signal(Posix(condition))); }
int cnd_broadcast(cnd_t* condition) noexcept {
  return Thrd(pthread_cond_broadcast(Posix(condition)));
}
int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  return Thrd(pthread_cond_wait(Posix(condition), Posix(mutex)));
}
int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* until) {
  return Thrd(pthread_cond_timedwait(Posix(condition), Posix(mutex), until));
}
void cnd_destroy(cnd_t* condition) noexcept { pthread_cond_destroy(Posix(condition)); }

}  // extern "C"
